//! The publisher: stock str0m, in real time; it answers NACK, and makes a key frame on PLI and from time to time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::rtp::{RtpWrite, Ssrc};

use crate::clock::Clock;
use crate::content::{Content, FRAME_TICKS, FRAMES_PER_SECOND, Kind, SOUND_TICKS, SOUNDS_PER_SECOND, Stamp};
use crate::peer::{Peer, PeerError};

/// First RTP sequence number: near the 16-bit wrap, so that each run crosses it.
const FIRST_SEQUENCE: u64 = 65_000;

/// A key frame that is wished comes at most so often. libwebrtc's encoder keeps 300 ms between two.
const WISHES_INTERVAL: Duration = Duration::from_millis(300);

/// What was sent so far, first transmissions only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    /// Bytes of payload.
    pub(crate) bytes: u64,
    pub(crate) key_frames: u64,
}

/// A track that is being sent.
struct Track {
    kind: Kind,
    mid: Mid,
    sender: Option<(Pt, Ssrc)>,
    frame: u32,
    ordinal: u32,
}

/// See the file's head.
pub(crate) struct Publisher {
    peer: Peer,
    content: Content,
    key_interval: Duration,
    tracks: Vec<Track>,
    /// When frame 0 was due.
    start: Option<Instant>,
    key_frame_at: Option<Instant>,
    wishes_met: u64,
    sent: Sent,
    silent_since: Option<Instant>,
    clock: Clock,
}

impl Publisher {
    /// Makes the offer of one audio and one video track.
    pub(crate) fn offer(
        local: IpAddr,
        clock: Clock,
        content: Content,
        key_interval: Duration,
    ) -> Result<(Self, String), PeerError> {
        let rtc = Rtc::builder()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_rtp_mode(true)
            .build(Instant::now());
        let (peer, offer, tracks) = Peer::offer(rtc, local, true, |changes| {
            [(MediaKind::Audio, Kind::Sound), (MediaKind::Video, Kind::Picture)].map(|(media, kind)| {
                let mid = changes.add_media(media, Direction::SendOnly, None, None, None);
                Track { kind, mid, sender: None, frame: 0, ordinal: 0 }
            })
        })?;
        let publisher = Self {
            peer,
            content,
            key_interval,
            tracks: tracks.into(),
            start: None,
            key_frame_at: None,
            wishes_met: 0,
            sent: Sent::default(),
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
            let ssrc = rtc.direct_api().stream_tx_by_mid(track.mid, None).map(|stream| stream.ssrc());
            track.sender = payload_type.zip(ssrc);
            if track.sender.is_none() {
                let refused = format!("it refuses {:?}", track.kind);
                return Err(PeerError::Answer(refused, answer.to_owned()));
            }
        }
        Ok(())
    }

    /// Receives, and sends what is due.
    pub(crate) fn poll(&mut self, now: Instant, buffer: &mut [u8]) -> Result<(), PeerError> {
        while let Some((len, from)) = self.peer.receive(buffer)? {
            self.peer.take(now, from, &buffer[..len])?;
        }
        self.peer.advance(now)?;
        if !self.is_live() || self.silent_since.is_some() {
            return Ok(());
        }
        let start = *self.start.get_or_insert(now);
        for at in 0..self.tracks.len() {
            while self.tracks[at].due(start) <= now {
                self.send_frame(at, now)?;
            }
        }
        Ok(())
    }

    /// DTLS is up and the server has not closed.
    pub(crate) fn is_live(&self) -> bool {
        self.peer.heard.connected && !self.peer.heard.closed
    }

    /// When the next picture leaves: what was sent before has had the longest time to arrive just before that.
    pub(crate) fn next_picture(&self) -> Option<Instant> {
        let start = self.start?;
        self.tracks.iter().filter(|track| track.kind == Kind::Picture).map(|track| track.due(start)).max()
    }

    pub(crate) fn sent(&self) -> Sent {
        self.sent
    }

    /// PLI and FIR that came.
    pub(crate) fn wishes(&self) -> u64 {
        self.peer.heard.key_frame_wishes
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

    fn send_frame(&mut self, at: usize, now: Instant) -> Result<(), PeerError> {
        let key = self.tracks[at].kind == Kind::Picture && self.is_time_for_key_frame(now);
        if key {
            self.key_frame_at = Some(now);
            self.wishes_met = self.wishes();
            self.sent.key_frames += 1;
        }
        let track = &mut self.tracks[at];
        let Some((payload_type, ssrc)) = track.sender else { return Ok(()) };
        let sizes = self.content.cut(track.kind, track.frame, key);
        let packets = u16::try_from(sizes.len()).unwrap_or(u16::MAX);
        for (packet, bytes) in (0..packets).zip(sizes) {
            let (frame, ordinal, sent_ns) = (track.frame, track.ordinal, self.clock.now_ns());
            let stamp = Stamp { frame, ordinal, packet, packets, key, sent_ns };
            let payload = self.content.payload(track.kind, &stamp, bytes);
            let sequence = (FIRST_SEQUENCE + u64::from(ordinal)).into();
            let marker = track.kind == Kind::Picture && packet + 1 == packets;
            let write = RtpWrite::new(payload_type, sequence, track.timestamp(), now, payload)
                .marker(marker)
                .nackable(track.kind == Kind::Picture);
            let mut direct = self.peer.rtc.direct_api();
            let Some(stream) = direct.stream_tx(&ssrc) else { return Ok(()) };
            stream.write_rtp(write);
            self.peer.flush(now)?;
            track.ordinal += 1;
            self.sent.packets += 1;
            self.sent.bytes += bytes as u64;
        }
        track.frame += 1;
        Ok(())
    }

    fn is_time_for_key_frame(&self, now: Instant) -> bool {
        let Some(last) = self.key_frame_at else { return true };
        let since = now.saturating_duration_since(last);
        since >= self.key_interval || self.wishes() > self.wishes_met && since >= WISHES_INTERVAL
    }
}

impl Track {
    fn due(&self, start: Instant) -> Instant {
        let per_second = match self.kind {
            Kind::Picture => FRAMES_PER_SECOND,
            Kind::Sound => SOUNDS_PER_SECOND,
        };
        start + Duration::from_secs(1) * self.frame / per_second
    }

    fn timestamp(&self) -> u32 {
        let ticks = match self.kind {
            Kind::Picture => FRAME_TICKS,
            Kind::Sound => SOUND_TICKS,
        };
        self.frame.wrapping_mul(ticks)
    }
}
