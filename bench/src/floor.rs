//! The floor: what this machine allows at best, by a loop that does nothing but what every server of sealed media must.
//!
//! ```text
//!   for each viewer:  for each packet of the train: write header, seal under the viewer's key ──► slot
//!                     one message of the whole train (UDP_SEGMENT)  ──► loopback ──► a socket for each viewer
//! ```
//!
//! It goes through the server's own port, with either way to the kernel, and through its own SRTP; there is no receiving, no
//! choosing, no pace and no feedback. A server's CPU time a packet, divided by the floor at the length of its trains, tells
//! how much there is to be won.
//!
//! # What is counted
//! CPU time of the sending thread, in which loopback delivers: it pays for routing, for cutting trains and for queueing at
//! the receiver, as a server on loopback does, and which a network card would do for itself. So there are two kinds of
//! [`Sink`].
//!
//! # Limits
//! AES-128-GCM, IPv4, packets of one size, Linux. On a machine with other work times are up to twice as long: compare what was
//! measured seconds apart, or the lowest. What a full sink does not take, the kernel counts among the receive buffer errors of
//! the network namespace: a load that runs at the same time takes them for its own.

mod options;
mod ratio;
pub mod reception;
mod row;
mod sender;
mod sink;

use std::io;
use std::time::Duration;

use fanlight_ring::{OpenError, pin_to_core};
use rustix::time::{ClockId, clock_gettime};

pub use self::options::{FloorOptions, Way};
pub use self::row::{Bound, Floor, Row};
use self::sender::{Sender, TRAIN_PACKETS_MAX, Viewer};
pub use self::sink::Sink;
use self::sink::{Sinks, VIEWERS_MAX};
use crate::files::FilesError;
use crate::latency::median;

/// There is no floor.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    #[error("trains of {0} packets: from 1 to {TRAIN_PACKETS_MAX} can be measured")]
    Train(usize),
    #[error("{0} viewers: from 1 to {VIEWERS_MAX} can be measured")]
    Viewers(usize),
    #[error("no slices to measure in")]
    NoSlices,
    #[error("a sink that reads needs a second core")]
    OneCore,
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("{step}: {cause}")]
    System { step: &'static str, cause: io::Error },
    #[error(transparent)]
    Port(#[from] OpenError),
    #[error("the kernel refused {0} messages")]
    Refused(u64),
    #[error("a packet could not be sealed")]
    Unsealed,
}

impl FloorError {
    fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::System { step, cause }
    }
}

/// Measures. `tell` sees each row as it comes.
///
/// A way to the kernel that this machine does not have is left out and noted.
///
/// # Errors
/// An option is out of its bounds, or the system refuses what is needed.
pub fn run(options: &FloorOptions, tell: &mut (dyn FnMut(&Row) + Send)) -> Result<Floor, FloorError> {
    options.check()?;
    // On a thread of its own, whose core is not the caller's affair.
    let measured = std::thread::scope(|scope| scope.spawn(|| measure_all(options, tell)).join());
    measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn measure_all(options: &FloorOptions, tell: &mut dyn FnMut(&Row)) -> Result<Floor, FloorError> {
    pin_to_core(options.core).map_err(FloorError::at("keeping to a core"))?;
    let mut floor = Floor::default();
    for sink in &options.sinks {
        let sinks = Sinks::open(*sink, options.viewers.iter().copied().max().unwrap_or(0))?;
        let mut viewers = Viewer::each(sinks.addresses())?;
        for way in &options.ways {
            if let Err(FloorError::Port(OpenError::Ring(reason))) = Sender::open(*way, 1, &mut []) {
                floor.note(format!("{} is left out: {reason}", way.name()));
                continue;
            }
            for count in &options.viewers {
                let viewers = viewers.get_mut(..*count).ok_or(FloorError::Viewers(*count))?;
                for train in &options.trains {
                    let row = measure(options, &sinks, viewers, *way, *train)?;
                    tell(&row);
                    floor.rows.push(row);
                }
            }
        }
    }
    Ok(floor)
}

fn measure(
    options: &FloorOptions,
    sinks: &Sinks,
    viewers: &mut [Viewer],
    way: Way,
    train: usize,
) -> Result<Row, FloorError> {
    let count = viewers.len();
    let mut sender = Sender::open(way, train, viewers)?;
    let reading_core = usize::from(options.core == 0);
    let (times, received) = sinks.while_reading(count, reading_core, || {
        // Keys, routes and buffers become warm, and those that nobody reads become full.
        sender.send_for(Duration::ZERO)?;
        (0..options.slices).map(|_| slice(&mut sender, options.slice)).collect::<Result<Vec<f64>, _>>()
    })?;
    let times = times?;
    let refused = sender.refused();
    if refused > 0 {
        return Err(FloorError::Refused(refused));
    }
    let lowest = times.iter().copied().reduce(f64::min).ok_or(FloorError::NoSlices)?;
    let median = median(times).ok_or(FloorError::NoSlices)?;
    let received = received.map(|received| row::share(received, sender.packets()));
    Ok(Row::new(sinks.kind(), way, (count, train), (median, lowest), received))
}

/// CPU time a packet, in nanoseconds.
fn slice(sender: &mut Sender<'_>, duration: Duration) -> Result<f64, FloorError> {
    let (before, sent) = (thread_time(), sender.packets());
    sender.send_for(duration)?;
    Ok(row::ns_a_packet(thread_time().saturating_sub(before), sender.packets() - sent))
}

/// CPU time of the calling thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

#[cfg(test)]
mod tests;
