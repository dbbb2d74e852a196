//! The stamp at the end of each payload: where the packet belongs, when it was due, and a checksum.
//!
//! ```text
//!   … body (`covered` bytes) │ checksum 8 │ due 8 │ frame 4 │ ordinal 4 │ packet 2 │ packets 2 │ publisher 2 │ covered 2 │ layer, key 1
//!     └──────────────────────┘            └──────────────────────────────────────────────────────────────────────────────────────────┘
//!                  what the checksum is of (XXH3, 64 bits)
//! ```
//!
//! At the end, because there it is found whatever the codec, and because a server may rewrite what stands at the beginning:
//! picture ids, layer ids. The time is when the packet was *due*, not when it was sent: a sender that is held up must not make
//! the server look faster by it (coordinated omission).

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a stamp.
pub const STAMP_BYTES: usize = CHECKSUM_BYTES + 8 + 4 + 4 + 2 + 2 + 2 + 2 + 1;
const CHECKSUM_BYTES: usize = 8;
const KEY: u8 = 0x80;

/// Where a packet stands in its track, and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds of the run's clock.
    pub due_ns: u64,
    /// Counts frames from 0.
    pub frame: u32,
    /// Counts packets of the track and layer from 0.
    pub ordinal: u32,
    /// Counts packets of the frame from 0.
    pub packet: u16,
    /// Packets of the frame.
    pub packets: u16,
    pub publisher: u16,
    /// Of simulcast, 0 is the largest; below 128.
    pub layer: u8,
    pub key: bool,
}

impl Stamp {
    /// Appends the stamp to a payload whose last `covered` bytes are the body.
    pub fn write(&self, covered: usize, payload: &mut Vec<u8>) {
        let body_at = payload.len() - covered;
        let checksum_at = payload.len();
        payload.extend([0; CHECKSUM_BYTES]);
        payload.extend(self.due_ns.to_be_bytes());
        payload.extend(self.frame.to_be_bytes());
        payload.extend(self.ordinal.to_be_bytes());
        payload.extend(self.packet.to_be_bytes());
        payload.extend(self.packets.to_be_bytes());
        payload.extend(self.publisher.to_be_bytes());
        payload.extend(u16::try_from(covered).unwrap_or(u16::MAX).to_be_bytes());
        payload.push(self.layer & !KEY | if self.key { KEY } else { 0 });
        let checksum = xxh3_64(&payload[body_at..]).to_be_bytes();
        payload[checksum_at..checksum_at + CHECKSUM_BYTES].copy_from_slice(&checksum);
    }

    /// Reads the stamp of a payload; the checksum's bytes are zeroed for it. None: it is none of ours, or damaged.
    #[must_use]
    pub fn read(payload: &mut [u8]) -> Option<Self> {
        let at = payload.len().checked_sub(STAMP_BYTES)?;
        let (checksum, rest) = payload[at..].split_first_chunk()?;
        let checksum = u64::from_be_bytes(*checksum);
        let (due, rest) = rest.split_first_chunk()?;
        let (frame, rest) = rest.split_first_chunk()?;
        let (ordinal, rest) = rest.split_first_chunk()?;
        let (packet, rest) = rest.split_first_chunk()?;
        let (packets, rest) = rest.split_first_chunk()?;
        let (publisher, rest) = rest.split_first_chunk()?;
        let (covered, rest) = rest.split_first_chunk()?;
        let layer = rest.first()?;
        let stamp = Self {
            due_ns: u64::from_be_bytes(*due),
            frame: u32::from_be_bytes(*frame),
            ordinal: u32::from_be_bytes(*ordinal),
            packet: u16::from_be_bytes(*packet),
            packets: u16::from_be_bytes(*packets),
            publisher: u16::from_be_bytes(*publisher),
            layer: layer & !KEY,
            key: layer & KEY != 0,
        };
        let body_at = at.checked_sub(u16::from_be_bytes(*covered).into())?;
        payload[at..at + CHECKSUM_BYTES].fill(0);
        (xxh3_64(&payload[body_at..]) == checksum).then_some(stamp)
    }
}
