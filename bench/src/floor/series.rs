//! One way at one length of trains, slice by slice.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::sender::{Sender, Viewer};
use super::sink::Sinks;
use super::{FloorError, FloorOptions, Row, Way, row};
use crate::latency::median;

/// A sender and what its slices cost.
pub(super) struct Series {
    way: Way,
    train: usize,
    sender: Sender,
    slices: Vec<Cost>,
    received: Option<u64>,
}

/// CPU time a packet, in nanoseconds.
#[derive(Clone, Copy)]
struct Cost {
    all: f64,
    /// Of it, what the kernel's polling thread took.
    polling: f64,
}

impl Series {
    pub(super) fn open(way: Way, train: usize) -> Result<Self, FloorError> {
        Ok(Self { way, train, sender: Sender::open(way, train)?, slices: Vec::new(), received: None })
    }

    /// Measures once more.
    pub(super) fn slice(
        &mut self,
        options: &FloorOptions,
        sinks: &Sinks,
        viewers: &mut [Viewer],
    ) -> Result<(), FloorError> {
        let reading_core = usize::from(options.core == 0);
        let (cost, received) = sinks.while_reading(viewers.len(), reading_core, || {
            // Keys, routes and buffers become warm, and those that nobody reads become full.
            self.sender.send_for(viewers, Duration::ZERO)?;
            self.timed(viewers, options.slice)
        })?;
        self.slices.push(cost?);
        self.received = received.map(|received| received + self.received.unwrap_or(0));
        match self.sender.refused() {
            0 => Ok(()),
            refused => Err(FloorError::Refused(refused)),
        }
    }

    fn timed(&mut self, viewers: &mut [Viewer], duration: Duration) -> Result<Cost, FloorError> {
        let (polled, before, sent) = (self.way.polling_time(), thread_time(), self.sender.packets());
        self.sender.send_for(viewers, duration)?;
        let own = thread_time().saturating_sub(before);
        let polling = self.way.polling_time().unwrap_or_default().since(&polled.unwrap_or_default());
        let a_packet = |time| row::ns_a_packet(time, self.sender.packets() - sent);
        Ok(Cost { all: a_packet(own + polling), polling: a_packet(polling) })
    }

    pub(super) fn row(&self, sinks: &Sinks, viewers: usize) -> Result<Row, FloorError> {
        let each = |part: fn(&Cost) -> f64| self.slices.iter().map(part);
        let middle = |part| median(each(part).collect()).ok_or(FloorError::NoSlices);
        let ns_a_packet = middle(|cost| cost.all)?;
        Ok(Row {
            sink: sinks.kind(),
            way: self.way,
            viewers,
            train: self.train,
            ns_a_packet,
            lowest_ns_a_packet: each(|cost| cost.all).fold(f64::INFINITY, f64::min),
            packets_a_second: 1e9 / ns_a_packet,
            received: self.received.map(|received| row::share(received, self.sender.packets())),
            polling_ns_a_packet: self.way.polling_time().map(|_| middle(|cost| cost.polling)).transpose()?,
            copied: self.way.is_zero_copy().then(|| row::share(self.sender.copied(), self.sender.messages())),
        })
    }
}

/// CPU time of the calling thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
