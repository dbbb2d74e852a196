//! One probe: padding sent evenly for a short time on top of the media, and the rate at which both arrived.
//!
//! Follows WebRTC's `modules/congestion_controller/goog_cc/probe_bitrate_estimator.cc`; looked at: str0m 0.25.0,
//! `src/bwe/probe/estimator.rs` and `cluster.rs`. All that leaves while a probe is under way is of it, media too.

use super::sent::SentPacket;

/// A probe lasts this long, or until it has these bytes: WebRTC takes 15 ms and 5 packets; turns of a loaded shard are some
/// milliseconds apart, and a rate over few of them says little. At 2.5 Mbit/s: 12 kB, a queue of 100 ms on a link of 1 Mbit/s.
const DURATION_US: u64 = 40_000;
const DURATION_US_MAX: u64 = 150_000;
const BYTES_MIN: u64 = 6_000;
/// What leaves at a time: the padding of this time, or a packet.
const QUANTUM_US: u64 = 5_000;
const QUANTUM_BYTES_MIN: u64 = 1_000;
/// Packets that make a measurement, and the share of all sent that has to arrive.
const PACKETS_MIN: u32 = 5;
const ARRIVED_MIN: f64 = 0.8;
/// Arrivals so much faster than they were sent: something held them up and let them go at once.
const FASTER_MAX: f64 = 2.0;
/// Arrivals slower than this share of the rate sent show the link's limit, of which this share is used.
const SATURATED: f64 = 0.9;
const USED: f64 = 0.95;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cluster {
    id: u8,
    target_bps: u64,
    padding_bps: u64,
    started_us: u64,
    duration_us: u64,
    padding_bytes: u64,
    sent_packets: u32,
    told_packets: u32,
    is_stopped: bool,
    arrived: Arrived,
}

/// Of the packets that arrived: when, and the bytes of those at the ends.
#[derive(Debug, Clone, Copy, Default)]
struct Arrived {
    packets: u32,
    bytes: u64,
    first_us: i64,
    first_bytes: u16,
    last_us: i64,
    first_sent_us: u64,
    last_sent_us: u64,
    last_sent_bytes: u16,
}

impl Cluster {
    /// Of `target_bps` so much is padding.
    pub(super) fn new(id: u8, now_us: u64, target_bps: u64, padding_bps: u64) -> Self {
        let padding_bps = padding_bps.max(1);
        let duration_us = (BYTES_MIN * 8_000_000 / padding_bps).clamp(DURATION_US, DURATION_US_MAX);
        Self {
            id,
            target_bps,
            padding_bps,
            started_us: now_us,
            duration_us,
            padding_bytes: 0,
            sent_packets: 0,
            told_packets: 0,
            is_stopped: false,
            arrived: Arrived::default(),
        }
    }

    pub(super) fn id(&self) -> u8 {
        self.id
    }

    pub(super) fn target_bps(&self) -> u64 {
        self.target_bps
    }

    /// No more of it leaves.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// Whether what leaves now is of it.
    pub(super) fn is_open(&self, now_us: u64) -> bool {
        let left = self.padding_bytes < self.bytes_in(self.duration_us);
        !self.is_stopped && left && now_us < self.started_us + 2 * self.duration_us
    }

    /// Bytes of padding that are to leave now.
    pub(super) fn due_bytes(&self, now_us: u64) -> u64 {
        let elapsed_us = now_us.saturating_sub(self.started_us) + QUANTUM_US;
        let due = self.bytes_in(elapsed_us.min(self.duration_us)).saturating_sub(self.padding_bytes);
        if self.is_open(now_us) { due } else { 0 }
    }

    /// When padding is due again, while it is open.
    pub(super) fn due_us(&self) -> u64 {
        let quantum = self.bytes_in(QUANTUM_US).max(QUANTUM_BYTES_MIN);
        let at_us = (self.padding_bytes + quantum) * 8_000_000 / self.padding_bps;
        self.started_us + at_us.min(self.duration_us).saturating_sub(QUANTUM_US)
    }

    fn bytes_in(&self, us: u64) -> u64 {
        self.padding_bps * us / 8_000_000
    }

    pub(super) fn sent(&mut self, bytes: u16, is_padding: bool) {
        self.sent_packets += 1;
        self.padding_bytes += if is_padding { u64::from(bytes) } else { 0 };
    }

    pub(super) fn lost(&mut self) {
        self.told_packets += 1;
    }

    pub(super) fn arrived(&mut self, packet: &SentPacket, arrival_us: i64) {
        self.told_packets += 1;
        let arrived = &mut self.arrived;
        let is_first = arrived.packets == 0;
        arrived.packets += 1;
        arrived.bytes += u64::from(packet.bytes);
        if is_first || arrival_us < arrived.first_us {
            (arrived.first_us, arrived.first_bytes) = (arrival_us, packet.bytes);
        }
        if is_first || packet.sent_us >= arrived.last_sent_us {
            (arrived.last_sent_us, arrived.last_sent_bytes) = (packet.sent_us, packet.bytes);
        }
        arrived.last_us = if is_first { arrival_us } else { arrived.last_us.max(arrival_us) };
        arrived.first_sent_us =
            if is_first { packet.sent_us } else { arrived.first_sent_us.min(packet.sent_us) };
    }

    /// Whether nothing more will be told of it.
    pub(super) fn is_told(&self, now_us: u64) -> bool {
        !self.is_open(now_us) && self.told_packets >= self.sent_packets
    }

    /// What the link carries at least, bit/s, as far as this probe can tell.
    pub(super) fn measured_bps(&self) -> Option<f64> {
        let arrived = &self.arrived;
        let enough = f64::from(arrived.packets) >= ARRIVED_MIN * f64::from(self.sent_packets);
        let sent_us = arrived.last_sent_us.saturating_sub(arrived.first_sent_us);
        let arrival_us = arrived.last_us - arrived.first_us;
        if arrived.packets < PACKETS_MIN || !enough || sent_us == 0 || arrival_us <= 0 {
            return None;
        }
        let sent_bytes = arrived.bytes.saturating_sub(u64::from(arrived.last_sent_bytes));
        let arrival_bytes = arrived.bytes.saturating_sub(u64::from(arrived.first_bytes));
        let sent_bps = sent_bytes as f64 * 8e6 / sent_us as f64;
        let arrival_bps = arrival_bytes as f64 * 8e6 / arrival_us as f64;
        if arrival_bps > FASTER_MAX * sent_bps {
            return None;
        }
        Some(if arrival_bps < SATURATED * sent_bps { USED * arrival_bps } else { sent_bps.min(arrival_bps) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET_BPS: u64 = 2_000_000;

    /// A probe of 1,000-byte packets that is sent as it asks for, and what it shows if each arrives at the time given for its
    /// sending time and place, or is lost.
    fn probed(arrival: impl Fn(u64, u32) -> Option<i64>) -> (u64, Option<f64>) {
        let mut cluster = Cluster::new(1, 0, TARGET_BPS, TARGET_BPS);
        let (mut now_us, mut bytes, mut place) = (0, 0, 0);
        while cluster.is_open(now_us) {
            while cluster.due_bytes(now_us) > 0 {
                cluster.sent(1_000, true);
                bytes += 1_000;
                let packet = SentPacket { sent_us: now_us, bytes: 1_000, cluster: 1 };
                match arrival(now_us, place) {
                    Some(at) => cluster.arrived(&packet, at),
                    None => cluster.lost(),
                }
                place += 1;
            }
            assert!(cluster.due_us() > now_us);
            now_us = cluster.due_us();
        }
        assert!(cluster.is_told(now_us));
        (bytes, cluster.measured_bps())
    }

    /// On a fast link it arrives as it was sent.
    #[test]
    fn a_probe_leaves_at_its_rate_and_proves_it() {
        let (bytes, measured) = probed(|sent_us, _| Some(20_000 + sent_us.cast_signed()));
        assert!((10_000..11_500).contains(&bytes), "{bytes}");
        let bps = measured.unwrap();
        assert!((1_900_000.0..2_600_000.0).contains(&bps), "{bps}");
    }

    /// 1,000 bytes each 8 ms, whatever is sent: 1 Mbit/s, of which a little is left for others.
    #[test]
    fn a_probe_beyond_the_link_measures_the_link() {
        let (_, measured) = probed(|_, place| Some(20_000 + i64::from(place) * 8_000));
        assert_eq!(measured, Some(950_000.0));
    }

    /// What was lost, held up, or told to have come at once proves nothing.
    #[test]
    fn a_probe_that_was_disturbed_proves_nothing() {
        assert_eq!(probed(|sent_us, place| (place % 2 == 0).then_some(sent_us.cast_signed())).1, None);
        assert_eq!(probed(|_, place| Some(i64::from(place) * 100)).1, None);
        assert_eq!(probed(|_, _| Some(7)).1, None);
        assert_eq!(probed(|_, _| None).1, None);
    }

    /// Who cannot send at once must not be held to it for ever.
    #[test]
    fn a_probe_ends_even_if_it_cannot_leave() {
        let cluster = Cluster::new(1, 0, TARGET_BPS, TARGET_BPS);
        assert!(cluster.is_open(DURATION_US));
        assert!(!cluster.is_open(2 * DURATION_US));
        assert_eq!(cluster.due_bytes(2 * DURATION_US), 0);
    }
}
