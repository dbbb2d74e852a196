//! A publisher: whose packets are those of its tracks, and how often it may be asked for a key frame.

use std::time::{Duration, Instant};

use str0m::format::CodecSpec;
use str0m::media::{KeyframeRequestKind, MediaKind};
use str0m::rtp::{RtpPacket, Ssrc};

use super::session::Session;

/// From wish to wish.
const WISH_INTERVAL: Duration = Duration::from_millis(500);

/// One of its tracks.
struct Source {
    kind: MediaKind,
    ssrc: Ssrc,
    wished: Option<Instant>,
}

/// See the file's head.
pub(super) struct Publisher {
    pub(super) number: u64,
    pub(super) stream: String,
    pub(super) session: Session,
    /// At most one of each kind: the first that came.
    sources: Vec<Source>,
}

impl Publisher {
    pub(super) fn new(number: u64, stream: String, session: Session) -> Self {
        Self { number, stream, session, sources: Vec::new() }
    }

    /// The track and the codec of a packet that is to be forwarded.
    pub(super) fn place(&mut self, packet: &RtpPacket) -> Option<(MediaKind, CodecSpec)> {
        let header = &packet.header;
        let mid = self.session.rtc.direct_api().stream_rx(&header.ssrc)?.mid();
        let kind = self.session.kind_of(mid)?;
        let source = self.sources.iter().find(|source| source.kind == kind);
        if source.is_some_and(|source| source.ssrc != header.ssrc) {
            return None;
        }
        if source.is_none() {
            self.sources.push(Source { kind, ssrc: header.ssrc, wished: None });
        }
        let codecs = self.session.rtc.codec_config();
        let codec = codecs.find(|params| params.pt() == header.payload_type)?;
        Some((kind, codec.spec()))
    }

    /// Asks for a key frame unless it was just asked.
    pub(super) fn wish(&mut self, kind: MediaKind, now: Instant) {
        let source = self.sources.iter_mut().find(|source| source.kind == kind);
        let Some(source) = source else { return };
        if source.wished.is_some_and(|wished| now < wished + WISH_INTERVAL) {
            return;
        }
        if let Some(stream) = self.session.rtc.direct_api().stream_rx(&source.ssrc) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            source.wished = Some(now);
            self.session.hurry(now);
        }
    }
}
