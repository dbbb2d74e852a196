//! A viewer that the test watches for: it opens all that comes with its own keys, each packet index once.

use std::collections::BTreeMap;

use fanlight_shard::{LayerSpec, SubscriptionSpec, WatchSpec};
use fanlight_srtp::ReceiveIndex;
use fanlight_wire::{
    ExtensionKind, ExtensionMap, Kind, NoRoom, PayloadType, RtcpWriter, RtpHeader, Sequence, Ssrc, classify,
};

use super::keys::PeerContexts;
use super::publisher::{Publisher, mid};
use super::rtcp::{self, Told};
use super::trace::{Adoption, Order};
use super::world::{Seat, World};

pub(crate) const VIDEO_PAYLOAD_TYPE: u8 = 100;
pub(crate) const RTX_PAYLOAD_TYPE: u8 = 101;
pub(crate) const AUDIO_PAYLOAD_TYPE: u8 = 109;

/// A packet that came, in the clear.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) header: RtpHeader,
    /// As it was on the wire.
    pub(crate) datagram_len: usize,
    /// Roll-over counter and sequence number.
    pub(crate) index: u64,
    /// By what they mean to the viewer.
    pub(crate) elements: Vec<(ExtensionKind, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
}

impl Heard {
    pub(crate) fn element(&self, kind: ExtensionKind) -> Option<&[u8]> {
        self.elements.iter().find(|(known, _)| *known == kind).map(|(_, data)| data.as_slice())
    }
}

/// See the file's head.
pub(crate) struct Viewer {
    pub(crate) seat: Seat,
    pub(crate) contexts: PeerContexts,
    pub(crate) spec: WatchSpec,
    indices: BTreeMap<Ssrc, ReceiveIndex>,
    told: Vec<Told>,
}

impl Viewer {
    /// The spec that [`Self::join`] uses: both tracks, under ids and payload types of the viewer's own.
    pub(crate) fn usual_spec(seat: &Seat, publisher: &Publisher) -> WatchSpec {
        let mut extensions = ExtensionMap::new();
        for (id, kind) in [
            (1, ExtensionKind::VideoOrientation),
            (2, ExtensionKind::AudioLevel),
            (8, ExtensionKind::AbsSendTime),
            (9, ExtensionKind::Mid),
        ] {
            assert!(extensions.insert(id, kind));
        }
        let [video, rtx, audio] = [0xa1, 0xa2, 0xa3].map(|place| Ssrc(seat.number << 8 | place));
        let subscription = |place: usize, name, payload_type, ssrc, rtx| {
            let track = &publisher.spec.tracks[place];
            SubscriptionSpec {
                track: track.track,
                home: publisher.seat.shard,
                layers: [LayerSpec { track: track.track, rid: track.rid }].into_iter().collect(),
                mid: mid(name),
                codec: track.codec,
                clock_rate_hz: track.clock_rate_hz,
                payload_type: PayloadType::new(payload_type).unwrap(),
                red_payload_type: None,
                ssrc,
                rtx,
                nack: track.nack,
            }
        };
        let rtx = PayloadType::new(RTX_PAYLOAD_TYPE).map(|payload_type| (rtx, payload_type));
        let subscriptions = [
            subscription(0, "0", VIDEO_PAYLOAD_TYPE, video, rtx),
            subscription(1, "1", AUDIO_PAYLOAD_TYPE, audio, None),
        ];
        WatchSpec { subscriptions: subscriptions.into_iter().collect(), extensions }
    }

    /// Joins a shard to watch both tracks of a publisher.
    pub(crate) fn join(world: &mut World, shard: u16, publisher: &Publisher) -> Self {
        Self::join_with(world, shard, publisher, |_| {})
    }

    /// As [`Self::join`], with a spec that `change` has changed.
    pub(crate) fn join_with(
        world: &mut World,
        shard: u16,
        publisher: &Publisher,
        change: impl FnOnce(&mut WatchSpec),
    ) -> Self {
        let seat = world.seat(shard);
        let mut spec = Self::usual_spec(&seat, publisher);
        change(&mut spec);
        let adoption = Adoption {
            key: seat.key,
            number: seat.number,
            peer: seat.address,
            local_ssrc: Ssrc(0xfb00_0000 + seat.number),
        };
        world.order(seat.shard, Order::Watch(adoption, spec.clone()));
        world.settle();
        Self::seated(seat, spec)
    }

    /// The peer of a session that was adopted otherwise.
    pub(crate) fn seated(seat: Seat, spec: WatchSpec) -> Self {
        let contexts = PeerContexts::new(seat.number);
        Self { seat, contexts, spec, indices: BTreeMap::new(), told: Vec::new() }
    }

    /// Media that came since last asked. Each is authentic under this viewer's keys, and its nonce was never used before.
    pub(crate) fn receive(&mut self, world: &mut World) -> Vec<Heard> {
        let mut heard = Vec::new();
        for datagram in world.mail(self.seat.address).into_iter().filter(|datagram| !datagram.is_empty()) {
            match classify(&datagram) {
                Kind::Rtp => heard.push(self.open(datagram)),
                Kind::Rtcp => self.told.extend(rtcp::open(&mut self.contexts.rtcp_opener, datagram)),
                other => panic!("{other:?} for a viewer without a handshake"),
            }
        }
        heard
    }

    /// Media of one stream that came since last asked; that of others is forgotten.
    pub(crate) fn receive_of(&mut self, world: &mut World, ssrc: Ssrc) -> Vec<Heard> {
        self.receive(world).into_iter().filter(|heard| heard.header.ssrc == ssrc).collect()
    }

    /// RTCP that came since last asked.
    pub(crate) fn told(&mut self, world: &mut World) -> Vec<Told> {
        let media = self.receive(world);
        assert!(media.is_empty(), "media that the test did not look at");
        std::mem::take(&mut self.told)
    }

    fn open(&mut self, mut datagram: Vec<u8>) -> Heard {
        let header = RtpHeader::parse(&datagram).unwrap();
        let index = self.indices.entry(header.ssrc).or_default();
        let estimate = index.estimate(header.sequence.0);
        index.check(estimate).unwrap();
        let proof = self.contexts.rtp_opener.open(&mut datagram, header.header_len, estimate).unwrap();
        index.accept(&proof);
        let plain = &datagram[..header.header_len + proof.payload_len()];
        let known = |id| self.spec.extensions.kind(id).expect("an extension that was not negotiated");
        Heard {
            header,
            datagram_len: datagram.len(),
            index: estimate,
            elements: header
                .extensions(plain)
                .map(|element| (known(element.id), element.data.to_vec()))
                .collect(),
            payload: header.payload(plain).unwrap().to_vec(),
        }
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

    /// Asks for packets of a stream again.
    pub(crate) fn nack(&mut self, world: &mut World, media: Ssrc, sequences: &[u16]) {
        let sender = self.video_ssrc();
        self.say(world, |rtcp| rtcp.nack(sender, media, sequences.iter().copied().map(Sequence)));
    }

    /// Asks for a key frame.
    pub(crate) fn pli(&mut self, world: &mut World) {
        let media = self.video_ssrc();
        self.say(world, |rtcp| rtcp.pli(Ssrc(1), media));
    }

    pub(crate) fn video_ssrc(&self) -> Ssrc {
        self.spec.subscriptions[0].ssrc
    }

    pub(crate) fn rtx_ssrc(&self) -> Ssrc {
        self.spec.subscriptions[0].rtx.unwrap().0
    }

    pub(crate) fn audio_ssrc(&self) -> Ssrc {
        self.spec.subscriptions[1].ssrc
    }
}
