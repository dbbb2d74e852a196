//! One track of a publisher: what is bound to it, what came of it, what may pass, and what its publisher owes and gets.

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::key_frame::KeyFrameDesk;
use crate::layers::FrameSize;
use crate::limits::SILENCE_MIN;
use crate::notes::Notable;
use crate::spec::PublishedTrack;
use crate::svc::LayerReader;

/// See the file's head.
pub(crate) struct IngressTrack {
    pub(crate) spec: PublishedTrack,
    pub(crate) desk: KeyFrameDesk,
    /// An operator lets nothing of it pass.
    muted: bool,
    /// The highest packet when it was unmuted: none up to that passes any more.
    muted_to: Option<ExtendedSequence>,
    /// Its publisher sends more than it may: nothing of it passes up to a key frame.
    pub(crate) is_shut: bool,
    pub(crate) bound: Option<Instant>,
    pub(crate) highest: Option<(ExtendedSequence, Timestamp)>,
    /// When the last packet came, and whether its silence since has been noted.
    pub(crate) heard: Option<Instant>,
    pub(crate) is_silent: bool,
    /// Of its pictures, where it is a layer.
    pub(crate) size: FrameSize,
    /// Of layers within it, where it has no others.
    pub(crate) layer_reader: Option<LayerReader>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) recovered: u64,
    pub(crate) nacks: u64,
    pub(crate) key_frame_requests: u64,
}

impl IngressTrack {
    /// `key_frame_interval`: after so long without a key frame one is asked for.
    pub(crate) fn new(spec: PublishedTrack, key_frame_interval: Option<Duration>) -> Self {
        let layer_reader = LayerReader::new(spec.codec).filter(|_| spec.rid.is_none());
        Self {
            desk: KeyFrameDesk::with_interval(key_frame_interval.filter(|_| spec.codec.is_video())),
            spec,
            muted: false,
            muted_to: None,
            is_shut: false,
            bound: None,
            highest: None,
            heard: None,
            is_silent: false,
            size: FrameSize::default(),
            layer_reader,
            packets: 0,
            bytes: 0,
            recovered: 0,
            nacks: 0,
            key_frame_requests: 0,
        }
    }

    /// A packet came. Returns what is to be noted of that: the first one, or the end of a silence.
    pub(crate) fn hear(&mut self, now: Instant) -> Option<Notable> {
        let video = self.spec.codec.is_video();
        let before = self.heard.replace(now);
        let Some(before) = before else { return Some(Notable::TrackStarted { video }) };
        let silent_ms = u32::try_from(now.saturating_duration_since(before).as_millis()).unwrap_or(u32::MAX);
        std::mem::take(&mut self.is_silent).then_some(Notable::SourceBack { video, silent_ms })
    }

    /// When its last packet came, while such pass.
    pub(crate) fn last_passed(&self) -> Option<Instant> {
        self.heard.filter(|_| !self.muted)
    }

    /// Returns whether that is a change. Video that passes again has a key frame asked for.
    pub(crate) fn mute(&mut self, muted: bool) -> bool {
        if std::mem::replace(&mut self.muted, muted) == muted {
            return false;
        }
        if !muted {
            self.muted_to = self.highest.map(|(highest, _)| highest);
            if self.spec.codec.is_video() && self.muted_to.is_some() {
                self.desk.wish();
            }
        }
        true
    }

    /// Whether an operator lets a packet pass.
    pub(crate) fn is_muted_at(&self, sequence: ExtendedSequence) -> bool {
        self.muted || self.muted_to.is_some_and(|last| sequence <= last)
    }

    /// Whether key frames may be asked for, and would be of use.
    pub(crate) fn asks_for_key_frames(&self) -> bool {
        self.spec.pli && !self.muted
    }

    /// Returns that nothing comes any more, once.
    pub(crate) fn note_silence(&mut self, now: Instant) -> Option<Notable> {
        let is_silent = self.heard.is_some_and(|heard| now >= heard + SILENCE_MIN);
        let is_news = is_silent && !std::mem::replace(&mut self.is_silent, is_silent);
        is_news.then_some(Notable::SourceSilent { video: self.spec.codec.is_video() })
    }
}
