//! What left to one viewer, by transport-wide sequence number, until the viewer tells what became of it.
//!
//! A ring: the newest [`SENT_PACKETS`] packets, 8 bytes each, allocated once. A number is taken before its packet is sealed; if
//! that then fails, the number stays unused and what a viewer says of it means nothing. A packet arrives once and is lost once,
//! whatever is said of it afterwards.

use fanlight_wire::Sequence;

use crate::limits::SENT_PACKETS;

/// No packet is of this cluster.
pub(super) const NO_CLUSTER: u8 = 0;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    /// No packet left under this number.
    #[default]
    Unused,
    Sent,
    Lost,
    Arrived,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The low half: a log is read within minutes.
    sent_us: u32,
    bytes: u16,
    cluster: u8,
    fate: Fate,
}

/// One packet of which feedback told something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentPacket {
    /// On the estimator's clock.
    pub(super) sent_us: u64,
    pub(super) bytes: u16,
    /// The probe it is of, or [`NO_CLUSTER`].
    pub(super) cluster: u8,
}

/// See the file's head.
#[derive(Debug)]
pub(super) struct SentLog {
    entries: Box<[Entry]>,
    next: Sequence,
}

impl SentLog {
    pub(super) fn new() -> Self {
        Self { entries: vec![Entry::default(); SENT_PACKETS].into_boxed_slice(), next: Sequence(0) }
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.entries)
    }

    /// The number of the next packet, which takes the place of the oldest.
    pub(super) fn next_sequence(&mut self) -> Sequence {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        if let Some(entry) = self.entry(sequence) {
            *entry = Entry::default();
        }
        sequence
    }

    pub(super) fn sent(&mut self, now_us: u64, sequence: Sequence, bytes: u16, cluster: u8) {
        let sent_us = low_half(now_us);
        if let Some(entry) = self.entry(sequence) {
            *entry = Entry { sent_us, bytes, cluster, fate: Fate::Sent };
        }
    }

    /// The viewer has it. None: it said so before, or there is no such packet.
    pub(super) fn arrived(&mut self, now_us: u64, sequence: Sequence) -> Option<SentPacket> {
        self.mark(now_us, sequence, Fate::Arrived, |fate| matches!(fate, Fate::Sent | Fate::Lost))
    }

    /// The viewer misses it. It may arrive yet.
    pub(super) fn lost(&mut self, now_us: u64, sequence: Sequence) -> Option<SentPacket> {
        self.mark(now_us, sequence, Fate::Lost, |fate| fate == Fate::Sent)
    }

    fn mark(
        &mut self,
        now_us: u64,
        sequence: Sequence,
        fate: Fate,
        is_new: impl Fn(Fate) -> bool,
    ) -> Option<SentPacket> {
        let entry = self.entry(sequence).filter(|entry| is_new(entry.fate))?;
        entry.fate = fate;
        let age_us = low_half(now_us).wrapping_sub(entry.sent_us);
        let sent_us = now_us.saturating_sub(u64::from(age_us));
        Some(SentPacket { sent_us, bytes: entry.bytes, cluster: entry.cluster })
    }

    /// None: no number that was given out lately.
    fn entry(&mut self, sequence: Sequence) -> Option<&mut Entry> {
        let age = usize::from(self.next.0.wrapping_sub(sequence.0));
        let known = (1..=SENT_PACKETS).contains(&age);
        self.entries.get_mut(usize::from(sequence.0) % SENT_PACKETS).filter(|_| known)
    }
}

fn low_half(us: u64) -> u32 {
    let [.., a, b, c, d] = us.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(log: &mut SentLog, now_us: u64, bytes: u16) -> Sequence {
        let sequence = log.next_sequence();
        log.sent(now_us, sequence, bytes, NO_CLUSTER);
        sequence
    }

    /// What is counted twice is a rate that nobody sent at.
    #[test]
    fn a_packet_arrives_once() {
        let mut log = SentLog::new();
        let sequence = send(&mut log, 5_000, 1_200);
        let packet = SentPacket { sent_us: 5_000, bytes: 1_200, cluster: NO_CLUSTER };
        assert_eq!(log.lost(60_000, sequence), Some(packet));
        assert_eq!(log.lost(60_000, sequence), None);
        assert_eq!(log.arrived(61_000, sequence), Some(packet));
        assert_eq!(log.arrived(61_000, sequence), None);
        assert_eq!(log.lost(62_000, sequence), None);
    }

    /// A liar may tell of numbers that were never given out, or so long ago that another packet has their place.
    #[test]
    fn numbers_that_are_not_under_way_mean_nothing() {
        let mut log = SentLog::new();
        let first = send(&mut log, 0, 100);
        assert_eq!(log.arrived(0, first.wrapping_add(1)), None);
        assert_eq!(log.arrived(0, Sequence(40_000)), None);
        for _ in 0..SENT_PACKETS {
            send(&mut log, 1, 100);
        }
        assert_eq!(log.arrived(2, first), None);
        assert!(log.arrived(2, first.wrapping_add(1)).is_some());
    }

    /// A packet that found no slot never left.
    #[test]
    fn a_number_without_a_packet_is_neither_lost_nor_received() {
        let mut log = SentLog::new();
        let sequence = log.next_sequence();
        assert_eq!(log.lost(0, sequence), None);
        assert_eq!(log.arrived(0, sequence), None);
    }

    /// Two circles of numbers, and the low half of the clock goes round between sending and arriving.
    #[test]
    fn numbers_and_the_clock_may_wrap() {
        let mut log = SentLog::new();
        let start_us = u64::from(u32::MAX) - 1_000;
        for packet in 0..150_000_u64 {
            let sequence = send(&mut log, start_us + packet, 100);
            let arrived = log.arrived(start_us + packet + 2_000, sequence);
            assert_eq!(arrived.map(|sent| sent.sent_us), Some(start_us + packet));
        }
    }
}
