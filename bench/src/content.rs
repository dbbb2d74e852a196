//! What is published: pictures that a server takes for VP8 and sound that it takes for Opus, each packet stamped.
//!
//! ```text
//!   codec's own bytes │ checksum 8 │ frame 4 │ ordinal 4 │ packet 2 │ packets 2 │ key 1 │ sent 8 │ filler …
//! ```
//!
//! The codec's bytes are real as far as a server may look: VP8 payload descriptor (RFC 7741 §4.2) and frame header (RFC 6386
//! §9.1), an Opus TOC byte (RFC 6716 §3.1). Behind them is no picture. Sizes vary from frame to frame as an encoder's do,
//! and a frame is cut as libwebrtc cuts it, into nearly equal packets with the shorter ones first: packets of equal size
//! would flatter a server that sends them in trains.

use fanlight_wire::Vp8Descriptor;

/// Pictures a second.
pub const FRAMES_PER_SECOND: u32 = 30;
/// Packets of sound a second.
pub const SOUNDS_PER_SECOND: u32 = 50;
/// RTP clock ticks from picture to picture (90 kHz, RFC 7741 §4.1).
pub const FRAME_TICKS: u32 = 90_000 / FRAMES_PER_SECOND;
/// RTP clock ticks from sound to sound (48 kHz, RFC 7587 §4.1).
pub const SOUND_TICKS: u32 = 48_000 / SOUNDS_PER_SECOND;
/// Bytes of the longest payload: with SRTP, header extensions and UDP/IPv6 it stays under 1,280.
pub const PAYLOAD_BYTES_MAX: usize = 1_180;
/// Bytes of a sound at 32 kbit/s.
const SOUND_BYTES: usize = 80;
/// A key frame has so many times the bytes of another frame.
const KEY_FRAME_FACTOR: usize = 4;
/// Sizes of frames vary by so many per cent, up and down.
const SPREAD_PERCENT: u64 = 20;

const CHECKSUM_BYTES: usize = 8;
/// Bytes of checksum and place, which every packet has room for.
const STAMP_BYTES: usize = CHECKSUM_BYTES + 4 + 4 + 2 + 2 + 1 + 8;

/// Hybrid fullband, 20 ms, mono, one frame (RFC 6716 table 2).
const OPUS_TOC: u8 = 0x78;
/// X, and S where a frame begins; then I; then a picture id of 15 bits.
const DESCRIPTOR_BYTES: usize = 4;
const KEY_HEADER_BYTES: usize = 10;
const OTHER_HEADER_BYTES: usize = 3;

/// Which track a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sound,
    Picture,
}

/// Where a packet stands in its track, and when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Counts frames from 0.
    pub frame: u32,
    /// Counts packets of the track from 0.
    pub ordinal: u32,
    /// Counts packets of the frame from 0.
    pub packet: u16,
    /// Packets of the frame.
    pub packets: u16,
    pub key: bool,
    /// Nanoseconds of the run's clock.
    pub sent_ns: u64,
}

/// Cuts frames of a bit rate into payloads.
#[derive(Debug)]
pub struct Content {
    frame_bytes: usize,
    noise: Vec<u8>,
}

impl Content {
    /// Pictures of so many bits a second without key frames, which come on top.
    #[must_use]
    pub fn new(video_bits_per_second: u32) -> Self {
        let frame_bytes = video_bits_per_second / 8 / FRAMES_PER_SECOND;
        let noise = (0..2 * PAYLOAD_BYTES_MAX as u64).map(|at| mix(at).to_be_bytes()[0]).collect();
        Self { frame_bytes: frame_bytes as usize, noise }
    }

    /// Bytes of each packet of a frame, in sending order. Never empty, and never more than 65,535 packets.
    #[must_use]
    pub fn cut(&self, kind: Kind, frame: u32, key: bool) -> Vec<usize> {
        if kind == Kind::Sound {
            return vec![SOUND_BYTES];
        }
        let percent = 100 - SPREAD_PERCENT + mix(frame.into()) % (2 * SPREAD_PERCENT + 1);
        let factor = if key { KEY_FRAME_FACTOR } else { 1 };
        let bytes = self.frame_bytes * factor * usize::try_from(percent).unwrap_or(100) / 100;
        let packets = bytes.div_ceil(PAYLOAD_BYTES_MAX).clamp(1, u16::MAX.into());
        let least = DESCRIPTOR_BYTES + KEY_HEADER_BYTES + STAMP_BYTES;
        let (each, longer) = ((bytes / packets).clamp(least, PAYLOAD_BYTES_MAX), bytes % packets);
        let size = |at| (each + usize::from(at + longer >= packets)).min(PAYLOAD_BYTES_MAX);
        (0..packets).map(size).collect()
    }

    /// A payload of `bytes` bytes, as [`Content::cut`] gives them.
    #[must_use]
    pub fn payload(&self, kind: Kind, stamp: &Stamp, bytes: usize) -> Vec<u8> {
        let mut payload = Vec::with_capacity(bytes);
        match kind {
            Kind::Sound => payload.push(OPUS_TOC),
            Kind::Picture => write_vp8(&mut payload, stamp),
        }
        let checksum_at = payload.len();
        payload.extend([0; CHECKSUM_BYTES]);
        payload.extend(stamp.frame.to_be_bytes());
        payload.extend(stamp.ordinal.to_be_bytes());
        payload.extend(stamp.packet.to_be_bytes());
        payload.extend(stamp.packets.to_be_bytes());
        payload.push(u8::from(stamp.key));
        payload.extend(stamp.sent_ns.to_be_bytes());
        let filler = bytes.saturating_sub(payload.len()).min(PAYLOAD_BYTES_MAX);
        let from = stamp.ordinal as usize % PAYLOAD_BYTES_MAX;
        payload.extend(&self.noise[from..from + filler]);
        let stamped_at = checksum_at + CHECKSUM_BYTES;
        let checksum = fnv(&payload[stamped_at..]).to_be_bytes();
        payload[checksum_at..stamped_at].copy_from_slice(&checksum);
        payload
    }
}

impl Stamp {
    /// Reads the stamp of a payload. None: it is none of ours, or damaged.
    #[must_use]
    pub fn read(kind: Kind, payload: &[u8]) -> Option<Self> {
        let own = match kind {
            Kind::Sound => 1,
            Kind::Picture => vp8_bytes(payload)?,
        };
        let (checksum, stamped) = payload.get(own..)?.split_first_chunk()?;
        if fnv(stamped) != u64::from_be_bytes(*checksum) {
            return None;
        }
        let (frame, rest) = stamped.split_first_chunk()?;
        let (ordinal, rest) = rest.split_first_chunk()?;
        let (packet, rest) = rest.split_first_chunk()?;
        let (packets, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first()?;
        let (sent_ns, _) = rest.split_first_chunk()?;
        Some(Self {
            frame: u32::from_be_bytes(*frame),
            ordinal: u32::from_be_bytes(*ordinal),
            packet: u16::from_be_bytes(*packet),
            packets: u16::from_be_bytes(*packets),
            key: *key == 1,
            sent_ns: u64::from_be_bytes(*sent_ns),
        })
    }
}

/// The descriptor, and in a frame's first packet the frame header: a tag that shows the frame and says how long its first
/// partition is (a number no server needs, so 0), and in a key frame the start code and 1280 × 720.
fn write_vp8(payload: &mut Vec<u8>, stamp: &Stamp) {
    let [_, _, high, low] = stamp.frame.to_be_bytes();
    let begins = stamp.packet == 0;
    payload.extend([0x80 | u8::from(begins) << 4, 0x80, 0x80 | high, low]);
    match (begins, stamp.key) {
        (false, _) => {}
        (true, false) => payload.extend([0x11, 0, 0]),
        (true, true) => payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]),
    }
}

/// Bytes of descriptor and frame header. A server may renumber pictures and so write another descriptor than ours.
fn vp8_bytes(payload: &[u8]) -> Option<usize> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let tag = payload.get(descriptor.len)?;
    Some(match (descriptor.is_frame_start(), tag & 1 == 0) {
        (false, _) => descriptor.len,
        (true, false) => descriptor.len + OTHER_HEADER_BYTES,
        (true, true) => descriptor.len + KEY_HEADER_BYTES,
    })
}

/// SplitMix64's step: neighbouring numbers become unlike.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests;
