//! A publisher: sends a [`Script`] of sound and one of pictures in real time, answers NACK, and makes a key frame on PLI.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::Protocol;
use str0m::rtp::{ExtensionValues, RtpWrite, Ssrc};
use str0m::{Event, Rtc};

use super::answer::Answer;
use super::loss::Loss;
use super::resource::{Endpoint, Resource};
use super::script::{Content, Place, Script};
use super::session::{End, Milestones, Part, RtpOnWire, Session, SessionError};

/// First RTP sequence number: 35 packets before the 16-bit wrap, and below it, as a receiver begins with a roll-over
/// counter of 0 (RFC 3711 §3.3.1).
const FIRST_SEQUENCE: u64 = 65_500;

/// What can be sent again: about what browsers keep.
const RESENDABLE_PACKETS: usize = 1024;
const RESENDABLE_TIME: Duration = Duration::from_secs(3);

/// What is published and how.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// Distinguishes the payloads of this publisher from all others'.
    pub stream: u32,
    /// [`Content::Vp8`] or [`Content::H264`]; None: no pictures.
    pub video: Option<Content>,
    pub audio: bool,
    pub data_channel: bool,
    /// What carries the session; by TCP this side connects.
    pub protocol: Protocol,
    /// Which of its own packets never leave. Retransmissions do.
    pub loss: Option<Loss>,
    /// The names of the layers that the pictures come in at once (RFC 8853), the largest first. Empty: no simulcast.
    pub layers: Vec<&'static str>,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            stream: 1,
            video: Some(Content::Vp8),
            audio: true,
            data_channel: false,
            protocol: Protocol::Udp,
            loss: None,
            layers: Vec::new(),
        }
    }
}

/// A track that is being sent.
struct Track {
    script: Script,
    mid: Mid,
    rid: Option<Rid>,
    payload_type: Pt,
    ssrc: Ssrc,
    /// Frames sent, and packets.
    frame: u32,
    ordinal: u32,
}

/// What happens to a publisher beside its session.
#[derive(Default)]
struct Life {
    /// SSRCs of first transmissions.
    media: Vec<u32>,
    loss: Option<Loss>,
    resent: u64,
    /// Tracks whose next frame must be a key frame.
    wished: HashSet<(Mid, Option<Rid>)>,
    wishes: Vec<Instant>,
}

impl Part for Life {
    fn admits(&mut self, _: RtpOnWire) -> bool {
        true
    }

    fn releases(&mut self, rtp: RtpOnWire) -> bool {
        if !self.media.contains(&rtp.ssrc) {
            self.resent += 1;
            return true;
        }
        self.loss.as_mut().is_none_or(|loss| !loss.strikes())
    }

    fn hears(&mut self, event: Event, _: Option<RtpOnWire>) {
        if let Event::KeyframeRequest(request) = event {
            self.wished.insert((request.mid, request.rid));
            self.wishes.push(Instant::now());
        }
    }
}

/// See the file's head.
pub struct Publisher {
    session: Session,
    life: Life,
    tracks: Vec<Track>,
    /// When frame 0 was due.
    start: Option<Instant>,
}

impl Publisher {
    /// Posts the offer and takes the answer. Media begins when DTLS is up, in [`Publisher::poll`].
    ///
    /// # Errors
    /// A refusal, or an answer that str0m cannot use.
    pub fn open(endpoint: &Endpoint, options: PublisherOptions) -> Result<Self, SessionError> {
        let config = Rtc::builder()
            .clear_codecs()
            .enable_opus(options.audio, false)
            .enable_vp8(options.video == Some(Content::Vp8))
            .enable_h264(options.video == Some(Content::H264))
            .set_rtp_mode(true);
        let audio = options.audio.then_some((MediaKind::Audio, Content::Opus));
        let video = options.video.map(|content| (MediaKind::Video, content));
        let (mut session, proposed) =
            Session::open(endpoint, config, options.protocol, options.data_channel, |changes| {
                let add = |(kind, content)| {
                    let simulcast = simulcast(&options.layers).filter(|_| kind == MediaKind::Video);
                    (changes.add_media(kind, Direction::SendOnly, None, None, simulcast), content)
                };
                audio.into_iter().chain(video).map(add).collect::<Vec<_>>()
            })?;
        let streams = proposed.into_iter().flat_map(|(mid, content)| {
            let layers = if content == Content::Opus { &[] } else { options.layers.as_slice() };
            let alone = layers.is_empty().then_some(None);
            let rids = layers.iter().map(|name| Some(Rid::from(*name))).chain(alone);
            (0..).zip(rids).map(move |(layer, rid)| (mid, rid, layer, content)).collect::<Vec<_>>()
        });
        let track = |(mid, rid, layer, content)| {
            let script = Script { stream: options.stream, layer, content };
            Track::negotiated(&mut session.rtc, mid, rid, script)
        };
        let tracks: Vec<_> = streams.filter_map(track).collect();
        let media = tracks.iter().map(|track| *track.ssrc).collect();
        Ok(Self { session, life: Life { media, loss: options.loss, ..Life::default() }, tracks, start: None })
    }

    /// Receives, and sends what is due. Gives back when it wants to be called again without new input.
    ///
    /// # Errors
    /// Faults of the socket or of str0m.
    pub fn poll(&mut self) -> Result<Instant, SessionError> {
        let mut next = self.session.poll(&mut self.life)?;
        if !self.is_live() {
            return Ok(next);
        }
        let start = *self.start.get_or_insert_with(Instant::now);
        for track in &mut self.tracks {
            while track.due(start) <= Instant::now() {
                let key = track.frame == 0 || self.life.wished.remove(&(track.mid, track.rid));
                track.send(&mut self.session.rtc, start, key);
                self.session.flush(&mut self.life)?;
            }
            next = next.min(track.due(start));
        }
        Ok(next)
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

    /// Packets of a kind of content sent so far, first transmissions only.
    #[must_use]
    pub fn packets(&self, content: Content) -> u32 {
        self.tracks.iter().filter(|track| track.script.content == content).map(|track| track.ordinal).sum()
    }

    /// Packets that were held back, by [`PublisherOptions::loss`].
    #[must_use]
    pub fn packets_withheld(&self) -> u64 {
        self.life.loss.as_ref().map_or(0, Loss::lost)
    }

    /// Packets sent again because the server asked.
    #[must_use]
    pub fn packets_resent(&self) -> u64 {
        self.life.resent
    }

    /// No packet is withheld from now on.
    pub fn heal(&mut self) {
        if let Some(loss) = &mut self.life.loss {
            loss.stop();
        }
    }

    /// What kinds of content it sends.
    #[must_use]
    pub fn contents(&self) -> Vec<Content> {
        self.tracks.iter().map(|track| track.script.content).collect()
    }

    /// Closes DTLS without a word to the HTTP side, as a browser does whose page closes its connection.
    ///
    /// # Errors
    /// Faults of str0m.
    pub fn hang_up(&mut self) -> Result<(), SessionError> {
        self.session.hang_up(&mut self.life)
    }

    /// Sends a datagram of anything from this peer's own address.
    ///
    /// # Errors
    /// Faults of the socket.
    pub fn inject(&mut self, datagram: &[u8]) -> Result<(), SessionError> {
        self.session.inject(datagram)
    }

    /// When PLI and FIR came.
    #[must_use]
    pub fn key_frame_requests(&self) -> &[Instant] {
        &self.life.wishes
    }

    /// When frame 0 was due; media clocks count from there.
    #[must_use]
    pub fn start(&self) -> Option<Instant> {
        self.start
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

impl Track {
    /// What the answer made of a proposed track. None: it was refused.
    fn negotiated(rtc: &mut Rtc, mid: Mid, rid: Option<Rid>, script: Script) -> Option<Self> {
        let payload_type = *rtc.media(mid)?.remote_pts().first()?;
        let mut direct = rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, rid)?;
        // By default str0m forgets what it was asked for when resending takes more than 15 % of what it sends.
        stream.set_rtx_cache(RESENDABLE_PACKETS, RESENDABLE_TIME, None);
        let ssrc = stream.ssrc();
        Some(Self { script, mid, rid, payload_type, ssrc, frame: 0, ordinal: 0 })
    }

    fn due(&self, start: Instant) -> Instant {
        start + self.script.interval() * self.frame
    }

    fn send(&mut self, rtc: &mut Rtc, start: Instant, key: bool) {
        let due = self.due(start);
        let audio = self.script.content == Content::Opus;
        let key = key && !audio;
        let packets = self.script.packets(key);
        let mut direct = rtc.direct_api();
        let Some(stream) = direct.stream_tx(&self.ssrc) else { return };
        for packet in 0..packets {
            let place = Place { frame: self.frame, ordinal: self.ordinal, packet, packets, key };
            let sequence = (FIRST_SEQUENCE + u64::from(self.ordinal)).into();
            let timestamp = self.script.timestamp(self.frame);
            let level = audio.then(|| self.script.audio_level(self.frame));
            let extensions = ExtensionValues {
                audio_level: level,
                voice_activity: level.map(|level| level > -50),
                ..ExtensionValues::default()
            };
            let write =
                RtpWrite::new(self.payload_type, sequence, timestamp, due, self.script.payload(&place))
                    .marker(!audio && place.ends_frame())
                    .ext_vals(extensions)
                    .nackable(true);
            stream.write_rtp(write);
            self.ordinal += 1;
        }
        self.frame += 1;
    }
}

fn simulcast(names: &[&str]) -> Option<Simulcast> {
    let mut simulcast = Simulcast::new();
    names.iter().for_each(|name| simulcast.add_send_layer(SimulcastLayer::new(name)));
    (!names.is_empty()).then_some(simulcast)
}
