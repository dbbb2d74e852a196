//! The comparison for people who stand at a terminal.

use std::fmt;

use super::{Comparison, Warning};
use crate::page::number;

/// Of the figures' names.
const FIRST: usize = 30;
/// Of a column, at least: a value and its ratio.
const COLUMN: usize = 22;
/// Of a column, at most; a longer name is cut at its front, where paths are alike.
const COLUMN_MAX: usize = 34;
/// Of a ratio, behind its value.
const RATIO: usize = 7;
/// What stands between two columns.
const GAP: usize = 2;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "BEWARE  {warning}")?;
        }
        let widths: Vec<_> = self.names().iter().map(|name| width(name)).collect();
        write!(f, "{:<FIRST$}", "")?;
        for (name, width) in self.names().iter().zip(&widths) {
            write!(f, "{:>width$}", shortened(name, width - GAP))?;
        }
        writeln!(f)?;
        for row in &self.rows {
            let mut line = format!("{:<FIRST$}", row.figure);
            for (index, width) in widths.iter().enumerate() {
                let value = row.value(index).unwrap_or_else(|| "none".to_owned());
                let ratio = row.ratio(index).map_or(String::new(), number::times);
                let cell = if index == 0 { value } else { format!("{value} {ratio:>RATIO$}") };
                line += &format!("{cell:>width$}");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { key, values } => write!(f, "{key} differs: {}", values.join(" | ")),
            Self::Limited { name, causes } => {
                write!(f, "{name}: the generator was the limit: {}", causes.join("; "))
            }
            Self::Unmeasured { name } => write!(f, "{name}: the server's process was not measured"),
        }
    }
}

fn width(name: &str) -> usize {
    (name.chars().count() + GAP).clamp(COLUMN, COLUMN_MAX)
}

fn shortened(name: &str, length: usize) -> String {
    let count = name.chars().count();
    if count <= length {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - length + 1).collect();
    format!("…{end}")
}
