//! Limits on what one session may send or be sent, bit/s of media.
//!
//! A viewer's is one more bound on what its link takes ([`crate::constraint`]): it gets a layer that fits, and of a stream that has
//! none is left out what a link of that rate would not carry. A publisher's is told to it by REMB, and kept by [`crate::police`].

use std::time::Instant;

use fanlight_wire::{RtcpWriter, Ssrc};

use crate::limits::RECEIVERS_PER_SESSION_MAX;
use crate::police::Police;
use crate::publisher::{Publisher, Received};
use crate::reject::Reject;
use crate::session::Activity;
use crate::shard::Shard;
use crate::spec::SessionKey;

/// A publisher whose limit was lifted is told this many reports long that it is.
const LIFTED_REPORTS: u8 = 3;

/// As what: senders keep to the last estimate that they heard, so that no word of it would leave them at the limit.
const LIFTED_BPS: u64 = 1_000_000_000;

/// What holds for a publisher.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    bps: Option<u64>,
    police: Option<Police>,
    /// Reports in which it is still to be told that there is no limit any more.
    lifted_reports: u8,
}

impl Limit {
    pub(crate) fn new(now: Instant, bps: Option<u64>) -> Self {
        Self { bps, police: bps.map(|bps| Police::new(now, bps)), lifted_reports: 0 }
    }

    fn set(&mut self, now: Instant, bps: Option<u64>) {
        if self.bps != bps {
            *self = Self { lifted_reports: LIFTED_REPORTS, ..Self::new(now, bps) };
        }
    }

    /// What the next report tells the publisher, bit/s. None: nothing.
    fn told_bps(&mut self) -> Option<u64> {
        let is_to_be_told = self.bps.is_some() || self.lifted_reports > 0;
        self.lifted_reports = self.lifted_reports.saturating_sub(1);
        is_to_be_told.then(|| self.bps.unwrap_or(LIFTED_BPS))
    }
}

/// Whether a packet that was observed is kept and passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Passes,
    Refused(Reject),
    /// And no more of its track for now.
    Shut,
}

impl Publisher {
    /// Judges a packet that is authentic, bound and observed. `bytes`: on the wire.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        received: &Received<'_>,
        key_frame_start: bool,
        bytes: usize,
    ) -> Admission {
        let Some(track) = self.tracks.get_mut(received.track) else {
            return Admission::Refused(Reject::Unbound);
        };
        if track.is_muted_at(received.sequence) {
            return Admission::Refused(Reject::Muted);
        }
        let Some(police) = &mut self.limit.police else { return Admission::Passes };
        let video = track.spec.codec.is_video();
        if track.is_shut {
            if !police.has_room_to_open(now) {
                return Admission::Refused(Reject::OverLimit);
            }
            if !key_frame_start {
                track.desk.wish();
                return Admission::Refused(Reject::OverLimit);
            }
        }
        let has_room = police.admits(now, bytes, video);
        let shuts = !has_room && video && !track.is_shut;
        track.is_shut = !has_room && video;
        match (has_room, shuts) {
            (true, _) => Admission::Passes,
            (false, true) => Admission::Shut,
            (false, false) => Admission::Refused(Reject::OverLimit),
        }
    }

    /// Says what may be sent, if there is a limit or was one lately. draft-alvestrand-rmcat-remb-03.
    pub(crate) fn write_limit(&mut self, local: Ssrc, rtcp: &mut RtcpWriter<'_>) {
        let Some(bps) = self.limit.told_bps() else { return };
        let sources: arrayvec::ArrayVec<Ssrc, RECEIVERS_PER_SESSION_MAX> = self.media_ssrcs().collect();
        // The writer leaves the buffer as it was when there is no room; the next report says it.
        let _ = rtcp.remb(local, bps, &sources);
    }
}

impl Shard {
    /// Puts another limit on a session, bit/s, or takes it off.
    pub(crate) fn limit(&mut self, key: SessionKey, bps: Option<u64>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        match &mut session.activity {
            Activity::Publishing(publisher) => {
                publisher.limit.set(now, bps);
                publisher.open_what_was_shut();
                publisher.hasten_report(now);
            }
            Activity::Viewing(viewer) => {
                viewer.constraint.limit(bps);
                for layering in viewer.subscriptions.iter_mut().filter_map(|s| s.layering.as_deref_mut()) {
                    layering.due = now;
                }
            }
        }
        self.arm(key);
    }
}
