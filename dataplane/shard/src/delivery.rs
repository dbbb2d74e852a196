//! The last steps to one viewer: number, rewrite, pace, seal. What is new goes out at once while the pace allows; the rest, and
//! all that a late joiner has to catch up, follows from the store. Whatever leaves in one turn goes into one train, as far as
//! that takes it.

use std::time::Instant;

use fanlight_wire::{ExtendedSequence, ExtensionMap};

use crate::elements::ViewerElements;
use crate::layers::descriptor::Edited;
use crate::limits::{HOLE_WAIT, LAG_MAX};
use crate::notes::Notable;
use crate::pace::Pace;
use crate::rng::Rng;
use crate::store::Stored;
use crate::subscription::{Cursor, Flow, Subscription};
use crate::track::Track;
use crate::train::{Body, Train};

/// What one viewer gets in this turn.
pub(crate) struct Delivery<'a> {
    pub(crate) now: Instant,
    pub(crate) train: Train<'a>,
    pub(crate) extensions: &'a ExtensionMap,
    pub(crate) send_time: &'a [u8; 3],
    pub(crate) pace: &'a mut Pace,
    pub(crate) rng: &'a mut Rng,
    /// Packets sent.
    pub(crate) sent: u64,
    /// What the viewer's notes are to say of it.
    pub(crate) note: Option<Notable>,
}

impl Delivery<'_> {
    /// What the viewer gets of one track. Returns how many packets that was.
    pub(crate) fn serve(&mut self, track: &Track, subscription: &mut Subscription) -> u64 {
        let before = self.sent;
        self.fresh(track, subscription);
        self.behind(track, subscription);
        self.sent - before
    }

    /// What came in this turn: each packet leaves now, waits its turn behind the cursor, or is not for this viewer.
    fn fresh(&mut self, track: &Track, subscription: &mut Subscription) {
        for sequence in &track.fresh {
            let Some(stored) = track.store.find(*sequence) else { continue };
            if self.leaves_now(track, *sequence, &stored, subscription) {
                self.send(track, subscription, *sequence, &stored);
            }
        }
    }

    fn leaves_now(
        &mut self,
        track: &Track,
        sequence: ExtendedSequence,
        stored: &Stored<'_>,
        subscription: &mut Subscription,
    ) -> bool {
        match subscription.flow {
            Flow::Paused | Flow::Hushed => false,
            Flow::Waiting { .. } => {
                subscription.begin_live(self.now, sequence, stored.facts, track.points(), self.rng)
            }
            // A late one leaves whatever the pace: behind it the cursor would come to what has been sent already.
            Flow::Live if self.must_wait(subscription) && !subscription.is_late(sequence, track.points()) => {
                subscription.flow = Flow::Behind(Cursor::at(sequence, self.now));
                subscription.due = Some(self.pace.ready_at());
                false
            }
            Flow::Live => true,
            // Late: the cursor has passed its place, and found nothing there.
            Flow::Behind(cursor) => sequence < cursor.next,
        }
    }

    /// Whether the pace holds it back. Audio never waits.
    fn must_wait(&self, subscription: &Subscription) -> bool {
        subscription.is_video() && self.pace.is_spent()
    }

    /// Moves the cursor on as far as it may go. Never before [`Self::fresh`] in one turn: a packet of this turn that the cursor
    /// has taken must not be taken for a late one.
    fn behind(&mut self, track: &Track, subscription: &mut Subscription) {
        self.skip_what_is_too_late(track, subscription);
        let Flow::Behind(mut cursor) = subscription.flow else { return };
        let Some(newest) = track.released() else { return };
        // What the store has given up cannot be waited for.
        let oldest = (newest.0 + 1).saturating_sub(track.store.capacity());
        cursor.next = cursor.next.max(ExtendedSequence(oldest));
        subscription.due = None;
        while cursor.next <= newest && subscription.due.is_none() {
            match track.store.find(cursor.next) {
                Some(stored) => {
                    subscription.due = self.not_before(&stored, subscription);
                    if subscription.due.is_none() {
                        self.send(track, subscription, cursor.next, &stored);
                        cursor = cursor.step();
                    }
                }
                None => {
                    let until = *cursor.missing_since.get_or_insert(self.now) + HOLE_WAIT;
                    if until > self.now {
                        subscription.due = Some(until);
                    } else {
                        cursor = cursor.step();
                    }
                }
            }
        }
        subscription.flow = Flow::Behind(cursor);
        if cursor.next > newest {
            self.arrive(subscription);
        }
    }

    /// When the packet may leave, if that is not now.
    fn not_before(&self, stored: &Stored<'_>, subscription: &Subscription) -> Option<Instant> {
        let timestamp = stored.facts.timestamp;
        let way = subscription.catch_up().filter(|way| !way.is_over_at(timestamp));
        let due = way.map(|way| way.due(timestamp, subscription.spec.clock_rate_hz));
        let pace = self.must_wait(subscription).then(|| self.pace.ready_at());
        due.max(pace).filter(|at| *at > self.now)
    }

    fn arrive(&mut self, subscription: &mut Subscription) {
        subscription.flow = Flow::Live;
        let took = subscription.catch_up().map(|way| way.took(self.now));
        if let Some(took) = took.filter(|took| !took.is_zero()) {
            let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
            self.note = Some(Notable::CaughtUp { took_ms });
        }
    }

    /// A viewer that takes less than the stream has loses video, in whole groups of pictures, and none of its audio.
    fn skip_what_is_too_late(&mut self, track: &Track, subscription: &mut Subscription) {
        let Flow::Behind(cursor) = subscription.flow else { return };
        let Some(timestamp) = track.store.find(cursor.next).map(|stored| stored.facts.timestamp) else {
            return;
        };
        let on_its_way = subscription.catch_up().is_some_and(|way| !way.is_over_at(timestamp));
        // A publisher that sends seconds of media at once is late itself: only what has waited here counts.
        let in_time = track.age(timestamp) <= LAG_MAX || self.now < cursor.behind_since + LAG_MAX;
        if !subscription.is_video() || on_its_way || in_time {
            return;
        }
        let newer = track.gop.filter(|gop| gop.first > cursor.next && track.age(gop.timestamp) <= LAG_MAX);
        let until = match newer {
            Some(gop) => {
                subscription.skip_to(self.now, gop.first, track.points());
                gop.first
            }
            None => {
                subscription.wait(self.now);
                track.newest().map_or(cursor.next, |(newest, _)| ExtendedSequence(newest.0 + 1))
            }
        };
        let packets = u32::try_from(until.0 - cursor.next.0).unwrap_or(u32::MAX);
        self.note = Some(Notable::VideoSkipped { packets });
    }

    fn send(
        &mut self,
        track: &Track,
        subscription: &mut Subscription,
        sequence: ExtendedSequence,
        stored: &Stored<'_>,
    ) {
        let points = track.points();
        if stored.facts.layer.is_some() && !subscription.lets_through(sequence, stored.facts, points) {
            return;
        }
        let Some((index, fields, payload)) = subscription.packet(sequence, stored, points) else { return };
        if !subscription.claim(self.now, index, stored.facts) {
            return;
        }
        let edited = subscription.continue_descriptor(stored.payload);
        let mid = subscription.spec.mid.as_slice();
        let elements = ViewerElements::new(self.extensions, mid, self.send_time, stored.extensions);
        let body = Body::of(payload, edited.as_ref().map(Edited::bytes));
        if self.train.push(index, &fields, &elements, body) {
            subscription.sent(stored.facts, fields.marker);
            self.pace.spend(stored.facts.bytes());
            self.sent += 1;
        }
    }
}
