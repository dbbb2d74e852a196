//! A viewer, cheap enough to have thousands of: str0m did ICE and DTLS, keeps consent, and sees no media.
//!
//! Every packet is counted by its header alone. Until its first whole key frame a viewer opens what comes; those of the
//! sample go on opening. Feedback is what the plan says. Retransmission is offered, as browsers do, so that the server keeps
//! what that takes; a viewer that asks for nothing shows each gap as a loss.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use fanlight_ring::Trains;
use fanlight_srtp::{RtcpOpener, RtcpSealer, SessionKeys};
use fanlight_wire::{Compound, Member, RtcpWriter, RtpHeader, Sequence, Ssrc};

use crate::clock::Clock;
use crate::content::Kind;
use crate::feedback::{Arrivals, REPORTER, Reports, Requests};
use crate::latency::Latency;
use crate::media::{PayloadTypes, TRANSPORT_WIDE_ID};
use crate::opening::{Findings, Opened, Opening};
use crate::peer::{Peer, PeerError, is_media};
use crate::road::RoadBooks;
use crate::tally::Tally;

/// From report to report, and from wish to wish.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// From one transport-wide feedback to the next; libwebrtc's lies between 50 and 250 ms.
const ARRIVALS_INTERVAL: Duration = Duration::from_millis(100);
/// Calls for one socket before the next one's turn.
const CALLS_MAX: usize = 16;

/// When the steps of joining were done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Milestones {
    /// Just before the request.
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
    pub(crate) connected: Instant,
    pub(crate) first_packet: Option<Instant>,
    /// A whole key frame; where there are no pictures the first sound.
    pub(crate) first_frame: Option<Instant>,
}

/// What a viewer is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duties {
    pub(crate) is_sampled: bool,
    pub(crate) reports: bool,
    pub(crate) nack: bool,
    pub(crate) twcc: bool,
    /// Whether there are pictures to wait for.
    pub(crate) video: bool,
}

/// What all viewers of a thread share.
pub(crate) struct Ears {
    pub(crate) clock: Clock,
    pub(crate) trains: Trains,
    /// Of the sample, since it was last taken.
    pub(crate) latency: Latency,
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
    reports: Reports,
}

/// Counts since the last [`Viewer::begin_again`] that are of no track.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Retransmissions that came.
    pub(crate) resent: u64,
    /// Of them, those that filled a gap.
    pub(crate) recovered: u64,
    /// SRTP packets that are none of ours.
    pub(crate) other: u64,
    /// Numbers asked for.
    pub(crate) requested: u64,
    /// Transport-wide feedback messages.
    pub(crate) arrivals_told: u64,
}

/// See the file's head.
pub(crate) struct Viewer {
    pub(crate) number: usize,
    pub(crate) stream: usize,
    pub(crate) duties: Duties,
    peer: Peer,
    opening: Opening,
    reports: RtcpSealer,
    sender_reports: RtcpOpener,
    tracks: [Track; 2],
    resent_payload_type: u8,
    requests: Requests,
    arrivals: Arrivals,
    milestones: Milestones,
    report_due: Instant,
    arrivals_due: Instant,
    counts: Counts,
    /// Whether it saw a picture before the window began. One that came later is first shown what was before it came: that is
    /// the server's memory, not its latency.
    is_measured: bool,
}

impl Viewer {
    /// Takes over a session that is connected, and the media that came meanwhile.
    pub(crate) fn new(
        (number, stream): (usize, usize),
        duties: Duties,
        peer: Peer,
        keys: &Receiver<SessionKeys>,
        types: PayloadTypes,
        milestones: Milestones,
    ) -> Result<Self, PeerError> {
        let keys =
            keys.try_recv().map_err(|_| PeerError::NotConnected("its SRTP profile is none of ours"))?;
        Ok(Self {
            number,
            stream,
            duties,
            peer,
            opening: Opening::new(&keys.remote),
            reports: RtcpSealer::new(&keys.local),
            sender_reports: RtcpOpener::new(&keys.remote),
            tracks: [Track::new(Kind::Sound, types.sound), Track::new(Kind::Picture, types.picture)],
            resent_payload_type: types.resent,
            requests: Requests::default(),
            arrivals: Arrivals::default(),
            milestones,
            report_due: milestones.connected + REPORT_INTERVAL,
            arrivals_due: milestones.connected + ARRIVALS_INTERVAL,
            counts: Counts::default(),
            is_measured: false,
        })
    }

    /// What came before the session was handed over.
    pub(crate) fn take_early(&mut self, early: Vec<Vec<u8>>, ears: &mut Ears) {
        let now = Instant::now();
        for mut datagram in early {
            self.take_media(now, &mut datagram, ears.clock.at(now), &mut ears.latency);
        }
    }

    /// Receives, and does what is due. Gives back how many datagrams came.
    pub(crate) fn poll(&mut self, now: Instant, ears: &mut Ears) -> Result<usize, PeerError> {
        let mut came = 0;
        for _ in 0..CALLS_MAX {
            match ears.trains.receive(&self.peer.socket) {
                Ok(0) => break,
                // ICMP says that nobody listens: the server is gone, and ICE will find out.
                Err(_) => break,
                Ok(_) => came += self.take_trains(now, ears)?,
            }
            if !ears.trains.is_full() {
                break;
            }
        }
        while let Some((from, mut datagram)) = self.peer.road.as_mut().and_then(|road| road.down.leave(now)) {
            self.take(now, from, &mut datagram, ears.clock.at(now), &mut ears.latency)?;
        }
        self.peer.advance(now)?;
        self.speak(now)?;
        Ok(came)
    }

    pub(crate) fn milestones(&self) -> Milestones {
        self.milestones
    }

    /// A picture has come whole, and the server has not closed.
    pub(crate) fn is_watching(&self) -> bool {
        self.milestones.first_frame.is_some() && !self.peer.heard.closed
    }

    /// The server closed the session.
    pub(crate) fn is_closed(&self) -> bool {
        self.peer.heard.closed
    }

    /// Begins the books of a window anew.
    pub(crate) fn begin_again(&mut self) {
        for track in &mut self.tracks {
            track.window = Tally::new();
        }
        self.counts = Counts::default();
        self.is_measured = self.milestones.first_frame.is_some();
        (self.requests.requested, self.arrivals.sent) = (0, 0);
        self.opening.begin_again();
        if let Some(road) = &mut self.peer.road {
            road.begin_again();
        }
    }

    /// The books of both tracks since then.
    pub(crate) fn window(&self) -> impl Iterator<Item = &Tally> {
        self.tracks.iter().map(|track| &track.window)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { requested: self.requests.requested, arrivals_told: self.arrivals.sent, ..self.counts }
    }

    /// What the opener found since then, if this viewer is of the sample; and the jitter of its pictures, or of its sound.
    pub(crate) fn findings(&self) -> Option<(Findings, f64)> {
        let kind = if self.duties.video { Kind::Picture } else { Kind::Sound };
        self.duties.is_sampled.then(|| (self.opening.findings(), self.opening.jitter_ns(kind)))
    }

    /// Of the road down, where there is one.
    pub(crate) fn road(&self) -> Option<RoadBooks> {
        self.peer.road.as_ref().map(|road| road.down.books())
    }

    /// Closes DTLS, so that the server need not wait for silence.
    pub(crate) fn hang_up(&mut self) {
        self.peer.rtc.disconnect();
    }

    fn take_trains(&mut self, now: Instant, ears: &mut Ears) -> Result<usize, PeerError> {
        let Ears { clock, trains, latency } = ears;
        let (now_ns, mut came) = (clock.now_ns(), 0);
        for train in trains.iter_mut() {
            let from = train.from;
            for datagram in train.datagrams() {
                came += 1;
                if let Some(road) = &mut self.peer.road {
                    road.down.enter(now, from, datagram);
                } else {
                    self.take(now, from, datagram, now_ns, latency)?;
                }
            }
        }
        Ok(came)
    }

    fn take(
        &mut self,
        now: Instant,
        from: std::net::SocketAddr,
        datagram: &mut [u8],
        now_ns: u64,
        latency: &mut Latency,
    ) -> Result<(), PeerError> {
        if is_media(datagram) {
            self.take_media(now, datagram, now_ns, latency);
            return Ok(());
        }
        self.peer.take(now, from, datagram)
    }

    fn take_media(&mut self, now: Instant, packet: &mut [u8], now_ns: u64, latency: &mut Latency) {
        let is_rtcp = packet.get(1).is_some_and(|second| (192..=223).contains(second)); // RFC 5761 §4
        if is_rtcp {
            self.take_reports(now, packet);
            return;
        }
        let Ok(header) = RtpHeader::parse(packet) else { return };
        if self.duties.twcc
            && let Some(sequence) = transport_sequence(&header, packet)
        {
            self.arrivals.came(sequence, now_ns);
        }
        if header.payload_type.value() == self.resent_payload_type {
            self.take_resent(now, &header, packet, now_ns, latency);
            return;
        }
        let Some(place) = self.tracks.iter().position(|track| track.fits(&header)) else {
            self.counts.other += 1;
            return;
        };
        let Track { kind, ssrc, .. } = self.tracks[place];
        let must_open = ssrc.is_none() || self.duties.is_sampled || self.milestones.first_frame.is_none();
        let opened = must_open.then(|| self.open(kind, &header, packet, now_ns, latency));
        if ssrc.is_none() && opened == Some(Opened::Refused) {
            // From a server that still sends to whoever had this port before.
            self.counts.other += 1;
            return;
        }
        self.count(now, place, &header);
        if let Some(opened) = opened {
            self.note_first_frame(now, kind, opened);
        }
    }

    /// Counts a packet of a track by its header.
    fn count(&mut self, now: Instant, place: usize, header: &RtpHeader) {
        let track = &mut self.tracks[place];
        track.ssrc = Some(header.ssrc);
        self.milestones.first_packet.get_or_insert(now);
        let number = track.life.take(header.sequence);
        track.window.take(header.sequence);
        if self.duties.nack
            && track.kind == Kind::Picture
            && let Some(number) = number
        {
            self.requests.came(now, number);
        }
    }

    /// Latency is measured by the sample alone, and in a window.
    fn open(
        &mut self,
        kind: Kind,
        header: &RtpHeader,
        packet: &mut [u8],
        now_ns: u64,
        latency: &mut Latency,
    ) -> Opened {
        if self.duties.is_sampled && self.is_measured {
            self.opening.take(kind, header, packet, now_ns, latency)
        } else {
            self.opening.take_unmeasured(kind, header, packet)
        }
    }

    fn take_resent(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        packet: &mut [u8],
        now_ns: u64,
        latency: &mut Latency,
    ) {
        self.counts.resent += 1;
        if !self.duties.nack && !self.duties.is_sampled {
            return;
        }
        let Some((sequence, opened)) = self.opening.take_resent(header, packet, now_ns, latency) else {
            return;
        };
        let [_, picture] = &mut self.tracks;
        let Some(number) = picture.life.take(sequence) else { return };
        picture.window.take(sequence);
        self.counts.recovered += 1;
        self.requests.came(now, number);
        self.note_first_frame(now, Kind::Picture, opened);
    }

    fn note_first_frame(&mut self, now: Instant, kind: Kind, opened: Opened) {
        let is_frame = match (kind, self.duties.video) {
            (Kind::Picture, _) => self.opening.completes_key_frame(opened),
            (Kind::Sound, false) => matches!(opened, Opened::Intact(_)),
            (Kind::Sound, true) => false,
        };
        if is_frame {
            self.milestones.first_frame.get_or_insert(now);
        }
    }

    /// Sender reports, for the round trip that the server computes of our own.
    fn take_reports(&mut self, now: Instant, packet: &mut [u8]) {
        if !self.duties.reports {
            return;
        }
        let Ok(plain) = self.sender_reports.open(packet) else { return };
        for member in Compound::new(plain).flatten() {
            if let Member::SenderReport(report) = member
                && let Some(track) = self.tracks.iter_mut().find(|track| track.ssrc == Some(report.sender()))
            {
                track.reports.hear(now, report.ntp());
            }
        }
    }

    /// Sends the feedback that is due.
    fn speak(&mut self, now: Instant) -> Result<(), PeerError> {
        let is_report_due = self.duties.reports && self.report_due <= now;
        let are_arrivals_due = self.duties.twcc && self.arrivals_due <= now;
        let missing = if self.requests.is_idle() { Vec::new() } else { self.requests.due(now) };
        if !is_report_due && !are_arrivals_due && missing.is_empty() {
            return Ok(());
        }
        let mut plain = [0; 1_100];
        let mut writer = RtcpWriter::new(&mut plain);
        if is_report_due {
            self.report_due = now + REPORT_INTERVAL;
            self.write_report(now, &mut writer);
        }
        let media = self.tracks[1].ssrc.or(self.tracks[0].ssrc).unwrap_or(Ssrc(0));
        if are_arrivals_due {
            self.arrivals_due = now + ARRIVALS_INTERVAL;
            self.arrivals.write(media, &mut writer);
        }
        // A thousand bytes have room for some sixty requests and a report; more are left for the next time.
        let _ = writer.nack(REPORTER, media, missing.into_iter());
        let mut sealed = [0; 1_200];
        if !writer.as_bytes().is_empty()
            && let Ok(len) = self.reports.seal(writer.as_bytes(), &mut sealed)
        {
            self.peer.send(&sealed[..len])?;
        }
        Ok(())
    }

    /// A receiver report (RFC 3550 §6.4.2), and a wish for a key frame while there was none.
    fn write_report(&mut self, now: Instant, writer: &mut RtcpWriter<'_>) {
        let opening = &self.opening;
        let blocks: Vec<_> = self
            .tracks
            .iter_mut()
            .filter_map(|track| {
                let jitter_ns = opening.jitter_ns(track.kind);
                Some(track.reports.block(now, track.ssrc?, &track.life, ticks(track.kind, jitter_ns)))
            })
            .collect();
        let written = writer.receiver_report(REPORTER, &blocks);
        let written = written.and_then(|()| writer.cname(REPORTER, b"fanlight-bench"));
        if self.milestones.first_frame.is_none()
            && let Some(ssrc) = self.tracks[1].ssrc
        {
            // It fits: the buffer is twenty times as long.
            let _ = written.and_then(|()| writer.pli(REPORTER, ssrc));
        }
    }
}

impl Track {
    fn new(kind: Kind, payload_type: u8) -> Self {
        let (life, window) = (Tally::new(), Tally::new());
        Self { kind, payload_type, ssrc: None, life, window, reports: Reports::default() }
    }

    /// By payload type, since not all servers announce their SSRCs; that of the first authentic packet is the track's.
    fn fits(&self, header: &RtpHeader) -> bool {
        header.payload_type.value() == self.payload_type && self.ssrc.is_none_or(|ssrc| ssrc == header.ssrc)
    }
}

fn transport_sequence(header: &RtpHeader, packet: &[u8]) -> Option<Sequence> {
    let element = header.extensions(packet).find(|element| element.id == TRANSPORT_WIDE_ID)?;
    Some(Sequence(u16::from_be_bytes(element.data.try_into().ok()?)))
}

/// Nanoseconds as RTP clock ticks.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; jitter is not negative"
)]
fn ticks(kind: Kind, nanoseconds: f64) -> u32 {
    let clock = if kind == Kind::Picture { 90_000.0 } else { 48_000.0 };
    (nanoseconds * clock / 1e9) as u32
}
