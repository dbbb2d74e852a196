//! When each transport-wide sequence number of a publisher came, for the feedback that steers its bandwidth estimate.
//! draft-holmer-rmcat-transport-wide-cc-extensions-01.

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, RtcpWriter, Sequence, SequenceExtender, Ssrc};

use crate::limits::{TWCC_INTERVAL, TWCC_WINDOW};

/// Arrival times since the last feedback.
pub(crate) struct ArrivalLog {
    started: Instant,
    extender: SequenceExtender,
    /// First sequence that the next feedback tells of.
    base: Option<ExtendedSequence>,
    /// Index i is `base` + i; microseconds since `started`.
    arrivals_us: Vec<Option<i64>>,
    due: Option<Instant>,
    feedback_count: u8,
}

impl ArrivalLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            extender: SequenceExtender::new(),
            base: None,
            arrivals_us: Vec::with_capacity(TWCC_WINDOW),
            due: None,
            feedback_count: 0,
        }
    }

    /// Notes a packet. One that is older than the last feedback was told as lost and stays so.
    pub(crate) fn note(&mut self, now: Instant, sequence: Sequence) {
        let extended = self.extender.extend(sequence);
        self.extender.observe(extended);
        let base = *self.base.get_or_insert(extended);
        let Some(place) = extended.0.checked_sub(base.0).and_then(|ahead| usize::try_from(ahead).ok()) else {
            return;
        };
        if place >= TWCC_WINDOW {
            // More than a window was lost, or the sender jumped: begin anew with this packet.
            self.arrivals_us.clear();
            self.base = Some(extended);
            return self.note(now, sequence);
        }
        if self.arrivals_us.len() <= place {
            self.arrivals_us.resize(place + 1, None);
        }
        let elapsed_us =
            i64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(i64::MAX);
        if let Some(arrival) = self.arrivals_us.get_mut(place) {
            arrival.get_or_insert(elapsed_us);
        }
        self.due.get_or_insert(now + TWCC_INTERVAL);
    }

    /// When feedback is due. A window half full does not wait for its time.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.arrivals_us.len() >= TWCC_WINDOW / 2 { self.due.min(Some(now)) } else { self.due }
    }

    /// Writes the feedback of what came since the last; what does not fit stays for the next.
    pub(crate) fn write(&mut self, now: Instant, local: Ssrc, media: Ssrc, rtcp: &mut RtcpWriter<'_>) {
        let Some(base) = self.base.filter(|_| !self.arrivals_us.is_empty()) else {
            self.due = None;
            return;
        };
        let written = rtcp
            .twcc(local, media, self.feedback_count, base.sequence(), &self.arrivals_us)
            .unwrap_or_default();
        if written == 0 {
            // No room, or nothing that the format can say: what is here would block all that follows.
            self.arrivals_us.clear();
            self.base = None;
        } else {
            self.feedback_count = self.feedback_count.wrapping_add(1);
            self.arrivals_us.drain(..written.min(self.arrivals_us.len()));
            self.base = Some(ExtendedSequence(base.0 + written as u64));
        }
        self.due = if self.arrivals_us.is_empty() { None } else { Some(now + Duration::from_millis(1)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanlight_wire::{Compound, Member};

    fn told(log: &mut ArrivalLog, now: Instant) -> Vec<(u16, bool)> {
        let mut buffer = [0; 1200];
        let mut rtcp = RtcpWriter::new(&mut buffer);
        log.write(now, Ssrc(1), Ssrc(2), &mut rtcp);
        let len = rtcp.len();
        let mut told = Vec::new();
        for member in Compound::new(&buffer[..len]) {
            if let Member::Twcc(feedback) = member.unwrap() {
                told.extend(feedback.packets().map(|(sequence, arrival)| (sequence.0, arrival.is_some())));
            }
        }
        told
    }

    /// The publisher's estimate is as good as the list of what came and what did not.
    #[test]
    fn feedback_tells_what_came_and_what_was_lost_once() {
        let now = crate::testing::start();
        let mut log = ArrivalLog::new(now);
        for sequence in [65_534, 65_535, 1, 2] {
            log.note(now, Sequence(sequence));
        }
        assert_eq!(log.deadline(now), Some(now + TWCC_INTERVAL));
        let expected = [(65_534, true), (65_535, true), (0, false), (1, true), (2, true)];
        assert_eq!(told(&mut log, now), expected);
        assert_eq!(log.deadline(now), None);
        log.note(now, Sequence(0));
        log.note(now, Sequence(3));
        assert_eq!(told(&mut log, now), [(3, true)], "0 was told as lost already");
    }

    /// A jump must not make us hold or write a status for each sequence between.
    #[test]
    fn a_jump_begins_a_new_window() {
        let now = crate::testing::start();
        let mut log = ArrivalLog::new(now);
        log.note(now, Sequence(10));
        log.note(now, Sequence(20_000));
        assert_eq!(told(&mut log, now), [(20_000, true)]);
    }

    #[test]
    fn a_window_half_full_does_not_wait() {
        let now = crate::testing::start();
        let mut log = ArrivalLog::new(now);
        for sequence in 0..u16::try_from(TWCC_WINDOW / 2).unwrap() {
            log.note(now, Sequence(sequence));
        }
        assert_eq!(log.deadline(now), Some(now));
    }
}
