//! A publisher that the test speaks for: VP8 with retransmission, and Opus.

use fanlight_shard::limits::MID_BYTES_MAX;
use fanlight_shard::{Mid, PublishSpec, PublishedTrack, TrackId};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, ExtensionMap, NoRoom, NtpTime, PayloadType, RtcpWriter, Ssrc, Timestamp};

use super::keys::PeerContexts;
use super::packet::{Packet, noise, vp8_payload};
use super::rtcp::{self, Told};
use super::trace::{Adoption, Order};
use super::world::{Seat, World};

pub(crate) const VIDEO_PAYLOAD_TYPE: u8 = 96;
pub(crate) const RTX_PAYLOAD_TYPE: u8 = 97;
pub(crate) const AUDIO_PAYLOAD_TYPE: u8 = 111;
pub(crate) const VIDEO_CLOCK_HZ: u32 = 90_000;
pub(crate) const AUDIO_CLOCK_HZ: u32 = 48_000;

/// Ids of the publisher's header extensions.
pub(crate) mod id {
    pub(crate) const AUDIO_LEVEL: u8 = 1;
    pub(crate) const TRANSPORT_SEQUENCE: u8 = 3;
    pub(crate) const MID: u8 = 4;
    pub(crate) const ORIENTATION: u8 = 13;
}

/// Where one stream stands.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) ssrc: Ssrc,
    /// Of the next packet.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
}

/// See the file's head.
pub(crate) struct Publisher {
    pub(crate) seat: Seat,
    pub(crate) contexts: PeerContexts,
    pub(crate) spec: PublishSpec,
    pub(crate) video: Source,
    pub(crate) rtx: Source,
    pub(crate) audio: Source,
    /// Of the next packet of any stream.
    pub(crate) transport_sequence: u16,
}

pub(crate) fn mid(name: &str) -> Mid {
    assert!(name.len() <= MID_BYTES_MAX);
    name.bytes().collect()
}

impl Publisher {
    /// The spec that [`Self::join`] uses: everything negotiated, SSRCs announced.
    pub(crate) fn usual_spec(seat: &Seat) -> PublishSpec {
        let mut extensions = ExtensionMap::new();
        for (id, kind) in [
            (id::AUDIO_LEVEL, ExtensionKind::AudioLevel),
            (id::TRANSPORT_SEQUENCE, ExtensionKind::TransportSequence),
            (id::MID, ExtensionKind::Mid),
            (id::ORIENTATION, ExtensionKind::VideoOrientation),
        ] {
            assert!(extensions.insert(id, kind));
        }
        let [video, rtx, audio] = ssrcs(seat);
        let video = PublishedTrack {
            track: TrackId(u64::from(seat.number) * 2),
            mid: mid("v"),
            rid: None,
            codec: Codec::Vp8,
            clock_rate_hz: VIDEO_CLOCK_HZ,
            payload_type: PayloadType::new(VIDEO_PAYLOAD_TYPE).unwrap(),
            rtx_payload_type: PayloadType::new(RTX_PAYLOAD_TYPE),
            red_payload_type: None,
            ssrc: Some(video),
            rtx_ssrc: Some(rtx),
            nack: true,
            pli: true,
            transport_cc: true,
        };
        let audio = PublishedTrack {
            track: TrackId(u64::from(seat.number) * 2 + 1),
            mid: mid("a"),
            rid: None,
            codec: Codec::Opus,
            clock_rate_hz: AUDIO_CLOCK_HZ,
            payload_type: PayloadType::new(AUDIO_PAYLOAD_TYPE).unwrap(),
            rtx_payload_type: None,
            red_payload_type: None,
            ssrc: Some(audio),
            rtx_ssrc: None,
            nack: false,
            pli: false,
            transport_cc: true,
        };
        PublishSpec { tracks: [video, audio].into_iter().collect(), extensions }
    }

    /// Joins a shard with everything negotiated.
    pub(crate) fn join(world: &mut World, shard: u16) -> Self {
        Self::join_with(world, shard, |_| {})
    }

    /// As [`Self::join`], with a spec that `change` has changed.
    pub(crate) fn join_with(world: &mut World, shard: u16, change: impl FnOnce(&mut PublishSpec)) -> Self {
        let seat = world.seat(shard);
        let mut spec = Self::usual_spec(&seat);
        change(&mut spec);
        let adoption = Adoption {
            key: seat.key,
            number: seat.number,
            peer: seat.address,
            local_ssrc: Ssrc(0xfa00_0000 + seat.number),
        };
        world.order(seat.shard, Order::Publish(adoption, spec.clone()));
        world.settle();
        let mut publisher = Self::seated(seat, spec);
        publisher.receive(world);
        publisher
    }

    /// The peer of a session that was adopted otherwise.
    pub(crate) fn seated(seat: Seat, spec: PublishSpec) -> Self {
        let [video, rtx, audio] = ssrcs(&seat);
        Self {
            seat,
            contexts: PeerContexts::new(seat.number),
            spec,
            video: Source { ssrc: video, index: 1000, timestamp: 3_000_000_000 },
            rtx: Source { ssrc: rtx, index: 500, timestamp: 0 },
            audio: Source { ssrc: audio, index: 60_000, timestamp: 7_000 },
            transport_sequence: 65_000,
        }
    }

    /// A frame of packets with these payload lengths, a 30th of a second after the last.
    pub(crate) fn frame(&mut self, key_frame: bool, lens: &[usize]) -> Vec<Packet> {
        self.video.timestamp = self.video.timestamp.wrapping_add(VIDEO_CLOCK_HZ / 30);
        let mut packets = Vec::new();
        for (place, len) in lens.iter().enumerate() {
            let index = self.video.index;
            self.video.index += 1;
            let payload = vp8_payload(key_frame, place == 0, *len, index);
            let elements = vec![
                (id::MID, b"v".to_vec()),
                (id::TRANSPORT_SEQUENCE, self.next_transport_sequence()),
                (id::ORIENTATION, vec![u8::try_from(index % 4).unwrap()]),
            ];
            packets.push(Packet {
                ssrc: self.video.ssrc,
                payload_type: VIDEO_PAYLOAD_TYPE,
                index,
                timestamp: self.video.timestamp,
                marker: place + 1 == lens.len(),
                elements,
                payload,
            });
        }
        packets
    }

    /// 20 ms of sound in `len` bytes.
    pub(crate) fn sound(&mut self, len: usize) -> Packet {
        let index = self.audio.index;
        self.audio.index += 1;
        self.audio.timestamp = self.audio.timestamp.wrapping_add(AUDIO_CLOCK_HZ / 50);
        let elements = vec![
            (id::AUDIO_LEVEL, vec![u8::try_from(index % 128).unwrap()]),
            (id::MID, b"a".to_vec()),
            (id::TRANSPORT_SEQUENCE, self.next_transport_sequence()),
        ];
        Packet {
            ssrc: self.audio.ssrc,
            payload_type: AUDIO_PAYLOAD_TYPE,
            index,
            timestamp: self.audio.timestamp,
            marker: false,
            elements,
            payload: noise(index ^ 0xa0d1_0000, len),
        }
    }

    /// The packet again, on the retransmission stream.
    pub(crate) fn retransmission(&mut self, packet: &Packet) -> Packet {
        let mut again = packet.retransmitted(self.rtx.ssrc, RTX_PAYLOAD_TYPE, self.rtx.index);
        self.rtx.index += 1;
        let sequence = self.next_transport_sequence();
        for (id, data) in &mut again.elements {
            if *id == id::TRANSPORT_SEQUENCE {
                data.clone_from(&sequence);
            }
        }
        again
    }

    pub(crate) fn next_transport_sequence(&mut self) -> Vec<u8> {
        let sequence = self.transport_sequence;
        self.transport_sequence = sequence.wrapping_add(1);
        sequence.to_be_bytes().to_vec()
    }

    pub(crate) fn seal(&self, packet: &Packet) -> Vec<u8> {
        packet.seal(&self.contexts.rtp_sealer)
    }

    /// Puts packets on the wire.
    pub(crate) fn send(&self, world: &mut World, packets: &[Packet]) {
        for packet in packets {
            world.hand(self.seat.shard, self.seat.address, self.seal(packet));
        }
    }

    /// Puts packets on the wire and lets the shards work on them.
    pub(crate) fn deliver(&self, world: &mut World, packets: &[Packet]) {
        self.send(world, packets);
        world.settle();
    }

    /// Sends a frame; returns its packets.
    pub(crate) fn deliver_frame(
        &mut self,
        world: &mut World,
        key_frame: bool,
        lens: &[usize],
    ) -> Vec<Packet> {
        let packets = self.frame(key_frame, lens);
        self.deliver(world, &packets);
        packets
    }

    /// Sends 20 ms of sound; returns its packet.
    pub(crate) fn deliver_sound(&mut self, world: &mut World) -> Packet {
        let packet = self.sound(80);
        self.deliver(world, std::slice::from_ref(&packet));
        packet
    }

    /// Sends a compound.
    pub(crate) fn say(
        &mut self,
        world: &mut World,
        write: impl FnOnce(&mut RtcpWriter<'_>) -> Result<(), NoRoom>,
    ) {
        let sealed = rtcp::seal(&mut self.contexts.rtcp_sealer, write);
        world.hand(self.seat.shard, self.seat.address, sealed);
        world.settle();
    }

    /// Sends a sender report of one stream.
    pub(crate) fn tell_time(&mut self, world: &mut World, ssrc: Ssrc, ntp: NtpTime, timestamp: u32) {
        self.say(world, |rtcp| rtcp.sender_report(ssrc, ntp, Timestamp(timestamp), 0, 0, &[]));
    }

    /// What came for the publisher: feedback, all of it authentic.
    pub(crate) fn receive(&mut self, world: &mut World) -> Vec<Told> {
        let mail = world.mail(self.seat.address).into_iter().filter(|datagram| !datagram.is_empty());
        mail.flat_map(|datagram| rtcp::open(&mut self.contexts.rtcp_opener, datagram)).collect()
    }

    pub(crate) fn video_track(&self) -> TrackId {
        self.spec.tracks[0].track
    }

    pub(crate) fn audio_track(&self) -> TrackId {
        self.spec.tracks[1].track
    }
}

/// SSRCs of video, its retransmission, and audio.
fn ssrcs(seat: &Seat) -> [Ssrc; 3] {
    [1, 2, 3].map(|place| Ssrc(seat.number << 8 | place))
}
