//! The header extensions that we know, and the URIs that name them in SDP. RFC 8285 §5.

/// The meaning of a header extension element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtensionKind {
    /// Which media section of the SDP a stream belongs to. RFC 9143 §15.
    Mid,
    /// Which simulcast layer a stream is. RFC 8852 §3.
    Rid,
    /// Which simulcast layer a retransmission stream repairs. RFC 8852 §3.
    RepairedRid,
    /// Loudness of the packet. RFC 6464.
    AudioLevel,
    /// Send time, 6.18 fixed-point seconds.
    AbsSendTime,
    /// Packet number across all streams of a session, for transport-wide feedback.
    TransportSequence,
    /// Rotation of the camera. 3GPP TS 26.114 §7.4.5.
    VideoOrientation,
    /// Wished bounds of the receiver's play-out delay.
    PlayoutDelay,
    /// Wall clock at capture.
    AbsCaptureTime,
    /// Layers and dependencies of a frame. AV1 RTP payload format, appendix A.
    DependencyDescriptor,
    /// Camera or screen.
    VideoContentType,
    /// Where the time went between capture and send.
    VideoTiming,
    /// Primaries, transfer and HDR metadata.
    ColorSpace,
    /// Bit rate and resolution of every layer that is being sent.
    VideoLayersAllocation,
}

impl ExtensionKind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 14] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::AbsSendTime,
        Self::TransportSequence,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::AbsCaptureTime,
        Self::DependencyDescriptor,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::VideoLayersAllocation,
    ];

    /// The URI of `a=extmap`.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
        }
    }

    /// The kind that a URI names, under its own or a former name. An answer must repeat the offer's spelling.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            // The spelling of the early drafts of RFC 8852, still in use among media servers.
            "urn:ietf:params:rtp-hdrext:sdes:repair-rtp-stream-id" => Some(Self::RepairedRid),
            _ => Self::ALL.into_iter().find(|kind| kind.uri() == uri),
        }
    }

    /// The kind's place in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}
