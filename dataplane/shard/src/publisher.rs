//! A publisher's side of a session: open → bind → observe, and the feedback that goes back to it.
//!
//! An SSRC is bound to a track by what signalling said of it, else by what its packets say (see [`crate::binding`]), and only
//! by a packet that was authentic: a forged one moves nothing.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use fanlight_srtp::{Authenticated, ReceiveIndex, Replay, RtpOpener};
use fanlight_wire::codec::{Codec, key_frame_size};
use fanlight_wire::{
    ExtendedSequence, ExtensionKind, ExtensionMap, PayloadType, RtcpWriter, RtpHeader, Sequence, Ssrc,
    Timestamp, allocated_frame_size, red_primary, rtx_original_sequence,
};

use crate::arrivals::ArrivalLog;
use crate::binding::{self, Names, stream_of};
use crate::elements::{Elements, stored_element};
use crate::ingress_track::IngressTrack;
use crate::key_frame::Asked;
use crate::lane::MediaClock;
use crate::layers::FrameSize;
use crate::limiting::Limit;
use crate::limits::{
    CNAME, REBIND_INTERVAL_MIN, RECEIVERS_PER_SESSION_MAX, REPORT_INTERVAL, RETIRED_SSRCS_MAX,
    TRACKS_PER_SESSION_MAX,
};
use crate::notes::Notable;
use crate::receiver::{Receiver, Stream};
use crate::reject::Reject;
use crate::spec::PublishSpec;
use crate::svc::PacketLayer;

/// Key frames asked of a publisher at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyFramesAsked {
    pub(crate) wished: u64,
    pub(crate) refreshed: u64,
}

/// A packet that is authentic, bound and not yet kept.
pub(crate) struct Received<'p> {
    /// Place in [`Publisher::tracks`].
    pub(crate) track: usize,
    pub(crate) sequence: ExtendedSequence,
    pub(crate) timestamp: Timestamp,
    pub(crate) marker: bool,
    pub(crate) elements: Elements,
    pub(crate) payload: &'p [u8],
    /// See [`crate::store::PacketFacts`].
    pub(crate) redundant_len: usize,
    pub(crate) layer: Option<PacketLayer>,
}

/// See the file's head.
pub(crate) struct Publisher {
    pub(crate) tracks: ArrayVec<IngressTrack, TRACKS_PER_SESSION_MAX>,
    receivers: ArrayVec<Receiver, RECEIVERS_PER_SESSION_MAX>,
    /// SSRCs that others took the place of, the longest gone first. Their replay windows stay, or a recorded packet of
    /// theirs, which is authentic for ever, would take the track back.
    retired: ArrayVec<(Ssrc, ReceiveIndex), RETIRED_SSRCS_MAX>,
    extensions: ExtensionMap,
    arrivals: Option<ArrivalLog>,
    pub(crate) limit: Limit,
    report_due: Instant,
    /// When its layers are looked at. None: it has none.
    pub(crate) measure_due: Option<Instant>,
    started: Instant,
    /// What the session's notes are to say, until it is taken.
    pub(crate) happened: Vec<Notable>,
}

impl Publisher {
    /// `key_frame_interval`: after so long without a key frame one is asked for. `limit_bps`: what it may send, bit/s.
    pub(crate) fn new(
        spec: PublishSpec,
        now: Instant,
        key_frame_interval: Option<Duration>,
        limit_bps: Option<u64>,
    ) -> Self {
        let mut receivers = ArrayVec::new();
        for (place, track) in spec.tracks.iter().enumerate() {
            receivers.extend(track.ssrc.map(|ssrc| Receiver::new(ssrc, Stream::Media, place)));
            receivers.extend(track.rtx_ssrc.map(|ssrc| Receiver::new(ssrc, Stream::Retransmission, place)));
        }
        let arrivals = spec.tracks.iter().any(|track| track.transport_cc).then(|| ArrivalLog::new(now));
        let measure_due = spec.tracks.iter().any(|track| track.rid.is_some()).then_some(now);
        let tracks = spec.tracks.into_iter().map(|spec| IngressTrack::new(spec, key_frame_interval));
        Self {
            tracks: tracks.collect(),
            receivers,
            retired: ArrayVec::new(),
            extensions: spec.extensions,
            arrivals,
            limit: Limit::new(now, limit_bps),
            report_due: now + REPORT_INTERVAL,
            measure_due,
            started: now,
            happened: Vec::new(),
        }
    }

    /// Decrypts a packet in place, binds and observes it. None: it was good, and there is nothing to forward (padding).
    pub(crate) fn open<'p>(
        &mut self,
        now: Instant,
        opener: &RtpOpener,
        packet: &'p mut [u8],
    ) -> Result<Option<Received<'p>>, Reject> {
        let header = RtpHeader::parse(packet)?;
        let known = self.receivers.iter().position(|receiver| receiver.ssrc == header.ssrc);
        let window = match known.and_then(|place| self.receivers.get(place)) {
            Some(receiver) => {
                self.expect_payload_type(receiver.track, receiver.stream, header.payload_type)?;
                Some(&receiver.index)
            }
            None => {
                let is_ours = |track: &IngressTrack| stream_of(&track.spec, header.payload_type).is_some();
                if !self.tracks.iter().any(is_ours) {
                    return Err(Reject::UnknownPayloadType);
                }
                self.retired.iter().find(|(ssrc, _)| *ssrc == header.ssrc).map(|(_, window)| window)
            }
        };
        let index = match window {
            Some(window) => {
                let index = window.estimate(header.sequence.0);
                window.check(index).map_err(|replay| match replay {
                    Replay::AlreadySeen => Reject::Replayed,
                    Replay::TooOld => Reject::TooOld,
                })?;
                index
            }
            None => u64::from(header.sequence.0),
        };
        let proof = opener.open(packet, header.header_len, index)?;
        let packet = packet.get(..header.header_len + proof.payload_len()).ok_or(Reject::MalformedRtp)?;
        let place = match known {
            Some(place) => place,
            None => self.bind(now, &header, packet, index)?,
        };
        self.observe(now, place, &header, packet, &proof)
    }

    fn expect_payload_type(
        &self,
        track: usize,
        stream: Stream,
        payload_type: PayloadType,
    ) -> Result<(), Reject> {
        let spec = self.tracks.get(track).map(|track| &track.spec).ok_or(Reject::Unbound)?;
        let is_expected = stream_of(spec, payload_type) == Some(stream);
        if is_expected { Ok(()) } else { Err(Reject::UnknownPayloadType) }
    }

    /// Binds a new SSRC that has just proven authentic.
    fn bind(&mut self, now: Instant, header: &RtpHeader, packet: &[u8], index: u64) -> Result<usize, Reject> {
        let names = Names::read(&self.extensions, header.extensions(packet));
        let specs = self.tracks.iter().map(|track| &track.spec);
        let (track, stream) = binding::find(specs, &names, header.payload_type)?;
        let ingress = self.tracks.get_mut(track).ok_or(Reject::Unbound)?;
        let mut receiver = Receiver::new(header.ssrc, stream, track);
        if stream == Stream::Media {
            if ingress.bound.is_some_and(|bound| now < bound + REBIND_INTERVAL_MIN) {
                return Err(Reject::RebindTooSoon);
            }
            ingress.bound = Some(now);
            if let Some((sequence, timestamp)) = ingress.highest {
                // Viewers see one stream: it goes on where the old SSRC ended, as much later as it is.
                let pause =
                    ingress.heard.map(|heard| now.saturating_duration_since(heard)).unwrap_or_default();
                let ticks = ticks(pause, ingress.spec.clock_rate_hz).max(1);
                receiver.sequence_offset = (sequence.0 + 1).wrapping_sub(index);
                receiver.timestamp_offset = timestamp.0.wrapping_add(ticks).wrapping_sub(header.timestamp.0);
                ingress.desk.wish();
                self.happened.push(Notable::SourceChanged { video: ingress.spec.codec.is_video() });
            }
        }
        if let Some(place) = self.retired.iter().position(|(ssrc, _)| *ssrc == header.ssrc) {
            (_, receiver.index) = self.retired.remove(place);
        }
        let same = self.receivers.iter().position(|old| old.track == track && old.stream == stream);
        match same {
            Some(place) => {
                let old = self.receivers.get_mut(place).ok_or(Reject::Unbound)?;
                let old = std::mem::replace(old, receiver);
                if self.retired.is_full() {
                    self.retired.remove(0);
                }
                self.retired.push((old.ssrc, old.index));
                Ok(place)
            }
            None => {
                self.receivers.try_push(receiver).map_err(|_| Reject::Unbound)?;
                Ok(self.receivers.len() - 1)
            }
        }
    }

    fn observe<'p>(
        &mut self,
        now: Instant,
        place: usize,
        header: &RtpHeader,
        packet: &'p [u8],
        proof: &Authenticated,
    ) -> Result<Option<Received<'p>>, Reject> {
        self.note_arrival(now, header, packet);
        let receiver = self.receivers.get_mut(place).ok_or(Reject::Unbound)?;
        receiver.count(proof);
        let payload = header.payload(packet)?;
        let (track, stream) = (receiver.track, receiver.stream);
        if stream == Stream::Media
            && let Some(ingress) = self.tracks.get_mut(track)
            && let Some((highest, _)) = ingress.highest
            && receiver.bridge_leap(proof.index(), highest)
        {
            ingress.desk.wish();
        }
        let (sequence, payload) = match stream {
            Stream::Media => (receiver.track_sequence(proof.index()), payload),
            Stream::Retransmission if payload.is_empty() => return Ok(None), // padding by which the sender probes
            Stream::Retransmission => self.unwrap_retransmission(track, payload)?,
        };
        let redundant_len = self.redundant_len(track, header.payload_type, payload)?;
        let media = self.media_receiver(track).ok_or(Reject::BadRetransmission)?;
        let given_up_before = media.missing.given_up();
        let closed_gap = media.missing.arrived(now, sequence);
        let gave_up = media.missing.given_up() - given_up_before;
        let timestamp = header.timestamp.wrapping_add(media.timestamp_offset);
        let ingress = self.tracks.get_mut(track).ok_or(Reject::Unbound)?;
        let video = ingress.spec.codec.is_video();
        if gave_up > 0 {
            self.happened.push(lost(video, gave_up));
            if video {
                ingress.desk.wish();
            }
        }
        if stream == Stream::Retransmission {
            ingress.recovered += u64::from(closed_gap);
        } else {
            ingress.bound.get_or_insert(now);
            let arrival = ticks(now.saturating_duration_since(self.started), ingress.spec.clock_rate_hz);
            if let Some(media) = self.receivers.get_mut(place) {
                media.observe_jitter(arrival, header.timestamp);
            }
            let what = ingress.hear(now);
            let what = what.and_then(|what| self.of_all_layers(now, track, what));
            self.happened.extend(what);
        }
        let ingress = self.tracks.get_mut(track).ok_or(Reject::Unbound)?;
        if ingress.highest.is_none_or(|(highest, _)| sequence > highest) {
            ingress.highest = Some((sequence, timestamp));
        }
        if ingress.spec.rid.is_some()
            && let Some(size) = frame_size(&self.extensions, ingress.spec.codec, header, packet, payload)
        {
            ingress.size = size;
        }
        ingress.packets += 1;
        ingress.bytes += packet.len() as u64;
        let elements = Elements::forwardable(&self.extensions, header.extensions(packet));
        let marker = header.marker;
        let layer = ingress.layer_reader.as_mut().and_then(|reader| {
            let descriptor = stored_element(elements.as_bytes(), ExtensionKind::DependencyDescriptor);
            reader.read(sequence, descriptor, payload)
        });
        Ok(Some(Received { track, sequence, timestamp, marker, elements, payload, redundant_len, layer }))
    }

    /// What is to be noted where a layer began, fell silent or came back: of a source in layers the first and the last count,
    /// since a browser stops the upper ones when its uplink is short.
    fn of_all_layers(&self, now: Instant, place: usize, what: Notable) -> Option<Notable> {
        let own = self.tracks.get(place)?;
        let others = self.tracks.iter().enumerate().filter(|(other, track)| {
            *other != place && track.spec.rid.is_some() && track.spec.mid == own.spec.mid
        });
        let mut heard = None;
        for (_, other) in others.filter(|(_, other)| other.heard.is_some()) {
            if !other.is_silent {
                return None;
            }
            heard = heard.max(other.heard);
        }
        let Some(heard) = heard else { return Some(what) };
        let since = now.saturating_duration_since(heard).as_millis();
        let since_ms = u32::try_from(since).unwrap_or(u32::MAX);
        Some(match what {
            Notable::TrackStarted { video } => Notable::SourceBack { video, silent_ms: since_ms },
            Notable::SourceBack { video, silent_ms } => {
                Notable::SourceBack { video, silent_ms: silent_ms.min(since_ms) }
            }
            other => other,
        })
    }

    fn note_silences(&mut self, now: Instant) {
        for place in 0..self.tracks.len() {
            let what = self.tracks.get_mut(place).and_then(|track| track.note_silence(now));
            let what = what.and_then(|what| self.of_all_layers(now, place, what));
            self.happened.extend(what);
        }
    }

    /// Bytes before the primary block of redundant audio (RFC 2198), which must be of the track's own codec; else 0.
    fn redundant_len(
        &self,
        track: usize,
        payload_type: PayloadType,
        payload: &[u8],
    ) -> Result<usize, Reject> {
        let spec = self.tracks.get(track).map(|track| &track.spec).ok_or(Reject::Unbound)?;
        if spec.red_payload_type != Some(payload_type) {
            return Ok(0);
        }
        let (primary, start) = red_primary(payload).ok_or(Reject::MalformedRtp)?;
        if primary == spec.payload_type { Ok(start) } else { Err(Reject::UnknownPayloadType) }
    }

    fn note_arrival(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) {
        let Some((arrivals, id)) =
            self.arrivals.as_mut().zip(self.extensions.id(ExtensionKind::TransportSequence))
        else {
            return;
        };
        let element = header.extensions(packet).find(|element| element.id == id);
        if let Some(Ok(sequence)) = element.map(|element| <[u8; 2]>::try_from(element.data)) {
            arrivals.note(now, Sequence(u16::from_be_bytes(sequence)));
        }
    }

    fn unwrap_retransmission<'p>(
        &mut self,
        track: usize,
        payload: &'p [u8],
    ) -> Result<(ExtendedSequence, &'p [u8]), Reject> {
        let (original, payload) = rtx_original_sequence(payload).ok_or(Reject::BadRetransmission)?;
        let media = self.media_receiver(track).ok_or(Reject::BadRetransmission)?;
        let index = media.index.estimate(original.0);
        if !media.may_be_resent(index) {
            return Err(Reject::BadRetransmission);
        }
        Ok((media.track_sequence(index), payload))
    }

    fn media_receiver(&mut self, track: usize) -> Option<&mut Receiver> {
        self.receivers.iter_mut().find(|receiver| receiver.track == track && receiver.stream == Stream::Media)
    }

    fn media_ssrc(&self, track: usize) -> Option<Ssrc> {
        let media = self
            .receivers
            .iter()
            .find(|receiver| receiver.track == track && receiver.stream == Stream::Media);
        media.map(|media| media.ssrc)
    }

    pub(crate) fn media_ssrcs(&self) -> impl Iterator<Item = Ssrc> + '_ {
        let media = self.receivers.iter().filter(|receiver| receiver.stream == Stream::Media);
        media.map(|receiver| receiver.ssrc)
    }

    /// What a limit has shut opens with the next one: video with the key frame that it waits for.
    pub(crate) fn open_what_was_shut(&mut self) {
        for track in self.tracks.iter_mut().filter(|track| track.is_shut) {
            track.is_shut = false;
            track.desk.wish();
        }
    }

    /// The next report is due.
    pub(crate) fn hasten_report(&mut self, now: Instant) {
        self.report_due = now;
    }

    /// Takes the publisher's sender report; returns the place of the track that it is the clock of.
    pub(crate) fn sender_report(
        &mut self,
        now: Instant,
        report: &fanlight_wire::SenderReport<'_>,
    ) -> Option<(usize, MediaClock)> {
        let receiver = self.receivers.iter_mut().find(|receiver| receiver.ssrc == report.sender())?;
        receiver.note_sender_report(now, report.ntp());
        let timestamp = report.timestamp().wrapping_add(receiver.timestamp_offset);
        let clock = MediaClock { ntp: report.ntp(), timestamp, learned: now };
        (receiver.stream == Stream::Media).then_some((receiver.track, clock))
    }

    /// Jitter (RTP ticks) and packets given up of a track.
    pub(crate) fn quality(&self, track: usize) -> (u32, u64) {
        let media = self
            .receivers
            .iter()
            .find(|receiver| receiver.track == track && receiver.stream == Stream::Media);
        media.map(|media| (media.jitter(), media.missing.given_up())).unwrap_or_default()
    }

    /// When [`Self::feedback`] has something to say.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let arrivals = self.arrivals.as_ref().and_then(|arrivals| arrivals.deadline(now));
        let missing = self.receivers.iter().filter(|r| self.may_nack(r)).filter_map(|r| r.missing.deadline());
        // Before a track has an SSRC there is nobody to ask.
        let asked = self.tracks.iter().enumerate().filter(|(place, _)| self.media_ssrc(*place).is_some());
        let desks = asked
            .filter(|(_, track)| track.asks_for_key_frames())
            .filter_map(|(_, track)| track.desk.deadline(now));
        missing.chain(desks).chain(arrivals).chain(self.measure_due).chain([self.report_due]).min()
    }

    fn may_nack(&self, receiver: &Receiver) -> bool {
        receiver.stream == Stream::Media
            && self.tracks.get(receiver.track).is_some_and(|track| track.spec.nack)
    }

    /// Writes what the publisher is to know now: receiver reports, NACKs, transport-wide feedback, key-frame requests.
    /// Returns how many of the last there were, and why.
    pub(crate) fn feedback(
        &mut self,
        now: Instant,
        local: Ssrc,
        round_trip: Option<Duration>,
        rtcp: &mut RtcpWriter<'_>,
    ) -> KeyFramesAsked {
        if now >= self.report_due {
            self.report_due = now + REPORT_INTERVAL;
            let blocks: ArrayVec<_, RECEIVERS_PER_SESSION_MAX> =
                self.receivers.iter_mut().filter_map(|receiver| receiver.report(now)).take(31).collect();
            // The writer leaves the buffer as it was when there is no room; the next feedback says the rest.
            let _ = rtcp.receiver_report(local, &blocks).and_then(|()| rtcp.cname(local, CNAME.as_bytes()));
            self.write_limit(local, rtcp);
            self.note_silences(now);
        }
        self.ask_for_missing(now, local, round_trip, rtcp);
        let requests = self.ask_for_key_frames(now, local, rtcp);
        if let Some(arrivals) = &mut self.arrivals
            && arrivals.deadline(now).is_some_and(|due| due <= now)
        {
            let media = self.receivers.first().map_or(Ssrc(0), |receiver| receiver.ssrc);
            arrivals.write(now, local, media, rtcp);
        }
        requests
    }

    fn ask_for_missing(
        &mut self,
        now: Instant,
        local: Ssrc,
        round_trip: Option<Duration>,
        rtcp: &mut RtcpWriter<'_>,
    ) {
        for receiver in self.receivers.iter_mut().filter(|receiver| receiver.stream == Stream::Media) {
            let Some(track) = self.tracks.get_mut(receiver.track).filter(|track| track.spec.nack) else {
                continue;
            };
            let lost_before = receiver.missing.given_up();
            let mut wanted = ArrayVec::<Sequence, { crate::limits::MISSING_MAX }>::new();
            let Receiver { missing, sequence_offset, .. } = receiver;
            missing.due(now, round_trip, |sequence| {
                wanted.push(ExtendedSequence(sequence.0.wrapping_sub(*sequence_offset)).sequence());
            });
            if !wanted.is_empty() {
                track.nacks += wanted.len() as u64;
                let _ = rtcp.nack(local, receiver.ssrc, wanted.iter().copied());
                let packets = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
                self.happened.push(Notable::Nacked { video: track.spec.codec.is_video(), packets });
            }
            let gave_up = receiver.missing.given_up() - lost_before;
            if gave_up > 0 {
                self.happened.push(lost(track.spec.codec.is_video(), gave_up));
                if track.spec.codec.is_video() {
                    track.desk.wish();
                }
            }
        }
    }

    fn ask_for_key_frames(&mut self, now: Instant, local: Ssrc, rtcp: &mut RtcpWriter<'_>) -> KeyFramesAsked {
        let mut requests = KeyFramesAsked::default();
        for (place, track) in self.tracks.iter_mut().enumerate().filter(|(_, t)| t.asks_for_key_frames()) {
            let media = self.receivers.iter().find(|r| r.track == place && r.stream == Stream::Media);
            let Some((media, why)) = media.and_then(|media| track.desk.ask(now).map(|why| (media, why)))
            else {
                continue;
            };
            if rtcp.pli(local, media.ssrc).is_ok() {
                track.key_frame_requests += 1;
                match why {
                    Asked::Wished => requests.wished += 1,
                    Asked::Refreshed => requests.refreshed += 1,
                }
            }
        }
        requests
    }
}

/// The size of the pictures that a packet tells of: by its own account, or by the key frame that it begins.
fn frame_size(
    extensions: &ExtensionMap,
    codec: Codec,
    header: &RtpHeader,
    packet: &[u8],
    payload: &[u8],
) -> Option<FrameSize> {
    let id = extensions.id(ExtensionKind::VideoLayersAllocation);
    let told = header.extensions(packet).find(|element| Some(element.id) == id);
    let told = told.and_then(|element| allocated_frame_size(element.data));
    let (width, height) = told.or_else(|| key_frame_size(codec, payload))?;
    Some(FrameSize { width, height })
}

/// A time in RTP clock ticks, modulo 2³².
fn ticks(duration: Duration, clock_rate_hz: u32) -> u32 {
    let ticks = duration.as_micros() * u128::from(clock_rate_hz) / 1_000_000;
    u32::try_from(ticks & 0xffff_ffff).unwrap_or_default()
}

fn lost(video: bool, packets: u64) -> Notable {
    Notable::Lost { video, packets: u32::try_from(packets).unwrap_or(u32::MAX) }
}
