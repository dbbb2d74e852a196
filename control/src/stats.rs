//! The dataplane's last report, and what a publisher sends by the difference of the last two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fanlight_protocol::{SessionId, StatsReport};

/// What one session brings or takes, from the last two reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Media bits a second over the last report's interval; 0 before the second report.
    pub(crate) bitrate_bps: u64,
    /// Packets lost and not recovered, since the session began.
    pub(crate) packets_lost: u64,
    media_bytes: u64,
}

#[derive(Debug, Default)]
struct Latest {
    report: Arc<StatsReport>,
    rates: HashMap<SessionId, Rate>,
}

/// Keeps the last report. Holds one entry a session of that report, so the dataplane's limits hold it.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    latest: Mutex<Latest>,
}

impl Stats {
    pub(crate) fn record(&self, report: StatsReport) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let interval_ms = report.uptime_ms.saturating_sub(latest.report.uptime_ms);
        let rates = report.sessions.iter().map(|session| {
            let media_bytes = session.tracks.iter().map(|track| track.bytes).sum();
            let before = latest.rates.get(&session.session).map(|rate| rate.media_bytes);
            let packets_lost = session.tracks.iter().map(|track| track.packets_lost).sum();
            (
                session.session,
                Rate { bitrate_bps: bitrate(before, media_bytes, interval_ms), packets_lost, media_bytes },
            )
        });
        let rates = rates.collect();
        *latest = Latest { report: Arc::new(report), rates };
    }

    /// Nothing is known of a dataplane that is away.
    pub(crate) fn clear(&self) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Latest::default();
    }

    pub(crate) fn report(&self) -> Arc<StatsReport> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner).report)
    }

    pub(crate) fn rate(&self, session: SessionId) -> Rate {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rates
            .get(&session)
            .copied()
            .unwrap_or_default()
    }
}

/// Bits a second; 0 without an earlier count or over no time.
fn bitrate(before: Option<u64>, now: u64, interval_ms: u64) -> u64 {
    let bits = before.map_or(0, |before| now.saturating_sub(before)).saturating_mul(8);
    bits.saturating_mul(1_000).checked_div(interval_ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use fanlight_protocol::{SessionStats, TrackKind, TrackStats};

    use super::*;

    fn report(uptime_ms: u64, bytes: u64, packets_lost: u64) -> StatsReport {
        let track = TrackStats {
            kind: TrackKind::Video,
            packets: 0,
            bytes,
            packets_lost,
            retransmitted: 0,
            nacks: 0,
            key_frame_requests: 0,
            key_frames: 0,
            frames: 0,
            jitter: 0,
        };
        let session = SessionStats {
            session: SessionId(1),
            packets_in: 0,
            bytes_in: 0,
            packets_out: 0,
            bytes_out: 0,
            rtt_us: None,
            fraction_lost: None,
            estimate_bps: None,
            tracks: vec![track.clone(), track],
        };
        StatsReport { uptime_ms, shards: vec![], tcp: None, sessions: vec![session] }
    }

    /// Counters are cumulative and reports come late at times: the rate is over the time between them, all tracks together.
    #[test]
    fn the_bitrate_is_the_difference_of_two_reports_over_their_interval() {
        let stats = Stats::default();
        stats.record(report(1_000, 500_000, 3));
        assert_eq!(stats.rate(SessionId(1)).bitrate_bps, 0, "one report has no rate");
        stats.record(report(3_000, 1_000_000, 4));
        assert_eq!(stats.rate(SessionId(1)).bitrate_bps, 4_000_000);
        assert_eq!(stats.rate(SessionId(1)).packets_lost, 8);
        assert_eq!(stats.rate(SessionId(2)), Rate::default());
    }

    /// A dataplane that started anew counts from zero; that is no negative or absurd rate.
    #[test]
    fn counters_that_go_back_are_a_rate_of_zero() {
        let stats = Stats::default();
        stats.record(report(9_000, 1_000_000, 0));
        stats.record(report(1_000, 10, 0));
        assert_eq!(stats.rate(SessionId(1)).bitrate_bps, 0);
        stats.record(report(1_000, 1_000, 0));
        assert_eq!(stats.rate(SessionId(1)).bitrate_bps, 0, "over no time there is no rate");
        stats.clear();
        assert_eq!(stats.report().uptime_ms, 0);
    }
}
