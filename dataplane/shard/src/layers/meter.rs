//! What one layer brings, measured at its home: smooth enough that a key frame does not look like a faster stream, and kept
//! while the layer rests.

use std::time::{Duration, Instant};

use super::FrameSize;
use super::ladder::Rung;
use crate::limits::{FLOW_LAG_MAX, MEASURE_INTERVAL};

/// Packets of about 1,100 bytes carry 5 % more on the road: RTP header, tag, UDP and IP.
const ROAD_SHARE: u64 = 20;

/// After a rest it is measured when its rate is of itself again: the meters look a second back.
const SETTLE: Duration = Duration::from_secs(2);

/// A quarter of what is new counts: with four looks a second, the last second or so.
const SMOOTHING: u64 = 4;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    bps: u64,
    /// Since when it flows.
    flows_since: Option<Instant>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { bps: 0, flows_since: None }
    }

    /// A look at the layer, once in [`MEASURE_INTERVAL`]. `heard`: its last packet; `newest`: the last of any layer of its
    /// source. A layer rests when the others go on without it: all of them rest together when nothing moves in the picture.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        track_bps: u64,
        size: FrameSize,
        heard: Option<Instant>,
        newest: Option<Instant>,
    ) -> Rung {
        let flows = heard.zip(newest).is_some_and(|(heard, newest)| newest < heard + FLOW_LAG_MAX);
        let since = flows.then(|| self.flows_since.unwrap_or(now));
        self.flows_since = since;
        let bps = track_bps + track_bps / ROAD_SHARE;
        match since {
            Some(_) if self.bps == 0 => self.bps = bps,
            Some(since) if now >= since + SETTLE => {
                self.bps = (self.bps * (SMOOTHING - 1) + bps) / SMOOTHING;
            }
            Some(_) => self.bps = self.bps.max(bps),
            None => {}
        }
        Rung { bps: self.bps, size, flows }
    }
}

const _: () = assert!(MEASURE_INTERVAL.as_millis() * 2 <= FLOW_LAG_MAX.as_millis());

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a layer that was heard so long ago, its source now.
    fn look(meter: &mut Meter, at: Duration, bps: u64, silent: Duration) -> Rung {
        let now = crate::testing::start() + Duration::from_secs(60) + at;
        meter.look(now, bps, FrameSize::default(), Some(now - silent), Some(now))
    }

    /// A viewer that goes up to a layer which has just come back must not do so for its first slow second.
    #[test]
    fn a_layer_that_rests_keeps_its_rate_until_it_is_measured_anew() {
        let mut meter = Meter::new();
        for step in 0..20 {
            look(&mut meter, MEASURE_INTERVAL * step, 2_000_000, Duration::ZERO);
        }
        let rests = look(&mut meter, MEASURE_INTERVAL * 20, 100_000, FLOW_LAG_MAX);
        assert_eq!((rests.bps, rests.flows), (2_100_000, false));
        let back = look(&mut meter, MEASURE_INTERVAL * 30, 50_000, Duration::ZERO);
        assert_eq!((back.bps, back.flows), (2_100_000, true));
        for step in 31..80 {
            look(&mut meter, MEASURE_INTERVAL * step, 1_000_000, Duration::ZERO);
        }
        let settled = look(&mut meter, MEASURE_INTERVAL * 80, 1_000_000, Duration::ZERO).bps;
        assert!((1_050_000..1_060_000).contains(&settled), "{settled}");
    }

    /// Nothing moves in a shared screen: no layer of it is the worse for that.
    #[test]
    fn layers_that_are_silent_together_all_flow() {
        let now = crate::testing::start();
        let later = now + Duration::from_secs(20);
        let rung = Meter::new().look(later, 0, FrameSize::default(), Some(now), Some(now));
        assert!(rung.flows);
        let never = Meter::new().look(later, 0, FrameSize::default(), None, Some(now));
        assert!(!never.flows, "it has not come at all");
    }
}
