//! The floor: what this machine allows at best, by a loop that does nothing but what every server of sealed media must.
//!
//! ```text
//!   for each viewer:  for each packet of the train: write header, seal under the viewer's key ──► slot
//!                     one message of the whole train (UDP_SEGMENT)  ──► loopback ──► a socket for each viewer
//! ```
//!
//! It goes through the server's own port, with either way to the kernel or one on trial, and through its own SRTP; there is no receiving, no
//! choosing, no pace and no feedback. A server's CPU time a packet, divided by the floor at the length of its trains, tells
//! how much there is to be won.
//!
//! # What is counted
//! CPU time of the sending thread, in which loopback delivers: it pays for routing, for cutting trains and for queueing at
//! the receiver, as a server on loopback does, and which a network card would do for itself. So there are two kinds of
//! [`Sink`]. Where the kernel polls the queue in a thread of its own (`SQPOLL`), that thread's time is added.
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
mod series;
mod side_by_side;
mod sink;
mod way;

use std::io;

use fanlight_ring::{OpenError, pin_to_core};

pub use self::options::FloorOptions;
pub use self::row::{Bound, Floor, Row};
use self::sender::{Sender, TRAIN_PACKETS_MAX, Viewer};
use self::series::Series;
pub use self::side_by_side::SideBySide;
pub use self::sink::Sink;
use self::sink::{Sinks, VIEWERS_MAX};
pub use self::way::{UnknownWay, Way};
use crate::files::FilesError;

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
    let ways: Vec<Way> = options.ways.iter().copied().filter(|way| is_there(*way, &mut floor)).collect();
    for sink in &options.sinks {
        let sinks = Sinks::open(*sink, options.viewers.iter().copied().max().unwrap_or(0))?;
        let mut viewers = Viewer::each(sinks.addresses())?;
        for count in &options.viewers {
            let viewers = viewers.get_mut(..*count).ok_or(FloorError::Viewers(*count))?;
            for train in &options.trains {
                for row in measure(options, &sinks, viewers, &ways, *train)? {
                    tell(&row);
                    floor.rows.push(row);
                }
            }
        }
    }
    Ok(floor)
}

/// Any other fault than that the kernel lacks it shows itself when it is measured.
fn is_there(way: Way, floor: &mut Floor) -> bool {
    let Err(FloorError::Port(OpenError::Ring(reason))) = Sender::open(way, 1) else { return true };
    floor.note(format!("{} is left out: {reason}", way.name()));
    false
}

/// All ways in turn, slice by slice: what disturbs the machine for a while disturbs all of them.
fn measure(
    options: &FloorOptions,
    sinks: &Sinks,
    viewers: &mut [Viewer],
    ways: &[Way],
    train: usize,
) -> Result<Vec<Row>, FloorError> {
    let series = ways.iter().map(|way| Series::open(*way, train));
    let mut series = series.collect::<Result<Vec<_>, _>>()?;
    for _ in 0..options.slices {
        for one in &mut series {
            one.slice(options, sinks, viewers)?;
        }
    }
    series.iter().map(|one| one.row(sinks, viewers.len())).collect()
}

#[cfg(test)]
mod tests;
