//! Whether what came of a track in this turn leaves now, or waits a little for more to leave with it.
//!
//! A message to the kernel costs the same whatever it carries. A frame cannot be decoded before its last packet, so that its
//! first ones lose nothing by waiting for that; and a packet of audio that goes with the next frame of its video costs a segment in
//! place of a message. Both only while the shard has much to send, and never longer than `hold_max`.
//!
//! ```text
//!   video   ▪▪▪ · · ▪▪▪▪◼ marker: the frame leaves as one train
//!   audio         ▫ · · · ▫ rides as its tail; where no frame is to be expected in time it leaves at once
//! ```

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::limits::{HOLD_PACKETS_MAX, HOLD_SLACK};
use crate::rhythm::Rhythm;
use crate::store::PacketFacts;

/// The packets that wait for their fan-out, and the rhythm in which such come.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// Of the first that waits.
    since: Option<Instant>,
    timestamp: Option<Timestamp>,
    packets: usize,
    /// More would not make a better train: the frame is whole, or something is late already.
    is_ripe: bool,
    rhythm: Rhythm,
}

/// What holds for the whole shard in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) now: Instant,
    /// Longest wait; zero: nothing waits.
    pub(crate) hold_max: Duration,
    pub(crate) is_loaded: bool,
}

impl Terms {
    fn may_hold(&self) -> bool {
        self.is_loaded && !self.hold_max.is_zero()
    }
}

impl Hold {
    /// Takes note of a packet that was kept. `newest`: of those before it.
    pub(crate) fn note(
        &mut self,
        now: Instant,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        newest: Option<ExtendedSequence>,
    ) {
        self.since.get_or_insert(now);
        self.rhythm.note(now, facts.timestamp);
        let is_other_frame = *self.timestamp.get_or_insert(facts.timestamp) != facts.timestamp;
        let is_late = newest.is_some_and(|newest| sequence < newest);
        self.packets += 1;
        self.is_ripe |= facts.marker || is_other_frame || is_late || self.packets >= HOLD_PACKETS_MAX;
    }

    /// Until when video that came waits for the rest of its frame, if it waits.
    pub(crate) fn video_until(&self, terms: &Terms) -> Option<Instant> {
        let until = self.since? + terms.hold_max;
        (terms.may_hold() && !self.is_ripe && until > terms.now).then_some(until)
    }

    /// Until when audio that came waits to leave with the video of that rhythm, if it waits.
    pub(crate) fn audio_until(&self, terms: &Terms, video: &Self) -> Option<Instant> {
        let until = self.since? + terms.hold_max;
        // What has come of the next frame leaves in time, or not much later than that.
        let ride = if video.since.is_some() { terms.now } else { video.expected(terms.now)? };
        let in_time = ride + HOLD_SLACK > terms.now && ride <= until;
        (terms.may_hold() && in_time && until > terms.now)
            .then(|| (ride.max(terms.now) + HOLD_SLACK).min(until))
    }

    /// What waited leaves.
    pub(crate) fn leave(&mut self) {
        (self.since, self.timestamp, self.packets, self.is_ripe) = (None, None, 0, false);
    }

    /// When the next frame is likely to come.
    pub(crate) fn expected(&self, now: Instant) -> Option<Instant> {
        self.rhythm.next(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD_MAX: Duration = Duration::from_millis(10);

    fn facts(timestamp: u32, marker: bool) -> PacketFacts {
        PacketFacts {
            timestamp: Timestamp(timestamp),
            marker,
            key_frame_start: false,
            extension_len: 0,
            payload_len: 1_000,
            redundant_len: 0,
            layer: None,
        }
    }

    fn terms(now: Instant) -> Terms {
        Terms { now, hold_max: HOLD_MAX, is_loaded: true }
    }

    thread_local! {
        static START: Instant = crate::testing::start();
    }

    fn at(milliseconds: u64) -> Instant {
        START.with(|start| *start) + Duration::from_millis(milliseconds)
    }

    fn note(hold: &mut Hold, now: Instant, sequence: u64, timestamp: u32, marker: bool) {
        let newest = sequence.checked_sub(1).map(ExtendedSequence);
        hold.note(now, ExtendedSequence(sequence), &facts(timestamp, marker), newest);
    }

    /// The point of it all, and its bounds.
    #[test]
    fn a_frame_waits_for_its_end_and_no_longer_than_it_may() {
        let mut hold = Hold::default();
        note(&mut hold, at(0), 5, 90, false);
        note(&mut hold, at(3), 6, 90, false);
        assert_eq!(hold.video_until(&terms(at(3))), Some(at(10)));
        assert_eq!(hold.video_until(&terms(at(10))), None, "long enough");
        note(&mut hold, at(4), 7, 90, true);
        assert_eq!(hold.video_until(&terms(at(4))), None, "whole");
    }

    /// A shard that has little to do has nothing to save, and an operator may forbid it.
    #[test]
    fn nothing_waits_without_load_or_against_the_configuration() {
        let mut hold = Hold::default();
        note(&mut hold, at(0), 5, 90, false);
        assert_eq!(hold.video_until(&Terms { is_loaded: false, ..terms(at(0)) }), None);
        assert_eq!(hold.video_until(&Terms { hold_max: Duration::ZERO, ..terms(at(0)) }), None);
    }

    /// A lost marker shows by the next frame; what was sent once more has waited enough; a long frame is several trains anyway.
    #[test]
    fn what_cannot_become_a_better_train_does_not_wait() {
        let mut other_frame = Hold::default();
        note(&mut other_frame, at(0), 5, 90, false);
        note(&mut other_frame, at(1), 6, 91, false);
        assert_eq!(other_frame.video_until(&terms(at(1))), None);
        let mut late = Hold::default();
        late.note(at(0), ExtendedSequence(5), &facts(90, false), Some(ExtendedSequence(9)));
        assert_eq!(late.video_until(&terms(at(0))), None);
        let mut long = Hold::default();
        for sequence in 0..HOLD_PACKETS_MAX as u64 {
            note(&mut long, at(0), sequence, 90, false);
        }
        assert_eq!(long.video_until(&terms(at(0))), None);
    }

    /// Frames at 0, 33, 66, 99 ms.
    fn video() -> Hold {
        let mut video = Hold::default();
        for frame in 0..4 {
            note(&mut video, at(33 * frame), frame, 3_000 * u32::try_from(frame).unwrap(), true);
            video.leave();
        }
        video
    }

    /// Audio is sensitive to delay: it waits only for what is likely to come.
    #[test]
    fn audio_waits_only_for_a_frame_that_is_near() {
        let video = video();
        let mut audio = Hold::default();
        note(&mut audio, at(125), 1, 960, true);
        assert_eq!(audio.audio_until(&terms(at(125)), &video), Some(at(132) + HOLD_SLACK));
        assert_eq!(audio.audio_until(&terms(at(132) + HOLD_SLACK), &video), None, "the frame did not come");
        audio.leave();
        note(&mut audio, at(110), 1, 960, true);
        assert_eq!(audio.audio_until(&terms(at(110)), &video), None, "the next frame is too far");
        assert_eq!(audio.audio_until(&terms(at(110)), &Hold::default()), None, "there is no video");
    }

    /// The frame has begun to come: it will leave in time, or the audio without it.
    #[test]
    fn audio_waits_for_a_frame_that_waits_itself() {
        let mut video = video();
        note(&mut video, at(131), 4, 12_000, false);
        let mut audio = Hold::default();
        note(&mut audio, at(131), 1, 960, true);
        assert_eq!(audio.audio_until(&terms(at(131)), &video), Some(at(131) + HOLD_SLACK));
        assert_eq!(audio.audio_until(&terms(at(141)), &video), None);
    }
}
