//! The table of the floor, and what it says of a load that is none of its rows.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{Sink, Way};

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Floor {
    pub rows: Vec<Row>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// One combination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub sink: Sink,
    pub way: Way,
    pub viewers: usize,
    /// Packets of a train.
    pub train: usize,
    /// CPU time of the sending core, the median of the slices.
    pub ns_a_packet: f64,
    /// Of the slice that was disturbed least.
    pub lowest_ns_a_packet: f64,
    /// What one core can send, by the median.
    pub packets_a_second: f64,
    /// Of the packets sent, those that came; 0 to 1. None where nobody reads. Below 1 the reader was the slower one, and the
    /// sender paid less for what was thrown away.
    pub received: Option<f64>,
    /// Of the CPU time, what a thread of the kernel took. None where there is none.
    pub polling_ns_a_packet: Option<f64>,
    /// Of the messages that were to be sent without a copy, those that the kernel copied; 0 to 1. None where all are.
    pub copied: Option<f64>,
}

/// The least that a packet can cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bound {
    pub ns_a_packet: f64,
    pub lowest_ns_a_packet: f64,
    /// Of the rows that it comes from.
    pub viewers: usize,
}

impl Floor {
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The bound for trains of this mean length, from the rows of the nearest number of viewers. None: there are no such rows.
    ///
    /// A message costs the same whatever it carries, and a packet in it the same again: between two rows the cost goes with the
    /// messages a packet, 1 / length. Beyond the shortest and the longest train it is theirs.
    #[must_use]
    pub fn nearest(&self, sink: Sink, way: Way, train: f64, viewers: usize) -> Option<Bound> {
        let rows = || self.rows.iter().filter(|row| row.sink == sink && row.way == way);
        let away = |row: &&Row| (number(row.viewers) / number(viewers.max(1))).ln().abs();
        let viewers = rows().min_by(|one, other| away(one).total_cmp(&away(other)))?.viewers;
        let rows = || rows().filter(|row| row.viewers == viewers);
        let shorter = rows().filter(|row| number(row.train) <= train).max_by_key(|row| row.train);
        let longer = rows().filter(|row| number(row.train) >= train).min_by_key(|row| row.train);
        let (shorter, longer) = (shorter.or(longer)?, longer.or(shorter)?);
        let span = 1.0 / number(shorter.train) - 1.0 / number(longer.train);
        let part = if span > 0.0 { (1.0 / number(shorter.train) - 1.0 / train) / span } else { 0.0 };
        let between = |from: f64, to: f64| from + (to - from) * part;
        Some(Bound {
            ns_a_packet: between(shorter.ns_a_packet, longer.ns_a_packet),
            lowest_ns_a_packet: between(shorter.lowest_ns_a_packet, longer.lowest_ns_a_packet),
            viewers,
        })
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "sink  kernel          viewers  train  ns a packet  lowest  packets a second  received  polling   copied"
        )?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part =
            |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0));
        let (received, copied) = (part(self.received), part(self.copied));
        let polling = self.polling_ns_a_packet.map_or_else(String::new, |ns| format!("{ns:.0}"));
        let (sink, way) = (self.sink.name(), self.way.name());
        let line = format!(
            "{sink:<5} {way:<15} {:>7} {:>6} {:>12.0} {:>7.0} {:>17.0} {received:>9} {polling:>8} {copied:>8}",
            self.viewers, self.train, self.ns_a_packet, self.lowest_ns_a_packet, self.packets_a_second
        );
        f.write_str(line.trim_end())
    }
}

impl Sink {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Read => "read",
        }
    }
}

/// CPU time a packet.
pub(super) fn ns_a_packet(time: Duration, packets: u64) -> f64 {
    time.as_secs_f64() * 1e9 / exact(packets.max(1))
}

/// What part of `all`.
pub(super) fn share(part: u64, all: u64) -> f64 {
    exact(part) / exact(all.max(1))
}

fn number(count: usize) -> f64 {
    exact(count as u64)
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2⁵³")]
fn exact(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn row(viewers: usize, train: usize, ns: f64) -> Row {
        Row {
            sink: Sink::Full,
            way: Way::Plain,
            viewers,
            train,
            ns_a_packet: ns,
            lowest_ns_a_packet: ns - 10.0,
            packets_a_second: 1e9 / ns,
            received: None,
            polling_ns_a_packet: None,
            copied: None,
        }
    }

    /// 1,000 ns a message and 300 a packet for few viewers, 100 ns a packet more for many.
    fn floor() -> Floor {
        let rows =
            [(100, 1, 1_300.0), (100, 2, 800.0), (100, 10, 400.0), (3_000, 1, 1_400.0), (3_000, 10, 500.0)];
        Floor { rows: rows.into_iter().map(|(v, t, ns)| row(v, t, ns)).collect(), notes: Vec::new() }
    }

    fn nearest(train: f64, viewers: usize) -> (f64, usize) {
        let bound = floor().nearest(Sink::Full, Way::Plain, train, viewers).unwrap();
        assert!((bound.ns_a_packet - bound.lowest_ns_a_packet - 10.0).abs() < 1e-9);
        ((bound.ns_a_packet * 1e3).round() / 1e3, bound.viewers)
    }

    /// A load's mean train length is no row of the table: what lies between two rows follows the cost of a message.
    #[test]
    fn between_two_trains_the_cost_goes_with_the_messages() {
        assert_eq!(nearest(2.0, 100), (800.0, 100));
        assert_eq!(nearest(4.0, 100), (550.0, 100));
        assert_eq!(nearest(1.25, 100), (1_100.0, 100));
    }

    /// Beyond the table nothing is made up.
    #[test]
    fn beyond_the_table_its_ends_hold() {
        assert_eq!(nearest(0.5, 100), (1_300.0, 100));
        assert_eq!(nearest(60.0, 100), (400.0, 100));
        assert_eq!(floor().nearest(Sink::Read, Way::Plain, 1.0, 100), None);
        assert_eq!(floor().nearest(Sink::Full, Way::IoUring, 1.0, 100), None);
    }

    /// 550 viewers are as far from 100 as from 3,000 by what they do to a cache.
    #[test]
    fn viewers_are_near_by_their_ratio() {
        assert_eq!(nearest(1.0, 540), (1_300.0, 100));
        assert_eq!(nearest(1.0, 560), (1_400.0, 3_000));
        assert_eq!(nearest(1.0, 0), (1_300.0, 100));
    }

    /// The unit and what a column means are what everybody quotes.
    #[test]
    fn times_and_rates_are_of_one_packet() {
        assert!((ns_a_packet(Duration::from_millis(100), 200_000) - 500.0).abs() < 1e-9);
        assert!((share(1, 4) - 0.25).abs() < 1e-9);
        let read = Row { received: Some(0.995), sink: Sink::Read, ..row(100, 10, 544.4) };
        assert_eq!(
            read.to_string(),
            "read  plain               100     10          544     534           1836885    99.5 %"
        );
        let polled = Row { way: Way::Polled, polling_ns_a_packet: Some(410.2), ..row(100, 10, 544.4) };
        assert_eq!(
            polled.to_string(),
            "full  sqpoll              100     10          544     534           1836885                410"
        );
        let copied = Row { way: Way::ZeroCopyRegistered, copied: Some(1.0), ..row(100, 10, 544.4) };
        assert_eq!(
            copied.to_string(),
            "full  zero-copy-fixed     100     10          544     534           1836885                     100.0 %"
        );
    }
}
