//! What of the floor is to be measured.

use std::time::Duration;

use fanlight_ring::cores;

use super::sender::TRAIN_PACKETS_MAX;
use super::sink::{Sink, VIEWERS_MAX};
use super::{FloorError, Way};

/// What to measure: every combination of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloorOptions {
    pub sinks: Vec<Sink>,
    pub ways: Vec<Way>,
    /// Packets that leave to one viewer at a time.
    pub trains: Vec<usize>,
    pub viewers: Vec<usize>,
    /// Times that each is measured.
    pub slices: usize,
    /// For how long.
    pub slice: Duration,
    /// The core that sends, counted from 0. What reads, reads on another one.
    pub core: usize,
}

impl Default for FloorOptions {
    /// The whole table, in about a minute.
    fn default() -> Self {
        let sinks = if cores() > 1 { vec![Sink::Full, Sink::Read] } else { vec![Sink::Full] };
        Self {
            sinks,
            ways: Way::PORTS.to_vec(),
            trains: vec![1, 2, 5, 10, 20, 40],
            viewers: vec![100, 1_000, 3_000],
            slices: 5,
            slice: Duration::from_millis(100),
            core: cores().saturating_sub(1),
        }
    }
}

impl FloorOptions {
    /// What a report needs to show its distance: `viewers` that read as the harness's own do, in one to three seconds.
    #[must_use]
    pub fn brief(way: Way, viewers: usize) -> Self {
        let all = Self::default();
        Self {
            sinks: all.sinks.last().copied().into_iter().collect(),
            ways: vec![way],
            trains: vec![1, 2, 5, 10, 20],
            viewers: vec![viewers],
            slices: 3,
            slice: Duration::from_millis(60),
            ..all
        }
    }

    /// What compares ways to the kernel, those on trial too, in about half a minute. No ways are all of them.
    #[must_use]
    pub fn backends(ways: &[Way]) -> Self {
        Self {
            ways: if ways.is_empty() { Way::ALL.to_vec() } else { ways.to_vec() },
            trains: vec![1, 4, 10, 40],
            viewers: vec![1_000],
            slices: 7,
            slice: Duration::from_millis(50),
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), FloorError> {
        let bad_train = self.trains.iter().find(|train| !(1..=TRAIN_PACKETS_MAX).contains(*train));
        let bad_viewers = self.viewers.iter().find(|viewers| !(1..=VIEWERS_MAX).contains(*viewers));
        if let Some(train) = bad_train {
            return Err(FloorError::Train(*train));
        }
        if let Some(viewers) = bad_viewers {
            return Err(FloorError::Viewers(*viewers));
        }
        if self.sinks.contains(&Sink::Read) && cores() < 2 {
            return Err(FloorError::OneCore);
        }
        if self.slices == 0 { Err(FloorError::NoSlices) } else { Ok(()) }
    }
}
