//! What the TCP side counts. Written by its thread, and by shards where their lane is full; read by the link.
//!
//! Accepted = open + Σ closes, and every frame is taken, sent, or dropped under a name.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! names {
    ($(#[$head:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$head])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their counters.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable name for metrics.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

names! {
    /// Why a connection was closed.
    Close {
        /// By its peer, or broken on the way.
        Peer = "peer",
        /// As many connections are open as may be.
        Full = "full",
        /// As many of its source are open, or wait for their first frame, as may be.
        SourceFull = "source_full",
        /// A connection from the same address and port, to another address of ours, is open.
        SamePeer = "same_peer",
        /// Pushed out by newer ones before its first frame.
        PushedOut = "pushed_out",
        /// No first frame in time.
        FirstFrameLate = "first_frame_late",
        /// The first frame was no check for a session of ours.
        FirstFrameBad = "first_frame_bad",
        /// A frame longer than a datagram may be.
        FrameTooLong = "frame_too_long",
        /// Nothing came for too long.
        Idle = "idle",
        /// Nothing was sent for too long: no session is behind it.
        Unanswered = "unanswered",
        /// It took nothing for too long.
        Stalled = "stalled",
    }
}

names! {
    /// Why a frame to a peer was dropped.
    Dropped {
        /// The lane from the shard was full.
        LaneFull = "lane_full",
        /// The connection is gone.
        NoConnection = "no_connection",
        /// The peer takes too little.
        SlowReader = "slow_reader",
        /// Longer than a frame may be.
        TooLong = "too_long",
    }
}

/// Cumulative, but for `open`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    /// Connections now.
    pub(crate) open: AtomicU64,
    pub(crate) frames_in: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    /// Times that a connection waited for a shard without room.
    pub(crate) lane_waits: AtomicU64,
    closes: [AtomicU64; Close::ALL.len()],
    drops: [AtomicU64; Dropped::ALL.len()],
}

impl Counters {
    pub(crate) fn closed(&self, reason: Close) {
        add_one(&self.closes[reason as usize]);
    }

    pub(crate) fn dropped(&self, reason: Dropped) {
        add_one(&self.drops[reason as usize]);
    }

    pub(crate) fn closes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Close::ALL.iter().map(|reason| (reason.name(), read(&self.closes[*reason as usize])))
    }

    pub(crate) fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Dropped::ALL.iter().map(|reason| (reason.name(), read(&self.drops[*reason as usize])))
    }
}

/// Counters are apart from each other: no order between them is needed.
pub(super) fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
