//! What a session is to be, decided on the link thread from SDP and handed to a shard as plain values.
//!
//! A shard never parses text: payload types, extension ids and SSRCs arrive here, already negotiated.

use arrayvec::ArrayVec;
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionMap, PayloadType, Ssrc};

use crate::limits::{LAYERS_MAX, MID_BYTES_MAX, RID_BYTES_MAX, TRACKS_PER_SESSION_MAX};
use crate::transport::Transport;

/// Names a shard: its place in the list of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// Names a session within its shard. A slot is used again under the next generation, so an old key never finds a newer
/// session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    pub slot: u32,
    pub generation: u32,
}

/// Names a published track within the process. Never used twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u64);

/// Media identification of an m-section, as it goes into the MID header extension. RFC 8843 §15.
pub type Mid = ArrayVec<u8, MID_BYTES_MAX>;

/// Names a layer: the rid of one of several encodings (RFC 8851 §10), as it goes into the RID header extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rid {
    len: u8,
    /// Zeros behind `len`, so that equal names are equal values.
    bytes: [u8; RID_BYTES_MAX],
}

impl Rid {
    /// None: empty, or longer than [`RID_BYTES_MAX`].
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let len = u8::try_from(name.len()).ok().filter(|len| *len > 0)?;
        let mut bytes = [0; RID_BYTES_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { len, bytes })
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// A session to adopt.
pub struct SessionSpec {
    pub key: SessionKey,
    /// ICE, DTLS and SCTP, ready for the first datagram.
    pub transport: Box<dyn Transport>,
    /// The SSRC that signs our RTCP where we send no media (RFC 3550 §6.4.2).
    pub local_ssrc: Ssrc,
    pub role: Role,
    /// Most media of a publisher, or to a viewer, bit/s. None: as much as the way takes.
    pub bitrate_bps_max: Option<u64>,
}

/// What the session does.
#[expect(clippy::large_enum_variant, reason = "made once a session, and boxed with the order to adopt it")]
pub enum Role {
    Publisher(PublishSpec),
    Viewer(WatchSpec),
}

/// A publisher's side as negotiated.
#[derive(Debug, Clone)]
pub struct PublishSpec {
    pub tracks: ArrayVec<PublishedTrack, TRACKS_PER_SESSION_MAX>,
    /// Header extensions the publisher may send, by its ids.
    pub extensions: ExtensionMap,
}

/// One m-section that a publisher sends, or one of its simulcast layers.
#[derive(Debug, Clone)]
pub struct PublishedTrack {
    pub track: TrackId,
    /// Layers of one m-section share it, and the payload types.
    pub mid: Mid,
    /// Which layer of the m-section it is (RFC 8853): bound by the RID extension. None: the m-section has but one.
    pub rid: Option<Rid>,
    pub codec: Codec,
    /// RTP clock ticks a second.
    pub clock_rate_hz: u32,
    pub payload_type: PayloadType,
    /// Payload type of retransmissions (RFC 4588); None: not negotiated.
    pub rtx_payload_type: Option<PayloadType>,
    /// Redundant audio around the codec (RFC 2198): the publisher may send it instead.
    pub red_payload_type: Option<PayloadType>,
    /// From `a=ssrc`; None: bound by the MID extension or by payload type with the first authentic packet.
    pub ssrc: Option<Ssrc>,
    /// From `a=ssrc-group:FID`.
    pub rtx_ssrc: Option<Ssrc>,
    /// `a=rtcp-fb … nack`: lost packets may be asked for.
    pub nack: bool,
    /// `a=rtcp-fb … nack pli`: key frames may be asked for.
    pub pli: bool,
    /// `a=rtcp-fb … transport-cc`: wants transport-wide feedback.
    pub transport_cc: bool,
}

/// A viewer's side as negotiated.
#[derive(Debug, Clone)]
pub struct WatchSpec {
    pub subscriptions: ArrayVec<SubscriptionSpec, TRACKS_PER_SESSION_MAX>,
    /// Header extensions the viewer takes, by its ids.
    pub extensions: ExtensionMap,
}

/// The layers of one source, in the publisher's order. One entry: it has no simulcast.
pub type Layers = ArrayVec<LayerSpec, LAYERS_MAX>;

/// One layer of a source: a track of its own, with the codec, clock and home of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSpec {
    pub track: TrackId,
    pub rid: Option<Rid>,
}

/// What a viewer wants of the layers that there are. By default the best that its network takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerWish {
    /// This layer and no better one. A name that the source does not have is no wish.
    pub layer: Option<Rid>,
    /// No layer wider or higher than this, pixels, if there is a smaller one.
    pub max_width: Option<u16>,
    pub max_height: Option<u16>,
}

/// One m-section that a viewer receives. What only some packets need comes last, in memory too.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct SubscriptionSpec {
    /// The track watched first, one of `layers`.
    pub track: TrackId,
    pub mid: Mid,
    pub codec: Codec,
    pub clock_rate_hz: u32,
    /// Payload type in the viewer's numbering.
    pub payload_type: PayloadType,
    /// What redundant audio is sent under (RFC 2198). None: the viewer gets the newest block of it alone.
    pub red_payload_type: Option<PayloadType>,
    /// The SSRC announced to the viewer in `a=ssrc`.
    pub ssrc: Ssrc,
    pub layers: Layers,
    /// The shard where the publisher landed.
    pub home: ShardId,
    /// Retransmission stream (RFC 4588): its SSRC and payload type.
    pub rtx: Option<(Ssrc, PayloadType)>,
    /// `a=rtcp-fb … nack`: the viewer will ask for lost packets.
    pub nack: bool,
}
