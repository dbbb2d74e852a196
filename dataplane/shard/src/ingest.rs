//! Media in: from a publisher's datagram, or from the lane of another shard, into the track's store.

use std::time::Duration;

use fanlight_wire::ExtendedSequence;
use fanlight_wire::codec::frame_facts;

use crate::lane::LanePacket;
use crate::limiting::Admission;
use crate::limits::PACKET_BYTES_MAX;
use crate::notes::Notable;
use crate::publisher::Received;
use crate::reject::Reject;
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::store::{NotKept, PacketFacts};
use crate::turn::{Datagram, Outputs};

impl Shard {
    /// An SRTP datagram: open → bind → observe → keep.
    pub(crate) fn ingest(&mut self, datagram: Datagram<'_>, outputs: &mut Outputs<'_>) -> Result<(), Reject> {
        let now = self.now;
        let key = self.routes.find(datagram.from).ok_or(Reject::UnknownAddress)?;
        let session = self.sessions.find(key).ok_or(Reject::StaleSession)?;
        let srtp = session.srtp.as_deref_mut().ok_or(Reject::NoKeys)?;
        let crate::session::Activity::Publishing(publisher) = &mut session.activity else {
            return Err(Reject::NotPublishing);
        };
        let bytes = datagram.bytes.len();
        session.packets_in += 1;
        session.bytes_in += bytes as u64;
        let opener = srtp.rtp_opener.as_deref().ok_or(Reject::NotPublishing)?;
        let opened = publisher.open(self.now, opener, datagram.bytes);
        let received = match opened {
            Ok(Some(received)) => received,
            Ok(None) => {
                self.arm(key);
                return Ok(());
            }
            Err(reject) => return Err(reject),
        };
        let spec = publisher.tracks.get(received.track).map(|track| &track.spec).ok_or(Reject::Unbound)?;
        let (id, codec) = (spec.track, spec.codec);
        // A payload that does not parse is no key frame; whether it is any good is between publisher and viewer.
        let key_frame_start = codec.is_video()
            && frame_facts(codec, received.marker, received.payload).is_ok_and(|facts| facts.key_frame_start);
        match publisher.admit(now, &received, key_frame_start, bytes) {
            Admission::Passes => {}
            Admission::Refused(reject) => return Err(self.turn_away(key, reject, outputs)),
            Admission::Shut => {
                self.cut(id, outputs);
                return Err(self.turn_away(key, Reject::OverLimit, outputs));
            }
        }
        if key_frame_start && let Some(track) = publisher.tracks.get_mut(received.track) {
            let waited = track.desk.fulfilled(now);
            publisher.happened.extend(waited.map(key_frame_came));
        }
        session.note_what_happened(now, outputs.events);
        let kept = self.keep_received(id, &received, key_frame_start, outputs);
        self.arm(key);
        kept
    }

    /// A packet that was observed goes no further. Returns why.
    fn turn_away(&mut self, key: SessionKey, reject: Reject, outputs: &mut Outputs<'_>) -> Reject {
        let now = self.now;
        if let Some(session) = self.sessions.find(key) {
            session.note_what_happened(now, outputs.events);
        }
        self.arm(key);
        reject
    }

    fn keep_received(
        &mut self,
        id: TrackId,
        received: &Received<'_>,
        key_frame_start: bool,
        outputs: &mut Outputs<'_>,
    ) -> Result<(), Reject> {
        let extensions = received.elements.as_bytes();
        let facts = PacketFacts {
            timestamp: received.timestamp,
            marker: received.marker,
            key_frame_start,
            extension_len: u8::try_from(extensions.len()).map_err(|_| Reject::TooLong)?,
            payload_len: u16::try_from(received.payload.len()).map_err(|_| Reject::TooLong)?,
            redundant_len: u16::try_from(received.redundant_len).map_err(|_| Reject::TooLong)?,
            layer: received.layer,
        };
        self.keep(id, received.sequence, facts, extensions, received.payload).map_err(|not_kept| {
            match not_kept {
                NotKept::AlreadyThere => Reject::Duplicate,
                NotKept::TooOld => Reject::TooOld,
                NotKept::TooLong => Reject::TooLong,
            }
        })?;
        if let Some(packet) = self.copy_for_mirrors(id, received, facts) {
            self.send_to_mirrors(packet, outputs);
        }
        Ok(())
    }

    /// Keeps a packet and marks its track for the fan-out at the end of the turn.
    pub(crate) fn keep(
        &mut self,
        id: TrackId,
        sequence: ExtendedSequence,
        facts: PacketFacts,
        extensions: &[u8],
        payload: &[u8],
    ) -> Result<(), NotKept> {
        let now = self.now;
        let track = self.tracks.get_mut(&id).ok_or(NotKept::TooOld)?;
        track.store.keep(sequence, facts, extensions, payload)?;
        if track.fresh.is_empty() {
            self.fresh.push(id);
        }
        track.observe(now, sequence, &facts);
        track.observe_layer(now, sequence, &facts, (extensions, payload));
        Ok(())
    }

    /// One copy of it, if any shard mirrors the track.
    fn copy_for_mirrors(
        &self,
        id: TrackId,
        received: &Received<'_>,
        facts: PacketFacts,
    ) -> Option<LanePacket> {
        self.tracks.get(&id).filter(|track| !track.mirrors.is_empty())?;
        let mut bytes = [0; PACKET_BYTES_MAX];
        let extensions = received.elements.as_bytes();
        let (front, back) = bytes.split_at_mut(extensions.len());
        front.copy_from_slice(extensions);
        back.get_mut(..received.payload.len())?.copy_from_slice(received.payload);
        let (sequence, sent) = (received.sequence, self.now);
        Some(LanePacket { track: id, sequence, facts, sent, after_gap: false, bytes })
    }

    /// Keeps a packet of a track that lives on another shard.
    pub(crate) fn ingest_from_lane(&mut self, packet: &LanePacket) {
        let split = packet.bytes.split_at_checked(usize::from(packet.facts.extension_len));
        let Some((extensions, rest)) = split else { return };
        let Some(payload) = rest.get(..usize::from(packet.facts.payload_len)) else { return };
        // The home shard keeps a packet once, and sends what it kept: a refusal here is a mirror that was joined anew.
        let _ = self.keep(packet.track, packet.sequence, packet.facts, extensions, payload);
        if packet.facts.key_frame_start
            && let Some(track) = self.tracks.get_mut(&packet.track)
        {
            track.desk.fulfilled(self.now);
        }
    }
}

fn key_frame_came(waited: Duration) -> Notable {
    Notable::KeyFrameCame { waited_ms: u32::try_from(waited.as_millis()).unwrap_or(u32::MAX) }
}
