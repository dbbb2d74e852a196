//! A viewer's bottleneck, and the transport-wide feedback that the viewer sends of what came through it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fanlight_wire::{ExtensionKind, Sequence, Ssrc};

use super::viewer::{Heard, Viewer};
use super::world::World;

/// Time between two feedbacks, as libwebrtc's at such rates.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a packet may stand in the queue; what would stand longer is dropped.
const QUEUE_MAX: Duration = Duration::from_millis(300);
/// Of the way behind the queue.
const DELAY: Duration = Duration::from_millis(20);

/// See the file's head.
pub(crate) struct Link {
    pub(crate) bps: u64,
    /// When the queue is empty.
    free: Instant,
    /// On the way: when each packet arrives.
    flying: VecDeque<(Instant, Heard)>,
    /// Arrived and not told of yet.
    arrived: Vec<(u16, Instant)>,
    next_base: u16,
    feedback_due: Instant,
    feedback_count: u8,
    /// Bytes of packets that were padding alone.
    pub(crate) padding_bytes: usize,
}

impl Link {
    pub(crate) fn new(world: &World, bps: u64) -> Self {
        Self {
            bps,
            free: world.now,
            flying: VecDeque::new(),
            arrived: Vec::new(),
            next_base: 0,
            feedback_due: world.now + FEEDBACK_INTERVAL,
            feedback_count: 0,
            padding_bytes: 0,
        }
    }

    /// Takes what was sent to the viewer, and returns what has arrived by now; feedback is sent when it is due.
    pub(crate) fn step(&mut self, world: &mut World, viewer: &mut Viewer) -> Vec<Heard> {
        for heard in viewer.receive(world) {
            self.enter(world.now, heard);
        }
        let mut came = Vec::new();
        while let Some((at, heard)) = self.flying.pop_front_if(|(at, _)| *at <= world.now) {
            let number = heard.element(ExtensionKind::TransportSequence).unwrap();
            self.arrived.push((u16::from_be_bytes(number.try_into().unwrap()), at));
            came.push(heard);
        }
        if world.now >= self.feedback_due {
            self.feedback_due += FEEDBACK_INTERVAL;
            self.tell(world, viewer);
        }
        came
    }

    fn enter(&mut self, now: Instant, heard: Heard) {
        self.padding_bytes += if heard.payload.is_empty() { heard.datagram_len } else { 0 };
        let begin = self.free.max(now);
        if begin > now + QUEUE_MAX {
            return;
        }
        self.free = begin + Duration::from_micros(heard.datagram_len as u64 * 8_000_000 / self.bps);
        self.flying.push_back((self.free + DELAY, heard));
    }

    /// All numbers since the last feedback, up to the newest that arrived.
    fn tell(&mut self, world: &mut World, viewer: &mut Viewer) {
        let Some((newest, _)) = self.arrived.last().copied() else { return };
        let mut arrivals = vec![None; usize::from(newest.wrapping_sub(self.next_base)) + 1];
        for (number, at) in self.arrived.drain(..) {
            let us = at.duration_since(world.started).as_micros();
            arrivals[usize::from(number.wrapping_sub(self.next_base))] = Some(i64::try_from(us).unwrap());
        }
        let (base, count) = (Sequence(self.next_base), self.feedback_count);
        let media = viewer.video_ssrc();
        viewer.say(world, |rtcp| rtcp.twcc(Ssrc(1), media, count, base, &arrivals).map(|_| ()));
        self.next_base = newest.wrapping_add(1);
        self.feedback_count = count.wrapping_add(1);
    }
}
