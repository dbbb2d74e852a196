//! A viewer, cheap enough to have hundreds of: str0m does ICE and DTLS, and sees no media.
//!
//! Every packet is counted by its header alone. Until its first whole key frame a viewer opens what comes; those of the
//! sample go on opening. All send a receiver report a second, and a PLI while they have seen no key frame. They offer
//! retransmission, as browsers do, so that the server keeps what that takes; they never ask for one: on a path without
//! loss a gap means that server or generator is overloaded, and is to be seen.

use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use fanlight_srtp::{RtcpSealer, SessionKeys};
use fanlight_wire::{ReportBlock, RtcpWriter, RtpHeader, Ssrc};
use str0m::Rtc;
use str0m::format::{Codec, CodecConfig};
use str0m::media::{Direction, MediaKind};
use str0m::rtp::Extension;

use crate::clock::Clock;
use crate::content::Kind;
use crate::opening::Opening;
use crate::peer::{Peer, PeerError, is_media};
use crate::tally::Tally;
use crate::tap;

/// Time from report to report, and from wish to wish.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Datagrams taken from one socket before the next one's turn.
const BATCH: usize = 64;
/// The SSRC that reports come from.
const REPORTER: Ssrc = Ssrc(1);

/// When the steps of joining were done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Milestones {
    pub(crate) connected: Option<Instant>,
    pub(crate) first_packet: Option<Instant>,
    pub(crate) first_key_frame: Option<Instant>,
}

/// One of the two tracks.
struct Track {
    kind: Kind,
    payload_type: u8,
    ssrc: Option<Ssrc>,
    /// Since the session began.
    life: Tally,
    /// Since the last [`Viewer::begin_again`].
    window: Tally,
    reported_missing: u64,
    reported_received: u64,
}

/// What there is once DTLS is up.
struct Secrets {
    opening: Opening,
    reports: RtcpSealer,
}

/// See the file's head.
pub(crate) struct Viewer {
    peer: Peer,
    keys: Receiver<SessionKeys>,
    secrets: Option<Secrets>,
    clock: Clock,
    tracks: [Track; 2],
    is_sampled: bool,
    milestones: Milestones,
    report_due: Instant,
    /// SRTP packets of neither track: retransmissions and probes.
    others: u64,
}

impl Viewer {
    /// Makes the offer to receive one audio and one video track.
    pub(crate) fn offer(local: IpAddr, clock: Clock, is_sampled: bool) -> Result<(Self, String), PeerError> {
        let codecs = codecs();
        let payload_type = |codec| {
            let of = codecs.params().iter().find(|one| one.spec().codec == codec);
            of.map_or(0, |one| *one.pt())
        };
        let tracks = [
            Track::new(Kind::Sound, payload_type(Codec::Opus)),
            Track::new(Kind::Picture, payload_type(Codec::Vp8)),
        ];
        // What browsers offer and a server would have to write, without what only bandwidth estimation reads.
        let mut config = Rtc::builder()
            .clear_extension_map()
            .set_extension(1, Extension::AudioLevel)
            .set_extension(2, Extension::AbsoluteSendTime)
            .set_extension(4, Extension::RtpMid)
            .set_rtp_mode(true);
        *config.codec_config() = codecs;
        let now = Instant::now();
        let (rtc, keys) = tap::build(config, now);
        let (peer, offer, _) = Peer::offer(rtc, local, false, |changes| {
            [MediaKind::Audio, MediaKind::Video]
                .map(|kind| changes.add_media(kind, Direction::RecvOnly, None, None, None))
        })?;
        let viewer = Self {
            peer,
            keys,
            secrets: None,
            clock,
            tracks,
            is_sampled,
            milestones: Milestones::default(),
            report_due: now,
            others: 0,
        };
        Ok((viewer, offer))
    }

    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), PeerError> {
        self.peer.accept(answer)
    }

    /// Receives, and does what is due.
    pub(crate) fn poll(&mut self, now: Instant, buffer: &mut [u8]) -> Result<(), PeerError> {
        for _ in 0..BATCH {
            let Some((len, from)) = self.peer.receive(buffer)? else { break };
            if is_media(&buffer[..len]) {
                self.take_media(&mut buffer[..len]);
                continue;
            }
            self.peer.take(now, from, &buffer[..len])?;
            if self.peer.heard.connected && self.secrets.is_none() {
                self.connect();
            }
        }
        self.peer.advance(now)?;
        if self.report_due <= now && self.secrets.is_some() {
            self.report(now)?;
        }
        Ok(())
    }

    pub(crate) fn milestones(&self) -> Milestones {
        self.milestones
    }

    /// A key frame has come whole, and the server has not closed.
    pub(crate) fn is_watching(&self) -> bool {
        self.milestones.first_key_frame.is_some() && !self.peer.heard.closed
    }

    /// Begins the books of a window anew.
    pub(crate) fn begin_again(&mut self) {
        for track in &mut self.tracks {
            track.window = Tally::new();
        }
        self.others = 0;
        if let Some(secrets) = &mut self.secrets {
            secrets.opening.begin_again();
        }
    }

    /// The books of both tracks since then.
    pub(crate) fn window(&self) -> impl Iterator<Item = &Tally> {
        self.tracks.iter().map(|track| &track.window)
    }

    pub(crate) fn others(&self) -> u64 {
        self.others
    }

    /// What the opener found since then, if this viewer is of the sample.
    pub(crate) fn opening(&self) -> Option<&Opening> {
        self.secrets.as_ref().filter(|_| self.is_sampled).map(|secrets| &secrets.opening)
    }

    fn connect(&mut self) {
        // Without keys the profile is none of ours; the viewer will never be watching and be told as such.
        if let Ok(keys) = self.keys.try_recv() {
            self.milestones.connected = Some(Instant::now());
            self.report_due = Instant::now() + REPORT_INTERVAL;
            let opening = Opening::new(&keys.remote, self.clock);
            self.secrets = Some(Secrets { opening, reports: RtcpSealer::new(&keys.local) });
        }
    }

    fn take_media(&mut self, packet: &mut [u8]) {
        let is_rtcp = packet.get(1).is_some_and(|second| (192..=223).contains(second)); // RFC 5761 §4
        if is_rtcp {
            return;
        }
        let Ok(header) = RtpHeader::parse(packet) else { return };
        let track = self.tracks.iter_mut().find(|track| track.fits(&header));
        let Some(track) = track else {
            self.others += 1;
            return;
        };
        track.ssrc = Some(header.ssrc);
        self.milestones.first_packet.get_or_insert_with(Instant::now);
        let _ = track.life.take(header.sequence);
        let _ = track.window.take(header.sequence);
        let must_open = self.is_sampled || self.milestones.first_key_frame.is_none();
        if let Some(secrets) = self.secrets.as_mut().filter(|_| must_open)
            && secrets.opening.take(track.kind, &header, packet)
        {
            self.milestones.first_key_frame.get_or_insert_with(Instant::now);
        }
    }

    /// A receiver report (RFC 3550 §6.4.2), without the round trip: sender reports are not read.
    fn report(&mut self, now: Instant) -> Result<(), PeerError> {
        self.report_due = now + REPORT_INTERVAL;
        let Some(secrets) = &mut self.secrets else { return Ok(()) };
        let blocks: Vec<_> = self.tracks.iter_mut().filter_map(Track::report).collect();
        let (mut plain, mut sealed) = ([0; 256], [0; 320]);
        let mut writer = RtcpWriter::new(&mut plain);
        let mut written = writer
            .receiver_report(REPORTER, &blocks)
            .and_then(|()| writer.cname(REPORTER, b"fanlight-bench"));
        if self.milestones.first_key_frame.is_none()
            && let Some(ssrc) = self.tracks[1].ssrc
        {
            written = written.and_then(|()| writer.pli(REPORTER, ssrc));
        }
        if written.is_ok()
            && let Ok(len) = secrets.reports.seal(writer.as_bytes(), &mut sealed)
        {
            self.peer.send(&sealed[..len])?;
        }
        Ok(())
    }
}

impl Track {
    fn new(kind: Kind, payload_type: u8) -> Self {
        let (life, window) = (Tally::new(), Tally::new());
        Self { kind, payload_type, ssrc: None, life, window, reported_missing: 0, reported_received: 0 }
    }

    /// By payload type, since not all servers announce their SSRCs; the first SSRC that comes is the track's.
    fn fits(&self, header: &RtpHeader) -> bool {
        header.payload_type.value() == self.payload_type && self.ssrc.is_none_or(|ssrc| ssrc == header.ssrc)
    }

    fn report(&mut self) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        let (missing, received) = (self.life.missing(), self.life.received());
        let lost = missing.saturating_sub(self.reported_missing);
        let expected = (lost + received - self.reported_received).max(1);
        (self.reported_missing, self.reported_received) = (missing, received);
        Some(ReportBlock {
            ssrc,
            fraction_lost: u8::try_from(lost * 256 / expected).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(missing).unwrap_or(i32::MAX),
            extended_highest_sequence: self.life.extended_highest(),
            jitter: 0,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        })
    }
}

/// Opus and VP8 with NACK and retransmission. Transport-wide feedback and REMB are not offered, because nobody here sends
/// them: a server that waited for them would throttle.
fn codecs() -> CodecConfig {
    let mut all = CodecConfig::empty();
    all.enable_opus(true, false);
    all.enable_vp8(true);
    let without_estimation = all.params().iter().map(|params| {
        let mut params = *params;
        params.set_fb_transport_cc(false);
        params.set_fb_remb(false);
        params
    });
    CodecConfig::new_from_payload_params(without_estimation.collect())
}
