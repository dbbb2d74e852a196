//! What a browser makes of the packets that reach it: pictures in order, requests for what is missing, and for a key frame where
//! that does not help.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, Sequence, Vp8Descriptor};

use super::simulcast::layer_of;
use super::viewer::{Heard, Viewer};
use super::world::World;

/// Between two requests for one packet.
const NACK_INTERVAL: Duration = Duration::from_millis(60);
/// Then a key frame is asked for: libwebrtc waits for a missing packet no longer.
const PATIENCE: Duration = Duration::from_millis(300);

/// A picture that was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) at: Instant,
    pub(crate) layer: usize,
}

struct Piece {
    marker: bool,
    is_key_frame_start: bool,
    layer: usize,
}

/// See the file's head.
#[derive(Default)]
pub(crate) struct Player {
    pub(crate) shown: Vec<Shown>,
    /// Packets from the next one on.
    pieces: BTreeMap<u64, Piece>,
    next: Option<u64>,
    asked: BTreeMap<u64, Instant>,
    waits_since: Option<Instant>,
    key_frame_asked: Option<Instant>,
}

impl Player {
    /// Takes what has come by now.
    pub(crate) fn step(&mut self, world: &mut World, viewer: &mut Viewer, came: Vec<Heard>) {
        for heard in came {
            self.take(viewer, &heard);
        }
        self.show(world.now);
        self.ask(world, viewer);
    }

    fn take(&mut self, viewer: &Viewer, heard: &Heard) {
        let (index, payload) = if heard.header.ssrc == viewer.video_ssrc() {
            (heard.index, heard.payload.as_slice())
        } else if heard.header.ssrc == viewer.rtx_ssrc() && heard.payload.len() > 2 {
            let original = Sequence(u16::from_be_bytes([heard.payload[0], heard.payload[1]]));
            let Some(next) = self.next else { return };
            let ahead = original.distance_from(ExtendedSequence(next).sequence());
            let Some(index) = next.checked_add_signed(ahead.into()) else { return };
            (index, &heard.payload[2..])
        } else {
            return;
        };
        if payload.is_empty() || self.next.is_some_and(|next| index < next) {
            return;
        }
        let descriptor = Vp8Descriptor::parse(payload).unwrap();
        let is_key_frame_start = descriptor.is_frame_start() && payload[descriptor.len] & 1 == 0;
        if self.next.is_none() && is_key_frame_start {
            self.next = Some(index);
        }
        let piece = Piece { marker: heard.header.marker, is_key_frame_start, layer: layer_of(payload) };
        self.pieces.insert(index, piece);
    }

    /// Shows each picture whose packets are all there.
    fn show(&mut self, now: Instant) {
        while let Some(next) = self.next {
            let whole = (next..).map_while(|index| self.pieces.get(&index).map(|piece| (index, piece)));
            let Some((last, layer)) =
                whole.into_iter().find(|(_, piece)| piece.marker).map(|(index, piece)| (index, piece.layer))
            else {
                break;
            };
            self.shown.push(Shown { at: now, layer });
            self.go_on(last + 1);
        }
    }

    fn go_on(&mut self, next: u64) {
        self.pieces = self.pieces.split_off(&next);
        self.asked = self.asked.split_off(&next);
        self.next = Some(next);
        self.waits_since = None;
        self.key_frame_asked = None;
    }

    fn ask(&mut self, world: &mut World, viewer: &mut Viewer) {
        let now = world.now;
        let (Some(next), Some((newest, _))) = (self.next, self.pieces.last_key_value()) else { return };
        let missing: Vec<u64> = (next..*newest).filter(|index| !self.pieces.contains_key(index)).collect();
        if missing.is_empty() {
            self.waits_since = None;
            return;
        }
        let since = *self.waits_since.get_or_insert(now);
        let later =
            self.pieces.iter().find(|(index, piece)| **index > missing[0] && piece.is_key_frame_start);
        if let Some(index) = later.map(|(index, _)| *index) {
            return self.go_on(index);
        }
        let due = |at: Option<&Instant>| at.is_none_or(|at| now >= *at + NACK_INTERVAL);
        let wanted: Vec<u64> =
            missing.into_iter().filter(|index| due(self.asked.get(index))).take(100).collect();
        self.asked.extend(wanted.iter().map(|index| (*index, now)));
        let numbers: Vec<u16> = wanted.iter().map(|index| ExtendedSequence(*index).sequence().0).collect();
        if !numbers.is_empty() {
            viewer.nack(world, viewer.video_ssrc(), &numbers);
        }
        if now >= since + PATIENCE && self.key_frame_asked.is_none_or(|at| now >= at + PATIENCE) {
            self.key_frame_asked = Some(now);
            viewer.pli(world);
        }
    }

    /// The longest time without a new picture between two moments.
    pub(crate) fn freeze(&self, from: Instant, to: Instant) -> Duration {
        let within = self.shown.iter().map(|shown| shown.at).filter(|at| (from..=to).contains(at));
        let moments: Vec<Instant> = [from].into_iter().chain(within).chain([to]).collect();
        moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// When the first picture of another layer than this one was shown after that moment, if one was.
    pub(crate) fn left(&self, layer: usize, after: Instant) -> Option<Duration> {
        let mut later = self.shown.iter().filter(|shown| shown.at > after);
        later.find(|shown| shown.layer != layer).map(|shown| shown.at - after)
    }

    /// When the first picture of this layer was shown after that moment, if one was.
    pub(crate) fn reached(&self, layer: usize, after: Instant) -> Option<Duration> {
        let mut later = self.shown.iter().filter(|shown| shown.at > after);
        later.find(|shown| shown.layer == layer).map(|shown| shown.at - after)
    }
}
