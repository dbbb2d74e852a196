//! The ways to the kernel: the two of the server's port, and those on trial beside them.

use std::io;
use std::str::FromStr;

use fanlight_ring::trial::{Candidate, PollingTime, Trial};
use fanlight_ring::{BackendChoice, OpenError, Outbox, Port, PortConfig};

use super::sender::PACKET_BYTES;

/// A way to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The server's: io_uring, `SENDMSG` with `UDP_SEGMENT`, tasks deferred.
    IoUring,
    /// The server's other one: `sendmmsg` with `UDP_SEGMENT`.
    Plain,
    /// The first without `DEFER_TASKRUN`.
    Prompt,
    /// `SQPOLL`: a thread of the kernel submits. Its CPU time counts.
    Polled,
    /// io_uring, `SEND`; the socket cuts, all trains alike.
    SocketCuts,
    /// io_uring, `SENDMSG_ZC` with `UDP_SEGMENT`.
    ZeroCopy,
    /// io_uring, `SEND_ZC` from registered buffers; the socket cuts.
    ZeroCopyRegistered,
}

/// There is no such way.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no way to the kernel is called {0}; there are {known}", known = Way::ALL.map(Way::name).join(", "))]
pub struct UnknownWay(String);

impl Way {
    /// Those of the server's port.
    pub const PORTS: [Self; 2] = [Self::IoUring, Self::Plain];
    /// Those and what is on trial.
    pub const ALL: [Self; 7] = [
        Self::IoUring,
        Self::Plain,
        Self::Prompt,
        Self::Polled,
        Self::SocketCuts,
        Self::ZeroCopy,
        Self::ZeroCopyRegistered,
    ];

    /// In tables and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Plain => "plain",
            Self::Prompt => "no-defer",
            Self::Polled => "sqpoll",
            Self::SocketCuts => "socket-cuts",
            Self::ZeroCopy => "zero-copy",
            Self::ZeroCopyRegistered => "zero-copy-fixed",
        }
    }

    /// Whether the kernel is asked not to copy.
    pub(super) fn is_zero_copy(self) -> bool {
        matches!(self, Self::ZeroCopy | Self::ZeroCopyRegistered)
    }

    /// CPU time that others than the sending thread took for it so far. None: nobody else works.
    pub(super) fn polling_time(self) -> Option<PollingTime> {
        (self == Self::Polled).then(PollingTime::now)
    }

    fn choice(self) -> Choice {
        let segment = PACKET_BYTES;
        match self {
            Self::IoUring => Choice::Port(BackendChoice::IoUring),
            Self::Plain => Choice::Port(BackendChoice::Plain),
            Self::Prompt => Choice::Trial(Candidate::Prompt),
            Self::Polled => Choice::Trial(Candidate::Polled),
            Self::SocketCuts => Choice::Trial(Candidate::SocketCuts { segment }),
            Self::ZeroCopy => Choice::Trial(Candidate::ZeroCopy),
            Self::ZeroCopyRegistered => Choice::Trial(Candidate::ZeroCopyRegistered { segment }),
        }
    }
}

impl FromStr for Way {
    type Err = UnknownWay;

    fn from_str(name: &str) -> Result<Self, UnknownWay> {
        Self::ALL.into_iter().find(|way| way.name() == name).ok_or_else(|| UnknownWay(name.to_owned()))
    }
}

enum Choice {
    Port(BackendChoice),
    Trial(Candidate),
}

/// An open way.
#[expect(clippy::large_enum_variant, reason = "there is one a way, in place while it sends")]
pub(super) enum Outlet {
    Port(Port),
    Trial(Trial),
}

impl Outlet {
    /// The config says all but the way.
    pub(super) fn open(way: Way, config: PortConfig) -> Result<Self, OpenError> {
        Ok(match way.choice() {
            Choice::Port(backend) => Self::Port(Port::open(&PortConfig { backend, ..config })?),
            Choice::Trial(candidate) => Self::Trial(Trial::open(&config, candidate)?),
        })
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox {
        match self {
            Self::Port(port) => port.split().1,
            Self::Trial(trial) => trial.outbox(),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Port(port) => port.flush(),
            Self::Trial(trial) => trial.flush(),
        }
    }

    /// Messages that the kernel took.
    pub(super) fn messages(&self) -> u64 {
        match self {
            Self::Port(port) => port.counters().messages_out,
            Self::Trial(trial) => trial.messages(),
        }
    }

    /// Messages that it refused.
    pub(super) fn refused(&self) -> u64 {
        match self {
            Self::Port(port) => port.counters().send_errors.total(),
            Self::Trial(trial) => trial.send_errors().total(),
        }
    }

    /// Messages that it copied though it was asked not to.
    pub(super) fn copied(&self) -> u64 {
        match self {
            Self::Port(_) => 0,
            Self::Trial(trial) => trial.copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Way;

    /// Whoever compares on a machine of their own types these.
    #[test]
    fn ways_are_called_by_their_names() {
        for way in Way::ALL {
            assert_eq!(way.name().parse(), Ok(way));
        }
        assert_eq!(
            "uring".parse::<Way>().unwrap_err().to_string(),
            "no way to the kernel is called uring; there are io_uring, plain, no-defer, sqpoll, socket-cuts, zero-copy, \
             zero-copy-fixed"
        );
    }
}
