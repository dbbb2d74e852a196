//! A viewer: receives the tracks of a stream and holds each packet against what was published.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::Protocol;
use str0m::{Event, Rtc};

use super::answer::Answer;
use super::loss::Loss;
use super::resource::{Endpoint, Resource};
use super::script::{Content, Script};
use super::seen::Seen;
use super::session::{End, Milestones, Part, RtpOnWire, Session, SessionError};

/// What is watched and how.
#[derive(Debug, Clone)]
pub struct ViewerOptions {
    /// The published stream: [`super::PublisherOptions::stream`].
    pub stream: u32,
    /// Video codecs that are offered.
    pub video: Vec<Content>,
    /// Whether Opus is.
    pub audio: bool,
    pub data_channel: bool,
    /// What carries the session; by TCP this side connects.
    pub protocol: Protocol,
    /// Which RTP packets never come in, retransmissions included.
    pub loss: Option<Loss>,
}

impl Default for ViewerOptions {
    fn default() -> Self {
        Self {
            stream: 1,
            video: vec![Content::Vp8, Content::H264],
            audio: true,
            data_channel: false,
            protocol: Protocol::Udp,
            loss: None,
        }
    }
}

/// What happens to a viewer beside its session.
struct Life {
    tracks: BTreeMap<Mid, Seen>,
    /// Packets of tracks that the answer does not have.
    unknown: u64,
    loss: Option<Loss>,
}

impl Part for Life {
    fn admits(&mut self, _: RtpOnWire) -> bool {
        self.loss.as_mut().is_none_or(|loss| !loss.strikes())
    }

    fn releases(&mut self, _: RtpOnWire) -> bool {
        true
    }

    fn hears(&mut self, event: Event, via: Option<RtpOnWire>) {
        match event {
            Event::RtpPacket(packet) => {
                let ssrc = *packet.header.ssrc;
                let mut tracks = self.tracks.values_mut();
                match tracks
                    .find(|seen| seen.promised.ssrc == Some(ssrc) || seen.promised.rtx_ssrc == Some(ssrc))
                {
                    Some(seen) => seen.take_packet(&packet, via),
                    None => self.unknown += 1,
                }
            }
            Event::SenderFeedback(feedback) => {
                if let Some(seen) = self.tracks.get_mut(&feedback.mid) {
                    seen.take_report(&feedback.sender_info);
                }
            }
            _ => {}
        }
    }
}

/// See the file's head.
pub struct Viewer {
    session: Session,
    life: Life,
}

impl Viewer {
    /// Posts the offer and takes the answer. Media comes in [`Viewer::poll`].
    ///
    /// # Errors
    /// A refusal, or an answer that str0m cannot use.
    pub fn open(endpoint: &Endpoint, options: ViewerOptions) -> Result<Self, SessionError> {
        let config = Rtc::builder()
            .clear_codecs()
            .enable_opus(options.audio, false)
            .enable_vp8(options.video.contains(&Content::Vp8))
            .enable_h264(options.video.contains(&Content::H264))
            .set_rtp_mode(true);
        let audio = options.audio.then_some(MediaKind::Audio);
        let video = (!options.video.is_empty()).then_some(MediaKind::Video);
        let (session, mids) =
            Session::open(endpoint, config, options.protocol, options.data_channel, |changes| {
                let add = |kind| changes.add_media(kind, Direction::RecvOnly, None, None, None);
                audio.into_iter().chain(video).map(add).collect::<Vec<_>>()
            })?;
        let seen = |mid: Mid| {
            let promised = session.answer.track(&mid)?.clone();
            let content = match promised.codec.to_ascii_uppercase().as_str() {
                "OPUS" => Content::Opus,
                "VP8" => Content::Vp8,
                "H264" => Content::H264,
                _ => return None,
            };
            Some((mid, Seen::new(Script { stream: options.stream, layer: 0, content }, promised)))
        };
        let tracks = mids.into_iter().filter_map(seen).collect();
        Ok(Self { session, life: Life { tracks, unknown: 0, loss: options.loss } })
    }

    /// Receives and does what is due. Gives back when it wants to be called again without new input.
    ///
    /// # Errors
    /// Faults of the socket or of str0m.
    pub fn poll(&mut self) -> Result<Instant, SessionError> {
        self.session.poll(&mut self.life)
    }

    /// The record of a kind of content.
    #[must_use]
    pub fn seen(&self, content: Content) -> Option<&Seen> {
        self.tracks().find(|seen| seen.script.content == content)
    }

    /// The records of all tracks.
    pub fn tracks(&self) -> impl Iterator<Item = &Seen> {
        self.life.tracks.values()
    }

    /// Packets of tracks that the answer does not have.
    #[must_use]
    pub fn packets_unknown(&self) -> u64 {
        self.life.unknown
    }

    /// Packets that were kept out, by [`ViewerOptions::loss`].
    #[must_use]
    pub fn packets_kept_out(&self) -> u64 {
        self.life.loss.as_ref().map_or(0, Loss::lost)
    }

    /// No packet is kept out from now on.
    pub fn heal(&mut self) {
        if let Some(loss) = &mut self.life.loss {
            loss.stop();
        }
    }

    /// Sends a PLI for every video track.
    pub fn request_key_frame(&mut self) {
        let mids: Vec<_> = self.life.tracks.keys().copied().collect();
        for mid in mids {
            if let Some(stream) = self.session.rtc.direct_api().stream_rx_by_mid(mid, None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }
    }

    /// Sends a datagram of anything from this peer's own address.
    ///
    /// # Errors
    /// Faults of the socket.
    pub fn inject(&mut self, datagram: &[u8]) -> Result<(), SessionError> {
        self.session.inject(datagram)
    }

    /// DTLS is up and the session has not ended.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.session.milestones.dtls.is_some() && self.session.end.is_none()
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.session.end
    }

    #[must_use]
    pub fn milestones(&self) -> Milestones {
        self.session.milestones
    }

    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.session.resource
    }

    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.session.answer
    }

    /// Breaks the TCP connection: nothing passes until [`Self::reconnect`].
    pub fn cut(&mut self) {
        self.session.socket.cut();
    }

    /// Opens a new TCP connection for the same session.
    ///
    /// # Errors
    /// Faults of the socket.
    pub fn reconnect(&mut self) -> Result<(), SessionError> {
        Ok(self.session.socket.reconnect()?)
    }

    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.session.socket.descriptor()
    }
}
