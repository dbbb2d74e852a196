//! What a viewer tells the server: receiver reports, requests for what is missing, transport-wide feedback.
//!
//! Each keeps its own books and writes its own members; times are passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fanlight_wire::{NtpTime, ReportBlock, RtcpWriter, Sequence, SequenceExtender, Ssrc};

use crate::tally::Tally;

/// The SSRC that feedback comes from.
pub(crate) const REPORTER: Ssrc = Ssrc(1);
/// A packet that is overtaken is not missing yet.
const REORDER_TIME: Duration = Duration::from_millis(10);
/// From one request for a packet to the next.
const REQUEST_INTERVAL: Duration = Duration::from_millis(60);
/// Then a packet is given up.
const REQUESTS_MAX: u32 = 10;
/// Packets asked for at once.
const MISSING_MAX: usize = 500;
/// Arrivals told of in one transport-wide feedback.
const ARRIVALS_MAX: usize = 2_000;

/// Sender and receiver reports of one stream. RFC 3550 §6.4.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    missing: u64,
    received: u64,
    /// The last sender report's time and when it came.
    heard: Option<(NtpTime, Instant)>,
}

impl Reports {
    pub(crate) fn hear(&mut self, now: Instant, sent: NtpTime) {
        self.heard = Some((sent, now));
    }

    pub(crate) fn block(&mut self, now: Instant, ssrc: Ssrc, life: &Tally, jitter_ticks: u32) -> ReportBlock {
        let (missing, received) = (life.missing(), life.received());
        let lost = missing.saturating_sub(self.missing);
        let expected = (lost + received.saturating_sub(self.received)).max(1);
        (self.missing, self.received) = (missing, received);
        let since = self.heard.map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(at));
        ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(lost * 256 / expected).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(missing).unwrap_or(i32::MAX),
            extended_highest_sequence: life.extended_highest(),
            jitter: jitter_ticks,
            last_sender_report: self.heard.map_or(0, |(sent, _)| sent.middle()),
            delay_since_last_sender_report: u32::try_from(since.as_nanos() * 65_536 / 1_000_000_000)
                .unwrap_or(u32::MAX),
        }
    }
}

/// Requests for what is missing. RFC 4585 §6.2.1.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    highest: Option<u64>,
    /// By number: when to ask next, and how often it was asked for.
    missing: BTreeMap<u64, (Instant, u32)>,
    /// Numbers in requests, repetitions included.
    pub(crate) requested: u64,
}

impl Requests {
    /// A packet came, by itself or as a retransmission.
    pub(crate) fn came(&mut self, now: Instant, number: u64) {
        self.missing.remove(&number);
        let highest = *self.highest.get_or_insert(number);
        for missing in (highest + 1..number).rev().take(MISSING_MAX) {
            self.missing.insert(missing, (now + REORDER_TIME, 0));
        }
        self.highest = Some(highest.max(number));
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
    }

    /// What to ask for now, in ascending order.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Sequence> {
        let mut due = Vec::new();
        self.missing.retain(|number, (at, times)| {
            if *at <= now {
                (*at, *times) = (now + REQUEST_INTERVAL, *times + 1);
                if *times > REQUESTS_MAX {
                    return false;
                }
                due.push(fanlight_wire::ExtendedSequence(*number).sequence());
            }
            true
        });
        self.requested += due.len() as u64;
        due
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.missing.is_empty()
    }
}

/// When packets of a session came. draft-holmer-rmcat-transport-wide-cc-extensions-01.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    extender: SequenceExtender,
    base: Option<u64>,
    /// In µs of the run's clock, from `base` on.
    arrivals_us: Vec<Option<i64>>,
    count: u8,
    /// Feedback messages sent.
    pub(crate) sent: u64,
}

impl Arrivals {
    pub(crate) fn came(&mut self, sequence: Sequence, now_ns: u64) {
        let number = self.extender.extend(sequence);
        self.extender.observe(number);
        let base = *self.base.get_or_insert(number.0);
        // What is older than the last feedback was told of as missing.
        let Some(at) = number.0.checked_sub(base).and_then(|at| usize::try_from(at).ok()) else { return };
        if at >= ARRIVALS_MAX {
            return;
        }
        if at >= self.arrivals_us.len() {
            self.arrivals_us.resize(at + 1, None);
        }
        self.arrivals_us[at] = i64::try_from(now_ns / 1_000).ok();
    }

    /// Writes a feedback of what came since the last one.
    pub(crate) fn write(&mut self, media: Ssrc, writer: &mut RtcpWriter<'_>) {
        let Some(base) = self.base.filter(|_| !self.arrivals_us.is_empty()) else { return };
        let first = fanlight_wire::ExtendedSequence(base).sequence();
        // What does not fit is left out of the feedback: a receiver may.
        let told = writer.twcc(REPORTER, media, self.count, first, &self.arrivals_us);
        self.count = self.count.wrapping_add(1);
        self.sent += 1;
        let told = told.ok().filter(|told| *told > 0).unwrap_or(self.arrivals_us.len());
        self.base = Some(base + told as u64);
        self.arrivals_us.drain(..told.min(self.arrivals_us.len()));
    }
}

#[cfg(test)]
mod tests {
    use fanlight_wire::{Compound, Member};

    use super::*;

    fn numbers(sequences: &[Sequence]) -> Vec<u16> {
        sequences.iter().map(|sequence| sequence.0).collect()
    }

    /// What is asked for decides what a server pays for lossy viewers: each gap, after a while, again and again, not for ever.
    #[test]
    fn gaps_are_asked_for_until_they_are_filled_or_given_up() {
        let mut requests = Requests::default();
        let start = Instant::now();
        for number in [100, 101, 104, 105] {
            requests.came(start, number);
        }
        assert!(requests.due(start).is_empty(), "they may only have been overtaken");
        let later = start + REORDER_TIME;
        assert_eq!(numbers(&requests.due(later)), [102, 103]);
        assert!(requests.due(later).is_empty());
        requests.came(later, 102);
        assert_eq!(numbers(&requests.due(later + REQUEST_INTERVAL)), [103]);
        for time in 2..20 {
            requests.due(later + REQUEST_INTERVAL * time);
        }
        assert!(requests.is_idle());
        assert_eq!(requests.requested, 2 + u64::from(REQUESTS_MAX) - 1);
    }

    /// Bandwidth estimation in the server is judged by what it is told.
    #[test]
    fn transport_wide_feedback_tells_what_came_and_what_did_not() {
        let mut arrivals = Arrivals::default();
        for (sequence, ms) in [(65_534, 10), (65_535, 11), (1, 13)] {
            arrivals.came(Sequence(sequence), ms * 1_000_000);
        }
        let mut bytes = [0; 200];
        let mut writer = RtcpWriter::new(&mut bytes);
        arrivals.write(Ssrc(9), &mut writer);
        arrivals.write(Ssrc(9), &mut writer);
        let members: Vec<_> = Compound::new(writer.as_bytes()).map(Result::unwrap).collect();
        let [Member::Twcc(twcc)] = &members[..] else { panic!("{members:?}") };
        let came: Vec<_> = twcc.packets().map(|packet| format!("{packet:?}")).collect();
        assert_eq!(came.len(), 4, "{came:?}");
        assert_eq!(arrivals.base, Some((1 << 16) + 65_536 + 2), "the next feedback goes on behind");
    }

    /// The server computes the round trip from these two fields (RFC 3550 §6.4.1).
    #[test]
    fn a_report_names_the_last_sender_report_and_its_age() {
        let (mut reports, start) = (Reports::default(), Instant::now());
        let sent = NtpTime::from_parts(7, 1 << 31);
        reports.hear(start, sent);
        let mut tally = Tally::new();
        for sequence in [1, 2, 4] {
            tally.take(Sequence(sequence));
        }
        let block = reports.block(start + Duration::from_millis(500), Ssrc(3), &tally, 11);
        assert_eq!(block.last_sender_report, sent.middle());
        assert_eq!(block.delay_since_last_sender_report, 1 << 15);
        assert_eq!((block.cumulative_lost, block.fraction_lost, block.jitter), (1, 64, 11));
        let again = reports.block(start, Ssrc(3), &tally, 11);
        assert_eq!((again.cumulative_lost, again.fraction_lost), (1, 0));
    }
}
