//! RTCP in. From a publisher: its clock. From a viewer: what it lost, what it needs, what it can take.
//!
//! Feedback meets media at two doors only: the track's store (NACK → retransmission) and the key-frame desk. A member that
//! names an SSRC which is not this session's own has no effect.

use std::time::Duration;

use fanlight_wire::{
    Compound, ExtendedSequence, Member, Nack, ReportBlock, RtpFields, SenderReport, Ssrc, Timestamp, Twcc,
    abs_send_time,
};

use crate::elements::ViewerElements;
use crate::lane::{LaneMessage, MediaClock};
use crate::layers::descriptor::Edited;
use crate::limits::{HOLE_AGE_MAX, RESENDS_PER_NACK_MAX, UNSETTLED_PACKETS};
use crate::notes::Notable;
use crate::reject::Reject;
use crate::session::{Activity, Viewer};
use crate::shard::Shard;
use crate::spec::SessionKey;
use crate::store::Stored;
use crate::subscription::{Flow, Subscription};
use crate::svc::Point;
use crate::track::Track;
use crate::train::{Body, Train};
use crate::turn::{Datagram, Outputs};

impl Shard {
    /// An SRTCP datagram.
    pub(crate) fn take_feedback(
        &mut self,
        datagram: Datagram<'_>,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), Reject> {
        let key = self.routes.find(datagram.from).ok_or(Reject::UnknownAddress)?;
        let session = self.sessions.find(key).ok_or(Reject::StaleSession)?;
        let srtp = session.srtp.as_deref_mut().ok_or(Reject::NoKeys)?;
        session.packets_in += 1;
        session.bytes_in += datagram.bytes.len() as u64;
        let compound = srtp.rtcp_opener.open(datagram.bytes)?;
        let mut verdict = Ok(());
        for member in Compound::new(compound) {
            match member {
                Ok(member) => self.take_member(key, member, outputs),
                Err(_) => verdict = Err(Reject::MalformedRtcp),
            }
        }
        self.arm(key);
        verdict
    }

    fn take_member(&mut self, key: SessionKey, member: Member<'_>, outputs: &mut Outputs<'_>) {
        match member {
            Member::SenderReport(report) => self.take_sender_report(key, &report, outputs),
            Member::ReceiverReport(report) => {
                for block in report.reports() {
                    self.take_report_block(key, &block);
                }
            }
            Member::Nack(nack) => self.resend(key, &nack, outputs),
            Member::Pli(pli) => self.key_frame_needed(key, pli.media, outputs),
            Member::Fir(fir) => {
                for (media, _) in fir.entries() {
                    self.key_frame_needed(key, media, outputs);
                }
            }
            Member::Remb(remb) => self.take_estimate(key, remb.bitrate_bps(), outputs),
            Member::Twcc(twcc) => self.take_arrivals(key, &twcc, outputs),
            // A publisher's BYE says less than its DTLS close or its silence: streams end with their session.
            Member::SourceDescription(_) | Member::Bye(_) | Member::Other { .. } => {}
        }
    }

    fn viewer(&mut self, key: SessionKey) -> Option<&mut Viewer> {
        self.sessions.find(key)?.viewer_mut()
    }

    fn take_sender_report(&mut self, key: SessionKey, report: &SenderReport<'_>, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(publisher) = self.sessions.find(key).and_then(|session| session.publisher_mut()) else {
            return;
        };
        let Some((place, clock)) = publisher.sender_report(now, report) else { return };
        let Some(id) = publisher.tracks.get(place).map(|track| track.spec.track) else { return };
        let Some(track) = self.tracks.get_mut(&id) else { return };
        track.clock = Some(clock);
        let mirrors = std::mem::take(&mut track.mirrors);
        for mirror in &mirrors {
            self.tell(*mirror, LaneMessage::Clock { track: id, clock }, outputs);
        }
        if let Some(track) = self.tracks.get_mut(&id) {
            track.mirrors = mirrors;
        }
    }

    /// RFC 3550 §6.4.1: losses, and the round trip by LSR and DLSR. Our reports carry the publisher's clock, so the round
    /// trip is measured on that clock too.
    fn take_report_block(&mut self, key: SessionKey, block: &ReportBlock) {
        let now = self.now;
        let Some(viewer) = self.viewer(key) else { return };
        let Some(subscription) = viewer.subscriptions.iter().find(|s| s.spec.ssrc == block.ssrc) else {
            return;
        };
        let id = subscription.spec.track;
        if subscription.spec.codec.is_video() || viewer.fraction_lost.is_none() {
            viewer.fraction_lost = Some(block.fraction_lost);
            viewer.constraint.note_loss(now, block.fraction_lost);
        }
        let Some(clock) = self.tracks.get(&id).and_then(|track| track.clock) else { return };
        if block.last_sender_report != 0
            && let Some(round_trip) = round_trip(&clock, now.saturating_duration_since(clock.learned), block)
            && let Some(session) = self.sessions.find(key)
        {
            session.round_trip = Some(round_trip);
        }
    }

    /// What became of the packets that a viewer was sent.
    fn take_arrivals(&mut self, key: SessionKey, twcc: &Twcc<'_>, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        let round_trip = session.round_trip;
        let Some(bandwidth) = session.viewer_mut().and_then(|viewer| viewer.bandwidth.as_deref_mut()) else {
            return;
        };
        bandwidth.feedback(now, twcc, round_trip);
        if let Some(estimate_bps) = bandwidth.estimate_bps() {
            self.judge(key, estimate_bps, outputs);
        }
    }

    /// A viewer's own estimate. Where we measure, ours is the better one: it knows what was sent, and when.
    fn take_estimate(&mut self, key: SessionKey, estimate_bps: u64, outputs: &mut Outputs<'_>) {
        if self.viewer(key).is_some_and(|viewer| viewer.bandwidth.is_none()) {
            self.judge(key, estimate_bps, outputs);
        }
    }

    fn judge(&mut self, key: SessionKey, estimate_bps: u64, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Self { sessions, tracks, .. } = self;
        let Some(session) = sessions.find(key) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let watched = viewer.subscriptions.iter().filter(|subscription| subscription.flow != Flow::Paused);
        let tracks =
            watched.filter_map(|subscription| Some((subscription, tracks.get(&subscription.spec.track)?)));
        let stream_bps = tracks.map(|(subscription, track)| track.bps_at(now, subscription.point().0)).sum();
        let falls =
            viewer.constraint.estimate_bps().is_some_and(|before| estimate_bps < before - before / 20);
        for layering in viewer.subscriptions.iter_mut().filter_map(|s| s.layering.as_deref_mut()) {
            layering.due = if falls { now } else { layering.due };
        }
        viewer.constraint.note_estimate(now, estimate_bps, viewer.bandwidth.is_some());
        if let Some(what) = viewer.constraint.judge(now, stream_bps) {
            session.note(now, what, outputs.events);
        }
    }

    fn key_frame_needed(&mut self, key: SessionKey, media: Ssrc, outputs: &mut Outputs<'_>) {
        let Some(viewer) = self.viewer(key) else { return };
        let place = viewer.subscriptions.iter().position(|s| s.spec.ssrc == media && s.is_video());
        let Some(place) = place else { return };
        if let Some(subscription) = viewer.subscriptions.get_mut(place) {
            subscription.key_frame_requests += 1;
        }
        self.note(key, Notable::KeyFrameAsked, outputs);
        self.restart(key, place, outputs);
    }

    /// Sends again what a viewer lost, from the store, on its retransmission stream (RFC 4588). Never on the media stream:
    /// that would use a nonce twice.
    fn resend(&mut self, key: SessionKey, nack: &Nack<'_>, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let send_time = abs_send_time(now.saturating_duration_since(self.config.started));
        let Some(session) = self.sessions.find(key) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref(), session.path) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let Viewer { subscriptions, extensions, bandwidth, pace, constraint, .. } = &mut **viewer;
        let Some(subscription) = subscriptions.iter_mut().find(|s| s.spec.ssrc == nack.media()) else {
            return;
        };
        let Some(track) = self.tracks.get(&subscription.spec.track) else { return };
        let mut train = Train::new(outputs.egress, &mut self.counters, srtp, path)
            .measured(now, bandwidth.as_deref_mut());
        let (mut resent, mut refused) = (0, 0);
        for sequence in nack.sequences().take(RESENDS_PER_NACK_MAX) {
            subscription.nacks += 1;
            // Never sent under that number, to this viewer: nothing to say.
            let Some(original) = subscription.track_sequence(sequence, track.points()) else { continue };
            let stored = track.store.find(original);
            if let Some(timestamp) = nothing_at(track, subscription, original, stored.as_ref()) {
                let Some((index, fields)) = subscription.padding(timestamp) else { break };
                let fields = RtpFields { padding: false, ..fields };
                let elements = ViewerElements::new(extensions, &[], &send_time, &[]);
                train.push(index, &fields, &elements, Body::Retransmission(sequence, &[], &[]));
                continue;
            }
            let Some(stored) = stored else {
                refused += 1;
                continue;
            };
            if !subscription.may_resend(now, sequence, stored.facts.bytes(), session.round_trip) {
                refused += 1;
                continue;
            }
            let Some((index, fields)) = subscription.retransmission(original, stored.facts) else { break };
            let mid = subscription.spec.mid.as_slice();
            let elements = ViewerElements::new(extensions, mid, &send_time, stored.extensions);
            let edited = subscription.repeat_descriptor(stored.payload);
            let head = edited.as_ref().map(Edited::bytes).unwrap_or_default();
            let rest = subscription.readable(&stored).get(head.len()..).unwrap_or_default();
            // What is sent again counts as well.
            if constraint.is_limited() {
                pace.spend(stored.facts.bytes());
            }
            resent +=
                u64::from(train.push(index, &fields, &elements, Body::Retransmission(sequence, head, rest)));
        }
        drop(train);
        subscription.retransmitted += resent;
        subscription.not_resent += refused;
        let video = subscription.is_video();
        let asked = u32::try_from(resent + refused).unwrap_or(u32::MAX);
        if asked > 0 {
            session.note(now, Notable::Nacked { video, packets: asked }, outputs.events);
        }
        if refused > 0 {
            let packets = u32::try_from(refused).unwrap_or(u32::MAX);
            session.note(now, Notable::Lost { video, packets }, outputs.events);
        }
        self.counters.retransmissions_out += resent;
        self.counters.resends_refused += refused;
    }
}

/// Whether a number was kept free for a packet that turned out to be of a layer above the viewer's, or never came: that number is
/// sent as an empty packet, or its viewer would ask for it again and again. Returns where the track's clock stood.
fn nothing_at(
    track: &Track,
    subscription: &Subscription,
    original: ExtendedSequence,
    stored: Option<&Stored<'_>>,
) -> Option<Timestamp> {
    if subscription.point().0 == Point::TOP {
        return None;
    }
    match stored {
        Some(stored) => (!subscription.admits(original, stored.facts)).then_some(stored.facts.timestamp),
        None => {
            let behind = (original.0 + 1..=original.0 + UNSETTLED_PACKETS).map(ExtendedSequence);
            let next = behind.into_iter().find_map(|sequence| track.store.find(sequence))?;
            let timestamp = next.facts.timestamp;
            (track.age(timestamp) > HOLE_AGE_MAX).then_some(timestamp)
        }
    }
}

/// Now − LSR − DLSR on the publisher's clock, or None if that is negative or absurd (a clock that jumped).
fn round_trip(clock: &MediaClock, elapsed: Duration, block: &ReportBlock) -> Option<Duration> {
    let now = clock.ntp.wrapping_add(elapsed).middle();
    let since_report = now.wrapping_sub(block.last_sender_report);
    let ticks = since_report.wrapping_sub(block.delay_since_last_sender_report);
    let plausible = ticks < 60 << 16;
    plausible.then(|| Duration::from_micros(u64::from(ticks) * 1_000_000 / 65_536))
}
