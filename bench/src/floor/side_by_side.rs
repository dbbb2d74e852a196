//! The ways beside each other: a table for each sink and number of viewers, a line a way, a column a length of train.

use std::fmt;

use super::{Floor, Row, Sink, Way};

/// Shows a floor as such tables, of medians.
#[derive(Debug, Clone, Copy)]
pub struct SideBySide<'a>(pub &'a Floor);

impl fmt::Display for SideBySide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = &self.0.rows;
        for (sink, viewers) in each(rows, |row| (row.sink, row.viewers)) {
            let trains = each(rows, |row| row.train);
            write!(
                f,
                "\n{} sinks, {viewers} viewers; ns a packet by packets a train\n{:15}",
                sink.name(),
                ""
            )?;
            trains.iter().try_for_each(|train| write!(f, " {train:>7}"))?;
            for way in each(rows, |row| row.way) {
                write!(f, "\n {:14}", way.name())?;
                for train in &trains {
                    match find(rows, (sink, viewers, way, *train)) {
                        Some(row) => write!(f, " {:>7.0}", row.ns_a_packet)?,
                        None => write!(f, " {:>7}", "")?,
                    }
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What there is of something, in the order of the rows.
fn each<T: PartialEq>(rows: &[Row], of: impl Fn(&Row) -> T) -> Vec<T> {
    let mut found = Vec::new();
    for value in rows.iter().map(of) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

fn find(rows: &[Row], what: (Sink, usize, Way, usize)) -> Option<&Row> {
    rows.iter().find(|row| (row.sink, row.viewers, row.way, row.train) == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::row::tests::row;

    /// A figure under another way's name would choose the wrong one; what was not measured is a gap, and not another's figure.
    #[test]
    fn each_figure_stands_in_its_ways_line_and_its_trains_column() {
        let polled = |train, ns| Row { way: Way::Polled, ..row(100, train, ns) };
        let read = Row { sink: Sink::Read, ..row(100, 10, 350.4) };
        let rows = vec![row(100, 1, 1_300.0), polled(1, 3_900.0), row(100, 10, 400.0), read];
        let floor = Floor { rows, notes: Vec::new() };
        let expected = "
full sinks, 100 viewers; ns a packet by packets a train
                      1      10
 plain             1300     400
 sqpoll            3900

read sinks, 100 viewers; ns a packet by packets a train
                      1      10
 plain                      350
 sqpoll
";
        let shown: Vec<String> =
            SideBySide(&floor).to_string().lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(shown, expected.lines().collect::<Vec<_>>());
    }
}
