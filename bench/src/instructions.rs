//! Instructions a packet: the figures that are committed, and whether what was counted keeps to them.
//!
//! Counts are the same on a busy machine and on a quiet one, so that a change of a few per cent is seen at once, where times
//! need 15 %. They say nothing of caches, of branches and of the kernel. `bench/instructions` makes and compares them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The share by which a count may exceed its figure. The same program gives the same count within 0.05 % (where its stack lies
/// decides how memory is copied); a function that comes to be inlined otherwise moves it by more.
pub const EXCESS_MAX: f64 = 0.03;

/// What stands above the figures in their file.
const HEAD: &str = "\
# Instructions a packet, of the commit that last changed this file: see benches/instructions. `bench/instructions` compares,
# `bench/instructions --write` renews. Other versions of the two programs below count otherwise.
";

/// What callgrind counted, by the profile that it wrote. None: the profile has no end.
#[must_use]
pub fn collected(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// A file of figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// What counted, as it names itself.
    pub valgrind: String,
    /// What compiled.
    pub rustc: String,
    /// By case.
    pub instructions_a_packet: BTreeMap<String, f64>,
}

/// Counts beside the committed figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub rows: Vec<Row>,
    /// What makes counts differ though the sources may not.
    pub notes: Vec<String>,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub case: String,
    /// None: there is no figure yet.
    pub committed: Option<f64>,
    /// None: it was left out this time.
    pub counted: Option<f64>,
}

/// What a count is to its figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// The figure can be lowered, so that what was gained is kept.
    Below,
    Above,
    /// Nobody has said yet what it may cost.
    NoFigure,
    NotCounted,
}

impl Figures {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// A figure is no number.
    pub fn write(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }

    /// Holds `counted` against these figures.
    #[must_use]
    pub fn compare(&self, counted: &Self) -> Comparison {
        let (ours, theirs) = (&self.instructions_a_packet, &counted.instructions_a_packet);
        let mut cases: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        cases.sort_unstable();
        cases.dedup();
        let row = |case: &String| Row {
            case: case.clone(),
            committed: ours.get(case).copied(),
            counted: theirs.get(case).copied(),
        };
        let differs = |committed: &str, now: &str| {
            (committed != now).then(|| format!("{now} here, {committed} when the figures were committed"))
        };
        let notes = [differs(&self.valgrind, &counted.valgrind), differs(&self.rustc, &counted.rustc)];
        Comparison {
            rows: cases.into_iter().map(row).collect(),
            notes: notes.into_iter().flatten().collect(),
        }
    }
}

impl Comparison {
    /// Whether nothing has become dearer.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.verdict(), Verdict::Above | Verdict::NoFigure))
    }
}

impl Row {
    /// By what share the count exceeds the figure; negative below it.
    #[must_use]
    pub fn excess(&self) -> Option<f64> {
        Some(self.counted? / self.committed? - 1.0)
    }

    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.counted, self.excess()) {
            (None, _) => Verdict::NotCounted,
            (Some(_), None) => Verdict::NoFigure,
            (_, Some(excess)) if excess < -EXCESS_MAX => Verdict::Below,
            (_, Some(excess)) if excess <= EXCESS_MAX => Verdict::Kept,
            // Above, or no number at all.
            _ => Verdict::Above,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>12} {:>12} {:>9}", "instructions", "committed", "counted", "change")?;
        for row in &self.rows {
            let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |one| format!("{one:.1}"));
            let excess = row.excess().map_or_else(String::new, |one| format!("{:+.2} %", one * 100.0));
            let (committed, counted) = (number(row.committed), number(row.counted));
            let verdict = row.verdict().words();
            writeln!(f, "{:<12} {committed:>12} {counted:>12} {excess:>9}{verdict}", row.case)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::Below => "  less than before: renew with --write",
            Self::Above => "  TOO MANY",
            Self::NoFigure => "  NO FIGURE: --write one",
            Self::NotCounted => "  not counted this time",
        }
    }
}

#[cfg(test)]
mod tests;
