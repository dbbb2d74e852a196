//! The publisher: stock str0m, in real time; it answers NACK, and makes a key frame on PLI and from time to time.

use std::time::{Duration, Instant};

use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::rtp::{RtpWrite, Ssrc};

use crate::clock::Clock;
use crate::content::{Content, Kind, Stamp};
use crate::latency::Latency;
use crate::media;
use crate::peer::{Peer, PeerError};
use crate::plan::Publishers;

/// First RTP sequence number: near the 16-bit wrap, so that each run crosses it.
const FIRST_SEQUENCE: u64 = 65_000;
/// A key frame that is wished comes at most so often. libwebrtc's encoder keeps 300 ms between two.
const WISHES_INTERVAL: Duration = Duration::from_millis(300);
/// Names of simulcast's layers, the largest first: full, half and quarter, as browsers' examples call them.
const LAYERS: [&str; 3] = ["f", "h", "q"];
/// Longest datagram that is read whole: feedback.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// What was sent so far, first transmissions only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Of sound and the largest layer: what a viewer without a limit gets.
    pub(crate) packets: u64,
    /// Of sound and the largest layer: what could be a train each.
    pub(crate) frames: u64,
    /// Of all layers.
    pub(crate) packets_of_all_layers: u64,
    /// Bytes of payload, of all layers.
    pub(crate) bytes: u64,
    pub(crate) key_frames: u64,
    /// PLI and FIR that came.
    pub(crate) wishes: u64,
}

/// A track, or a layer of one, that is being sent.
struct Track {
    kind: Kind,
    mid: Mid,
    layer: u8,
    rid: Option<Rid>,
    sender: Option<(Pt, Ssrc)>,
    frame: u32,
    ordinal: u32,
}

/// See the file's head.
pub(crate) struct Publisher {
    pub(crate) number: usize,
    pub(crate) peer: Peer,
    content: Content,
    key_interval: Duration,
    tracks: Vec<Track>,
    /// When frame 0 was due.
    start: Option<Instant>,
    key_frame_at: Option<Instant>,
    /// The newest.
    key_frame: Option<u32>,
    wishes_met: u64,
    sent: Sent,
    /// Before the window.
    sent_before: Sent,
    silent_since: Option<Instant>,
    clock: Clock,
}

impl Publisher {
    /// Makes the offer of the plan's tracks.
    pub(crate) fn offer(
        number: usize,
        local: std::net::IpAddr,
        clock: Clock,
        plan: &Publishers,
        seed: u64,
    ) -> Result<(Self, String), PeerError> {
        let kinds = [
            (Kind::Sound, plan.sound_kbit_per_second, 1),
            (Kind::Picture, plan.video_kbit_per_second, plan.layers),
        ];
        let (peer, offer, tracks) = Peer::offer(media::publisher(plan), local, true, None, |changes| {
            let sent = kinds.into_iter().filter(|(_, rate, _)| *rate > 0);
            let mut tracks = Vec::new();
            for (kind, _, layers) in sent {
                let simulcast = (layers > 1).then(|| simulcast(layers));
                let media = if kind == Kind::Sound { MediaKind::Audio } else { MediaKind::Video };
                let mid = changes.add_media(media, Direction::SendOnly, None, None, simulcast);
                for (layer, name) in (0..).zip(LAYERS).take(layers) {
                    let rid = (layers > 1).then(|| Rid::from(name));
                    tracks.push(Track { kind, mid, layer, rid, sender: None, frame: 0, ordinal: 0 });
                }
            }
            tracks
        })?;
        let publisher = Self {
            number,
            peer,
            content: Content::new(plan, seed ^ number as u64),
            key_interval: crate::clock::seconds(plan.key_interval_s),
            tracks,
            start: None,
            key_frame_at: None,
            key_frame: None,
            wishes_met: 0,
            sent: Sent::default(),
            sent_before: Sent::default(),
            silent_since: None,
            clock,
        };
        Ok((publisher, offer))
    }

    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), PeerError> {
        self.peer.accept(answer)?;
        for track in &mut self.tracks {
            let rtc = &mut self.peer.rtc;
            let payload_type = rtc.media(track.mid).and_then(|media| media.remote_pts().first().copied());
            let mut direct = rtc.direct_api();
            let ssrc = direct.stream_tx_by_mid(track.mid, track.rid).map(|stream| stream.ssrc());
            track.sender = payload_type.zip(ssrc);
            // Of simulcast the server may take the largest layer alone.
            if track.sender.is_none() && track.layer == 0 {
                let refused = format!("it refuses {:?}", track.kind);
                return Err(PeerError::Answer(refused, answer.to_owned()));
            }
        }
        Ok(())
    }

    /// Receives, and sends what is due, noting how late it is. Gives back how many packets it sent.
    pub(crate) fn poll(&mut self, now: Instant, lateness: &mut Latency) -> Result<u64, PeerError> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while let Some((len, from)) = self.peer.receive(&mut buffer)? {
            self.peer.take(now, from, &buffer[..len])?;
        }
        self.peer.advance(now)?;
        self.sent.wishes = self.peer.heard.key_frame_wishes;
        if !self.is_live() || self.silent_since.is_some() {
            return Ok(0);
        }
        let before = self.sent.packets_of_all_layers;
        let start = *self.start.get_or_insert(now);
        for at in 0..self.tracks.len() {
            loop {
                let due = start + self.content.due(self.tracks[at].kind, self.tracks[at].frame);
                if due > now {
                    break;
                }
                lateness.record(crate::clock::nanoseconds(now - due));
                self.send_frame(at, due, now)?;
            }
        }
        Ok(self.sent.packets_of_all_layers - before)
    }

    /// DTLS is up and the server has not closed.
    pub(crate) fn is_live(&self) -> bool {
        self.peer.heard.connected && !self.peer.heard.closed
    }

    /// Begins the books of a window anew.
    pub(crate) fn begin_again(&mut self) {
        self.sent_before = self.sent;
    }

    /// What was sent since then.
    pub(crate) fn window(&self) -> Sent {
        self.sent.minus(self.sent_before)
    }

    /// No media from now on; the session goes on.
    pub(crate) fn fall_silent(&mut self) {
        self.silent_since.get_or_insert_with(Instant::now);
    }

    /// Media goes on where it stopped, as if there had been no time between.
    pub(crate) fn speak(&mut self) {
        if let (Some(since), Some(start)) = (self.silent_since.take(), &mut self.start) {
            *start += since.elapsed();
        }
    }

    fn send_frame(&mut self, at: usize, due: Instant, now: Instant) -> Result<(), PeerError> {
        let track = &self.tracks[at];
        let Some((payload_type, ssrc)) = track.sender else {
            self.tracks[at].frame += 1;
            return Ok(());
        };
        let (kind, layer, frame) = (track.kind, track.layer, track.frame);
        let key = kind == Kind::Picture && self.is_key_frame(layer, frame, now);
        let contents = self.content.packets(kind, frame, key, layer);
        let packets = u16::try_from(contents.len()).unwrap_or(u16::MAX);
        let publisher = u16::try_from(self.number).unwrap_or(u16::MAX);
        let due_ns = self.clock.at(due);
        self.sent.frames += u64::from(layer == 0);
        for (packet, content) in (0..packets).zip(&contents) {
            let track = &mut self.tracks[at];
            let ordinal = track.ordinal;
            let stamp = Stamp { due_ns, frame, ordinal, packet, packets, publisher, layer, key };
            let payload = content.stamped(&stamp);
            self.sent.bytes += payload.len() as u64;
            self.sent.packets_of_all_layers += 1;
            self.sent.packets += u64::from(layer == 0);
            let sequence = (FIRST_SEQUENCE + u64::from(ordinal)).into();
            let write =
                RtpWrite::new(payload_type, sequence, self.content.timestamp(kind, frame), now, payload)
                    .marker(kind == Kind::Picture && packet + 1 == packets)
                    .nackable(kind == Kind::Picture);
            let mut direct = self.peer.rtc.direct_api();
            let Some(stream) = direct.stream_tx(&ssrc) else { return Ok(()) };
            stream.write_rtp(write);
            self.peer.flush(now)?;
            track.ordinal += 1;
        }
        self.tracks[at].frame += 1;
        Ok(())
    }

    /// All layers have their key frames together: the largest decides, the others follow.
    fn is_key_frame(&mut self, layer: u8, frame: u32, now: Instant) -> bool {
        if layer == 0 && self.is_time_for_key_frame(now) {
            self.key_frame = Some(frame);
            self.key_frame_at = Some(now);
            self.wishes_met = self.sent.wishes;
            self.sent.key_frames += 1;
        }
        self.key_frame == Some(frame)
    }

    fn is_time_for_key_frame(&self, now: Instant) -> bool {
        let Some(last) = self.key_frame_at else { return true };
        let since = now.saturating_duration_since(last);
        since >= self.key_interval || self.sent.wishes > self.wishes_met && since >= WISHES_INTERVAL
    }
}

impl Sent {
    pub(crate) fn plus(self, other: Self) -> Self {
        self.each(other, |one, other| one + other)
    }

    fn minus(self, earlier: Self) -> Self {
        self.each(earlier, u64::saturating_sub)
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            packets: of(self.packets, other.packets),
            packets_of_all_layers: of(self.packets_of_all_layers, other.packets_of_all_layers),
            frames: of(self.frames, other.frames),
            bytes: of(self.bytes, other.bytes),
            key_frames: of(self.key_frames, other.key_frames),
            wishes: of(self.wishes, other.wishes),
        }
    }
}

fn simulcast(layers: usize) -> Simulcast {
    let mut simulcast = Simulcast::new();
    for name in LAYERS.iter().take(layers) {
        simulcast.add_send_layer(SimulcastLayer::new(name));
    }
    simulcast
}
