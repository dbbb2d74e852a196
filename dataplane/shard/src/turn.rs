//! What goes into a turn and what comes out: the whole world of a shard.

use std::collections::VecDeque;

use crate::inspection::Inspection;
use crate::lane::{LaneMessage, Lanes};
use crate::notes::Note;
use crate::remote::Remote;
use crate::report::ShardReport;
use crate::spec::{LayerWish, Layers, SessionKey, SessionSpec, ShardId, TrackId};
use crate::transport::IceRestart;

/// What a turn works on.
pub struct Inputs<'a> {
    /// Received since the last turn.
    pub datagrams: &'a mut dyn Datagrams,
    /// Orders of the link thread, oldest first. A turn takes at most [`crate::limits::COMMANDS_PER_TURN_MAX`].
    pub commands: &'a mut VecDeque<Command>,
    /// From other shards, popped *before* `commands` were: a message about a track never overtakes the command that
    /// made the track.
    pub lanes: &'a mut VecDeque<(ShardId, LaneMessage)>,
}

/// Where a turn puts what it made.
pub struct Outputs<'a> {
    pub egress: &'a mut dyn Egress,
    pub lanes: &'a mut dyn Lanes,
    pub events: &'a mut Vec<Event>,
}

/// A lending iterator over datagrams.
pub trait Datagrams {
    /// The next datagram, or None at the end of the batch.
    fn next(&mut self) -> Option<Datagram<'_>>;
}

/// One datagram, to be decrypted in place.
pub struct Datagram<'a> {
    pub from: Remote,
    pub bytes: &'a mut [u8],
}

/// Where datagrams leave.
pub trait Egress {
    /// The current send slot: the same until `send`. None: the kernel takes nothing now, and what was to be sent is lost.
    fn slot(&mut self) -> Option<&mut [u8]>;

    /// Sends the first `len` bytes of the slot, cut every `segment` bytes into datagrams; the last may be shorter.
    fn send(&mut self, to: Remote, len: usize, segment: usize);
}

/// An order of the link thread.
pub enum Command {
    Adopt(Box<SessionSpec>),
    Close {
        key: SessionKey,
        reason: EndReason,
    },
    /// Begins another ICE session over a session's association.
    RestartIce {
        key: SessionKey,
        restart: Box<IceRestart>,
    },
    /// Asks for an [`Event::Marked`] once all orders before this one are carried out.
    Mark {
        number: u64,
    },
    /// Asks for an [`Event::Report`].
    Report,
    /// A viewer wants audio or video no more for now, or again.
    Pause {
        key: SessionKey,
        video: bool,
        paused: bool,
    },
    /// An operator mutes a publisher's audio or video for everybody, or a viewer's for it, or lets it be heard and seen again.
    Mute {
        key: SessionKey,
        video: bool,
        muted: bool,
    },
    /// Most media of a publisher, or to a viewer, bit/s. None: as much as the way takes.
    Limit {
        key: SessionKey,
        bitrate_bps_max: Option<u64>,
    },
    /// A viewer goes on with the source `to`, on the shard `home`, where it watched the one that has the layer `from`: its
    /// publisher was replaced.
    Switch {
        key: SessionKey,
        from: TrackId,
        to: Layers,
        home: ShardId,
    },
    /// A viewer says which of a source's layers it wants; what it said before is forgotten.
    Prefer {
        key: SessionKey,
        wish: LayerWish,
    },
    /// Asks for an [`Event::Inspected`], which carries the number back.
    Inspect {
        key: SessionKey,
        request: u64,
    },
}

/// What the link thread learns.
#[derive(Debug)]
pub enum Event {
    Connected {
        key: SessionKey,
    },
    ChannelOpen {
        key: SessionKey,
        label: String,
    },
    /// The session is over. `last`: how it stood, where that tells why.
    Ended {
        key: SessionKey,
        reason: EndReason,
        last: Option<Box<Inspection>>,
    },
    Report(Box<ShardReport>),
    Marked {
        number: u64,
    },
    /// None: there is no such session.
    Inspected {
        request: u64,
        inspection: Option<Box<Inspection>>,
    },
    /// Something that the session's user should know at once.
    Noted {
        key: SessionKey,
        note: Note,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The peer asked for it over HTTP.
    Deleted,
    /// By an operator or a policy.
    Kicked,
    /// Its grant ran out.
    Expired,
    /// Its grant was taken back.
    Revoked,
    /// The server is going down.
    Shutdown,
    PeerClosed,
    ConsentLost,
    NeverConnected,
    StreamEnded,
    /// Another publisher took over the name.
    Replaced,
    TransportFailed,
}

impl EndReason {
    /// Whether somebody will ask why.
    pub(crate) const fn needs_explaining(self) -> bool {
        matches!(self, Self::ConsentLost | Self::NeverConnected | Self::TransportFailed)
    }
}
