//! One peer's association: its transport, its SRTP contexts, its path, and what it does.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use fanlight_srtp::{Profile, RtcpOpener, RtcpSealer, RtpOpener, RtpSealer, SealError, SessionKeys};
use fanlight_wire::{ExtensionKind, ExtensionMap, Ssrc};

use crate::bandwidth::Bandwidth;
use crate::checks::Checks;
use crate::constraint::Constraint;
use crate::counters::Counters;
use crate::limits::{
    ADDRESSES_PER_SESSION_MAX, FIRST_REPORT_DELAY, KEY_FRAME_WAIT_MAX, PACE_RATE_MIN, REPORT_INTERVAL,
};
use crate::muting::Kinds;
use crate::notes::{Notable, Note, Notes};
use crate::pace::Pace;
use crate::publisher::Publisher;
use crate::remote::Remote;
use crate::rng::Rng;
use crate::shard::ShardConfig;
use crate::spec::{LayerWish, Role, SessionKey, SessionSpec, TrackId};
use crate::subscription::{Flow, Subscription};
use crate::transport::Transport;
use crate::turn::{Egress, Event};

/// The four contexts of a session. Ours is the only writer of its nonces: RTP indices are the subscriptions', the RTCP
/// index is the sealer's own.
pub(crate) struct Srtp {
    /// None for a viewer, which sends no media.
    pub(crate) rtp_opener: Option<Box<RtpOpener>>,
    pub(crate) rtcp_opener: RtcpOpener,
    pub(crate) rtp_sealer: RtpSealer,
    /// Bytes of the tag behind each RTP packet that we seal.
    pub(crate) rtp_overhead: usize,
    pub(crate) profile: Profile,
    rtcp_sealer: RtcpSealer,
}

impl Srtp {
    fn new(keys: &SessionKeys, opens_media: bool) -> Self {
        Self {
            rtp_opener: opens_media.then(|| Box::new(RtpOpener::new(&keys.remote))),
            rtcp_opener: RtcpOpener::new(&keys.remote),
            rtp_sealer: RtpSealer::new(&keys.local),
            rtp_overhead: keys.local.profile().rtp_overhead(),
            profile: keys.local.profile(),
            rtcp_sealer: RtcpSealer::new(&keys.local),
        }
    }

    /// Seals a compound into the current slot and sends it.
    pub(crate) fn send_rtcp(
        &mut self,
        to: Remote,
        compound: &[u8],
        egress: &mut dyn Egress,
        counters: &mut Counters,
    ) -> Result<(), SealError> {
        if compound.is_empty() {
            return Ok(());
        }
        let Some(slot) = egress.slot() else {
            counters.egress_full += 1;
            return Ok(());
        };
        let len = self.rtcp_sealer.seal(compound, slot)?;
        egress.send(to, len, len);
        counters.datagrams_out += 1;
        counters.messages_out += 1;
        counters.bytes_out += len as u64;
        Ok(())
    }
}

/// A viewer's side of a session. What each packet touches comes first in memory.
#[repr(C)]
pub(crate) struct Viewer {
    /// At most [`crate::limits::TRACKS_PER_SESSION_MAX`].
    pub(crate) subscriptions: Box<[Subscription]>,
    pub(crate) pace: Pace,
    pub(crate) extensions: ExtensionMap,
    /// Of a viewer that tells what became of each packet, from when it is connected.
    pub(crate) bandwidth: Option<Box<Bandwidth>>,
    /// Since when it waits for its first picture, until that is sent.
    pub(crate) first_frame_since: Option<Instant>,
    pub(crate) constraint: Constraint,
    pub(crate) report_due: Instant,
    pub(crate) fraction_lost: Option<u8>,
    pub(crate) wish: LayerWish,
    /// By the viewer itself, and by an operator.
    pub(crate) paused: Kinds,
    pub(crate) muted: Kinds,
}

impl Viewer {
    /// Tracks whose key frame a subscription has waited for so long that the wish may have been lost.
    pub(crate) fn waiting_too_long(&self, now: Instant) -> impl Iterator<Item = TrackId> {
        let waiting = self.subscriptions.iter().filter(move |subscription| {
            matches!(subscription.flow, Flow::Waiting { since } if now >= since + KEY_FRAME_WAIT_MAX)
        });
        waiting.filter(|subscription| subscription.is_video()).map(|subscription| subscription.spec.track)
    }

    /// Whether it has tracks of that kind.
    pub(crate) fn watches(&self, video: bool) -> bool {
        self.subscriptions.iter().any(|subscription| subscription.is_video() == video)
    }

    /// Whether it gets nothing of that kind, by its own wish or an operator's.
    pub(crate) fn stops(&self, video: bool) -> bool {
        self.paused.has(video) || self.muted.has(video)
    }

    /// What its link carries, bit/s: as we measured it, or else as it says.
    pub(crate) fn estimate_bps(&self) -> Option<u64> {
        let measured = self.bandwidth.as_ref().and_then(|bandwidth| bandwidth.estimate_bps());
        measured.or_else(|| self.constraint.estimate_bps())
    }

    /// Its link is being measured, and nothing is known of it yet.
    pub(crate) fn is_unsure(&self) -> bool {
        self.bandwidth.as_ref().is_some_and(|bandwidth| bandwidth.estimate_bps().is_none())
    }

    /// What it may have, bit/s: what its link is known to carry, and no more than its limit. None: nothing says that it is less than
    /// what there is.
    pub(crate) fn link_bps(&self, now: Instant) -> Option<u64> {
        let known = match &self.bandwidth {
            Some(bandwidth) => bandwidth.estimate_bps(),
            None => self.constraint.limit_bps(now),
        };
        self.constraint.within_limit(known)
    }

    /// When it is to be told something, or probed, or can go on.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let due = self.subscriptions.iter().filter_map(|subscription| subscription.due);
        let layers = self.subscriptions.iter().filter_map(|subscription| subscription.layering.as_ref());
        due.chain(layers.map(|layering| layering.due))
            .chain([self.report_due])
            .chain(self.padding_due_at(now))
            .min()
    }

    /// When its probe goes on: not before its pace allows.
    fn padding_due_at(&self, now: Instant) -> Option<Instant> {
        let due = self.bandwidth.as_ref()?.padding_due_at(now)?;
        Some(if self.pace.is_spent() { due.max(self.pace.ready_at()) } else { due })
    }
}

pub(crate) enum Activity {
    Publishing(Box<Publisher>),
    Viewing(Box<Viewer>),
}

/// See the file's head. What each packet touches comes first in memory.
#[repr(C)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) activity: Activity,
    pub(crate) srtp: Option<Box<Srtp>>,
    /// Where media goes: nominated by ICE.
    pub(crate) path: Option<Remote>,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) local_ssrc: Ssrc,
    /// Addresses that proved to know the session's password; what comes from them is routed here.
    pub(crate) addresses: ArrayVec<Remote, ADDRESSES_PER_SESSION_MAX>,
    /// If not connected by then it never will be.
    pub(crate) connect_by: Option<Instant>,
    /// When the transport wants to be advanced.
    pub(crate) wait: Option<Instant>,
    /// The live entry in the timers.
    pub(crate) armed: Option<Instant>,
    /// Datagrams of its handshake that wait for their turn.
    pub(crate) handshakes_waiting: u8,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) packets_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) adopted: Instant,
    pub(crate) connected: Option<Instant>,
    pub(crate) checks: Checks,
    pub(crate) notes: Notes,
}

impl Session {
    pub(crate) fn new(spec: SessionSpec, now: Instant, config: &ShardConfig, rng: &mut Rng) -> Self {
        let limit_bps = spec.bitrate_bps_max;
        let activity = match spec.role {
            Role::Publisher(spec) => Activity::Publishing(Box::new(Publisher::new(
                spec,
                now,
                config.key_frame_interval,
                limit_bps,
            ))),
            Role::Viewer(spec) => {
                let subscriptions =
                    spec.subscriptions.into_iter().map(|spec| Subscription::new(spec, now, rng)).collect();
                Activity::Viewing(Box::new(Viewer {
                    subscriptions,
                    extensions: spec.extensions,
                    bandwidth: None,
                    report_due: now + REPORT_INTERVAL,
                    fraction_lost: None,
                    pace: Pace::new(now, PACE_RATE_MIN),
                    constraint: Constraint::with_limit(limit_bps),
                    wish: LayerWish::default(),
                    paused: Kinds::default(),
                    muted: Kinds::default(),
                    first_frame_since: None,
                }))
            }
        };
        Self {
            key: spec.key,
            transport: spec.transport,
            local_ssrc: spec.local_ssrc,
            activity,
            srtp: None,
            path: None,
            addresses: ArrayVec::new(),
            connect_by: Some(now + config.connect_timeout),
            wait: Some(now),
            armed: None,
            handshakes_waiting: 0,
            round_trip: None,
            packets_in: 0,
            bytes_in: 0,
            adopted: now,
            connected: None,
            checks: Checks::default(),
            notes: Notes::default(),
        }
    }

    /// Keys are there and the peer is who it said. The first keys stay: others would start the nonces again.
    pub(crate) fn connect(&mut self, now: Instant, keys: &SessionKeys) {
        self.connect_by = None;
        self.connected.get_or_insert(now);
        if let Activity::Viewing(viewer) = &mut self.activity {
            viewer.first_frame_since = Some(now);
            viewer.report_due = now + FIRST_REPORT_DELAY;
            if viewer.extensions.id(ExtensionKind::TransportSequence).is_some() {
                viewer.bandwidth.get_or_insert_with(|| Box::new(Bandwidth::new(now)));
            }
        }
        if self.srtp.is_none() {
            let opens_media = matches!(self.activity, Activity::Publishing(_));
            self.srtp = Some(Box::new(Srtp::new(keys, opens_media)));
        }
    }

    /// Writes down what happened, and tells it at once where the session's user should know.
    pub(crate) fn note(&mut self, now: Instant, what: Notable, events: &mut Vec<Event>) {
        let after = now.saturating_duration_since(self.adopted);
        if self.notes.add(after, what) {
            events.push(Event::Noted { key: self.key, note: Note { after, what } });
        }
    }

    /// Writes down what a publisher's stages left to be noted.
    pub(crate) fn note_what_happened(&mut self, now: Instant, events: &mut Vec<Event>) {
        let Some(publisher) = self.publisher_mut().filter(|publisher| !publisher.happened.is_empty()) else {
            return;
        };
        let mut happened = std::mem::take(&mut publisher.happened);
        for what in happened.drain(..) {
            self.note(now, what, events);
        }
        // The list keeps its room: nothing is allocated for the next packet.
        if let Some(publisher) = self.publisher_mut() {
            publisher.happened = happened;
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    pub(crate) fn viewer_mut(&mut self) -> Option<&mut Viewer> {
        match &mut self.activity {
            Activity::Viewing(viewer) => Some(viewer),
            Activity::Publishing(_) => None,
        }
    }

    pub(crate) fn publisher_mut(&mut self) -> Option<&mut Publisher> {
        match &mut self.activity {
            Activity::Publishing(publisher) => Some(publisher),
            Activity::Viewing(_) => None,
        }
    }

    /// When the session wants its next turn.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let activity = match &self.activity {
            _ if !self.is_connected() || self.path.is_none() => None,
            Activity::Publishing(publisher) => publisher.deadline(now),
            Activity::Viewing(viewer) => viewer.deadline(now),
        };
        [self.connect_by, self.wait, activity].into_iter().flatten().min()
    }
}
