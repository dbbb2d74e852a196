//! Packets that left together, and how the time between such groups changed on the way.
//!
//! Follows WebRTC's `modules/remote_bitrate_estimator/inter_arrival.cc` as draft-ietf-rmcat-gcc-02 §5.2 and §5.3 describe it;
//! looked at: str0m 0.25.0, `src/bwe/delay/arrival_group.rs`. Times are in µs: sent ones on our clock, arrivals on the viewer's.

/// Packets sent within this time are one group: what a sender lets out at once is spread by the link and says nothing of queues.
const BURST_US: i64 = 5_000;
/// A channel that was gone for a moment lets out in one burst what it held: such packets are one group, up to this long.
const CLUMP_US: i64 = 100_000;
/// A group that took so much longer than the one before: the route or the clock changed. As in WebRTC.
const OUTAGE_US: i64 = 3_000_000;
/// Groups in a row that arrived before their predecessor, until arrivals are counted anew. As in WebRTC.
const REORDERED_MAX: u8 = 3;

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    first_arrival_us: i64,
    last_arrival_us: i64,
}

/// Between the ends of two groups that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) sent_us: i64,
    pub(super) arrival_us: i64,
    /// When the later one had arrived.
    pub(super) at_us: i64,
}

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Groups {
    previous: Option<Group>,
    current: Option<Group>,
    reordered: u8,
}

impl Groups {
    /// Takes a packet in the order of sending. Returns what the group that it ends says.
    pub(super) fn add(&mut self, sent_us: i64, arrival_us: i64) -> Option<Delta> {
        let alone = Group {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            first_arrival_us: arrival_us,
            last_arrival_us: arrival_us,
        };
        let Some(current) = &mut self.current else {
            self.current = Some(alone);
            return None;
        };
        if sent_us < current.first_sent_us {
            return None;
        }
        if current.takes(sent_us, arrival_us) {
            current.last_sent_us = current.last_sent_us.max(sent_us);
            current.last_arrival_us = current.last_arrival_us.max(arrival_us);
            return None;
        }
        let ended = *current;
        self.current = Some(alone);
        let delta = self.previous.and_then(|previous| self.compare(&previous, &ended));
        if self.current.is_some() {
            self.previous = Some(ended);
        }
        delta
    }

    fn compare(&mut self, previous: &Group, ended: &Group) -> Option<Delta> {
        let delta = Delta {
            sent_us: ended.last_sent_us - previous.last_sent_us,
            arrival_us: ended.last_arrival_us - previous.last_arrival_us,
            at_us: ended.last_arrival_us,
        };
        if (delta.arrival_us - delta.sent_us).abs() >= OUTAGE_US {
            *self = Self::default();
            return None;
        }
        if delta.arrival_us < 0 {
            self.reordered += 1;
            if self.reordered >= REORDERED_MAX {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        Some(delta)
    }
}

impl Group {
    fn takes(&self, sent_us: i64, arrival_us: i64) -> bool {
        let (sent, arrival) = (sent_us - self.last_sent_us, arrival_us - self.last_arrival_us);
        let clumped = arrival < sent && arrival <= BURST_US && arrival_us - self.first_arrival_us < CLUMP_US;
        // What left at the same moment is never apart, even behind a clump.
        sent == 0 || clumped || sent_us - self.first_sent_us <= BURST_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deltas(packets: &[(i64, i64)]) -> Vec<Delta> {
        let mut groups = Groups::default();
        packets.iter().filter_map(|(sent, arrival)| groups.add(sent * 1_000, arrival * 1_000)).collect()
    }

    /// A frame leaves at once and arrives spread by the link: only its end is compared with the end of the next.
    #[test]
    fn packets_that_left_together_are_measured_by_their_ends() {
        let frames = [(0, 50), (1, 58), (2, 66), (33, 83), (34, 91), (35, 103), (66, 116)];
        assert_eq!(deltas(&frames), [Delta { sent_us: 33_000, arrival_us: 37_000, at_us: 103_000 }]);
    }

    /// Radio channels stall and then deliver all at once: that is one late group, not many early ones.
    #[test]
    fn what_a_stalled_channel_lets_out_is_one_group() {
        let stalled = [(0, 50), (20, 150), (40, 151), (60, 152), (80, 153), (200, 250), (220, 270)];
        let expected = [
            Delta { sent_us: 80_000, arrival_us: 103_000, at_us: 153_000 },
            Delta { sent_us: 120_000, arrival_us: 97_000, at_us: 250_000 },
        ];
        assert_eq!(deltas(&stalled), expected);
    }

    /// Frames have several packets, and each frame of a clump belongs to it whole.
    #[test]
    fn whole_frames_that_a_stalled_channel_lets_out_are_one_group() {
        let stalled =
            [(0, 50), (0, 51), (33, 183), (33, 185), (66, 187), (66, 189), (99, 190), (99, 192), (232, 282)];
        let later = [(232, 284), (265, 315)];
        let packets: Vec<_> = stalled.into_iter().chain(later).collect();
        let expected = [
            Delta { sent_us: 99_000, arrival_us: 141_000, at_us: 192_000 },
            Delta { sent_us: 133_000, arrival_us: 92_000, at_us: 284_000 },
        ];
        assert_eq!(deltas(&packets), expected);
    }

    /// After an outage of seconds the old group is nothing to compare with.
    #[test]
    fn an_outage_is_not_a_queue() {
        assert_eq!(
            deltas(&[(0, 50), (20, 70), (40, 4_000), (60, 4_020), (80, 4_040), (100, 4_060)]).len(),
            1
        );
    }
}
