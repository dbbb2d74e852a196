//! What is published: frames of a real encoder, cut into RTP payloads as browsers cut them, each payload stamped at its end.
//!
//! ```text
//!   payload:  codec's own bytes of the packet │ a piece of the frame │ stamp
//!             VP8/VP9 descriptor, FU-A, …      real, then repeated    see content/stamp.rs
//! ```
//!
//! A server may look as deep as it likes into the beginning of a frame: parameter sets, sequence header, frame header and
//! start are what an encoder made (`bench/media`). No decoder would show the rest, for the stamps stand in it and a second of
//! a small picture is stretched to the plan's bit rate. Sizes vary from frame to frame as an encoder's do, and a frame is cut
//! as libwebrtc cuts it, into nearly equal packets with the shorter ones first: packets of equal size would flatter a server
//! that sends them in trains.

mod clip;
mod packets;
pub mod stamp;

use std::sync::Arc;
use std::time::Duration;

use self::clip::Clip;
use crate::plan::{Codec, Publishers};

pub use self::stamp::{STAMP_BYTES, Stamp};

/// Packets of sound a second.
pub const SOUNDS_PER_SECOND: u32 = 50;
/// Bytes of the longest payload: with SRTP, header extensions and UDP/IPv6 it stays under 1,280.
pub const PAYLOAD_BYTES_MAX: usize = 1_180;
/// Hybrid fullband, 20 ms, mono, one frame (RFC 6716 table 2).
const OPUS_TOC: u8 = 0x78;

/// Which track a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Sound,
    Picture,
}

/// A packet before it is stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What only this packet has: a server may rewrite it.
    pub head: Vec<u8>,
    /// A piece of the frame.
    pub body: Vec<u8>,
}

/// Makes the frames of one publisher.
#[derive(Debug, Clone)]
pub struct Content {
    codec: Codec,
    seed: u64,
    frame_bytes: usize,
    key_frame_factor: usize,
    spread_percent: u64,
    sound_bytes: usize,
    frames_per_second: u32,
    clip: Arc<Clip>,
}

impl Content {
    /// What the plan says; the seed chooses the sizes of the frames.
    #[must_use]
    pub fn new(publishers: &Publishers, seed: u64) -> Self {
        let bytes = |kbit: u32, a_second: u32| (kbit * 125 / a_second) as usize;
        Self {
            codec: publishers.codec,
            seed,
            frame_bytes: bytes(publishers.video_kbit_per_second, publishers.frames_per_second),
            key_frame_factor: publishers.key_frame_factor.max(1) as usize,
            spread_percent: publishers.size_spread_percent.min(100).into(),
            sound_bytes: bytes(publishers.sound_kbit_per_second, SOUNDS_PER_SECOND),
            frames_per_second: publishers.frames_per_second,
            clip: Arc::new(Clip::of(publishers.codec)),
        }
    }

    /// The packets of a frame in sending order. Layer 0 is the largest; each further one has a quarter of its bytes. Never
    /// empty, and never more than 65,535.
    #[must_use]
    pub fn packets(&self, kind: Kind, frame: u32, key: bool, layer: u8) -> Vec<Packet> {
        if kind == Kind::Sound {
            let bytes = self.sound_bytes.saturating_sub(1 + STAMP_BYTES);
            return vec![Packet { head: vec![OPUS_TOC], body: noise(frame.into(), bytes) }];
        }
        let bytes = (self.frame_bytes(frame, key) >> (2 * u32::from(layer))).max(1);
        let picture = self.clip.picture(frame, key);
        packets::cut(self.codec, picture, frame, key, bytes)
    }

    /// Time from frame to frame.
    #[must_use]
    pub fn interval(&self, kind: Kind) -> Duration {
        Duration::from_secs(1) / self.per_second(kind)
    }

    /// When a frame is due, counted from frame 0: without the rounding of an interval adding up.
    #[must_use]
    pub fn due(&self, kind: Kind, frame: u32) -> Duration {
        Duration::from_secs(1) * frame / self.per_second(kind)
    }

    /// RTP clock ticks of a frame, counted from frame 0: 90 kHz (RFC 7741 §4.1) or 48 kHz (RFC 7587 §4.1).
    #[must_use]
    pub fn timestamp(&self, kind: Kind, frame: u32) -> u32 {
        let clock: u64 = match kind {
            Kind::Picture => 90_000,
            Kind::Sound => 48_000,
        };
        let ticks = u64::from(frame) * clock / u64::from(self.per_second(kind));
        u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(0) // masked: it fits
    }

    fn per_second(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Picture => self.frames_per_second,
            Kind::Sound => SOUNDS_PER_SECOND,
        }
    }

    fn frame_bytes(&self, frame: u32, key: bool) -> usize {
        let percent =
            100 - self.spread_percent + mix(self.seed ^ u64::from(frame)) % (2 * self.spread_percent + 1);
        let factor = if key { self.key_frame_factor } else { 1 };
        self.frame_bytes * factor * usize::try_from(percent).unwrap_or(100) / 100
    }
}

impl Packet {
    /// The payload: head, body, stamp.
    #[must_use]
    pub fn stamped(&self, stamp: &Stamp) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.head.len() + self.body.len() + STAMP_BYTES);
        payload.extend(&self.head);
        payload.extend(&self.body);
        stamp.write(self.body.len(), &mut payload);
        payload
    }
}

/// Bytes that do not repeat soon.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(8) as u64)
        .flat_map(|word| mix(seed.wrapping_mul(0x1_0001).wrapping_add(word)).to_le_bytes())
        .take(bytes)
        .collect()
}

/// `SplitMix64`'s step: neighbouring numbers become unlike.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
