//! Transport-wide congestion control feedback: when each packet of a session arrived.
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
//!
//! ```text
//!  0..4     4..8    8..10   10..12         12..15                 15               16..
//! ┌────────┬───────┬───────┬──────────────┬──────────────────────┬────────────────┬────────┬────────┐
//! │ sender │ media │ base  │ status count │ reference time:24    │ feedback count │ chunks │ deltas │
//! └────────┴───────┴───────┴──────────────┴──────────────────────┴────────────────┴────────┴────────┘
//!  chunk, 16 bits:  0 ss lllllllllllll   a run of l packets with status s
//!                   1 0 bbbbbbbbbbbbbb   14 packets: lost or small delta
//!                   1 1 ssssssssssssss   7 packets, two bits each
//! ```
//!
//! Chunks tell the status of `status count` packets from `base` on, deltas the time between the arrivals of
//! those that did arrive: one byte for a small delta, two signed bytes for a large one.

use crate::reader::Reader;
use crate::sequence::Sequence;
use crate::types::Ssrc;

/// Unit of the deltas, in µs.
pub(super) const DELTA_UNIT_US: i64 = 250;
/// Unit of the reference time, in µs.
pub(super) const REFERENCE_UNIT_US: i64 = 64_000;

/// How many losses told by run lengths one walk spells out.
///
/// Two bytes can tell of 8,191 of them, while every other status costs its sender a bit at least. Beyond this
/// number the walk steps over the oldest of a run, so its work is bounded by the bytes that came; the gap shows
/// in the sequence numbers. Ours: a second of 10 Mbit/s.
pub const LOST_RUN_STATUSES_MAX: u16 = 1024;

/// The fate of one packet, as the two-bit symbols have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Lost,
    SmallDelta,
    LargeDelta,
    /// Without meaning: nothing behind it can be trusted.
    Reserved,
}

impl Status {
    const fn from_symbol(symbol: u16) -> Self {
        match symbol & 3 {
            0 => Self::Lost,
            1 => Self::SmallDelta,
            2 => Self::LargeDelta,
            _ => Self::Reserved,
        }
    }

    pub(super) const fn symbol(self) -> u16 {
        self as u16
    }
}

/// The statuses of one chunk that were not taken yet.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    Run {
        status: Status,
        left: u16,
    },
    /// `left` symbols of `width` bits each, the next one at the top.
    Vector {
        bits: u16,
        width: u16,
        left: u16,
    },
}

impl Chunk {
    const EMPTY: Self = Self::Run { status: Status::Lost, left: 0 };

    const fn from_bytes(bytes: [u8; 2]) -> Self {
        let word = u16::from_be_bytes(bytes);
        match word >> 14 {
            0 | 1 => Self::Run { status: Status::from_symbol(word >> 13), left: word & 0x1fff },
            2 => Self::Vector { bits: word << 2, width: 1, left: 14 },
            _ => Self::Vector { bits: word << 2, width: 2, left: 7 },
        }
    }

    const fn left(self) -> u16 {
        match self {
            Self::Run { left, .. } | Self::Vector { left, .. } => left,
        }
    }

    fn take(&mut self) -> Option<Status> {
        match self {
            Self::Run { status, left } => {
                *left = left.checked_sub(1)?;
                Some(*status)
            }
            Self::Vector { bits, width, left } => {
                *left = left.checked_sub(1)?;
                let symbol = *bits >> (16 - *width);
                *bits <<= *width;
                Some(Status::from_symbol(symbol))
            }
        }
    }
}

/// One feedback message.
#[derive(Clone, Copy, Debug)]
pub struct Twcc<'a> {
    sender: Ssrc,
    media: Ssrc,
    base: Sequence,
    status_count: u16,
    reference_time: i32,
    feedback_count: u8,
    chunks: &'a [[u8; 2]],
    deltas: &'a [u8],
}

impl<'a> Twcc<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender, media) = (Ssrc(reader.u32()?), Ssrc(reader.u32()?));
        let (base, status_count) = (Sequence(reader.u16()?), reader.u16()?);
        let [r0, r1, r2, feedback_count] = reader.array()?;
        // At the top of 32 bits first, so that the shift brings the sign down with it.
        let reference_time = i32::from_be_bytes([r0, r1, r2, 0]) >> 8;
        let chunks = reader.groups(chunk_count(reader.rest(), status_count))?;
        let deltas = reader.rest();
        Some(Self { sender, media, base, status_count, reference_time, feedback_count, chunks, deltas })
    }

    /// Who reports.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// Some stream of the session; the report is about all of them.
    #[must_use]
    pub const fn media(&self) -> Ssrc {
        self.media
    }

    /// The transport sequence number of the first packet reported.
    #[must_use]
    pub const fn base(&self) -> Sequence {
        self.base
    }

    /// How many packets the message says it reports. A peer's word: [`packets`](Self::packets) may yield
    /// fewer.
    #[must_use]
    pub const fn status_count(&self) -> u16 {
        self.status_count
    }

    /// One more a message, wrapping: a gap is a lost message.
    #[must_use]
    pub const fn feedback_count(&self) -> u8 {
        self.feedback_count
    }

    /// What the first delta counts from, on the receiver's own clock: milliseconds, 24 bits signed in units
    /// of 64 ms.
    #[must_use]
    pub fn reference_time_ms(&self) -> i64 {
        i64::from(self.reference_time) * (REFERENCE_UNIT_US / 1000)
    }

    /// Each packet with its arrival in µs on the receiver's own clock, `None` for lost: ascending from the
    /// base.
    ///
    /// Ends early where the message lies: a count beyond its chunks, an arrival without a delta, a reserved
    /// status. At most 7 packets a byte received and [`LOST_RUN_STATUSES_MAX`] more.
    #[must_use]
    pub fn packets(&self) -> TwccPackets<'a> {
        TwccPackets {
            next: self.base,
            left: self.status_count,
            chunk: Chunk::EMPTY,
            chunks: self.chunks.iter(),
            deltas: Reader::new(self.deltas),
            clock_us: i64::from(self.reference_time) * REFERENCE_UNIT_US,
            lost_run_left: LOST_RUN_STATUSES_MAX,
        }
    }
}

/// How many chunks of `bytes` it takes to tell `status_count` statuses; all that are there if they do not
/// suffice.
fn chunk_count(bytes: &[u8], status_count: u16) -> usize {
    let (chunks, _) = bytes.as_chunks();
    let mut left = status_count;
    chunks
        .iter()
        .take_while(|&&chunk| {
            let needed = left > 0;
            left = left.saturating_sub(Chunk::from_bytes(chunk).left());
            needed
        })
        .count()
}

/// Walks the packets of one feedback message.
#[derive(Clone, Debug)]
pub struct TwccPackets<'a> {
    next: Sequence,
    /// Statuses that the message still claims to have.
    left: u16,
    chunk: Chunk,
    chunks: core::slice::Iter<'a, [u8; 2]>,
    deltas: Reader<'a>,
    /// Arrival of the last packet that arrived.
    clock_us: i64,
    /// Losses in runs that may still be spelled out.
    lost_run_left: u16,
}

impl TwccPackets<'_> {
    fn take_status(&mut self) -> Option<Status> {
        loop {
            if self.left == 0 {
                return None;
            }
            if let Some(status) = self.chunk.take() {
                self.left -= 1;
                return Some(status);
            }
            self.chunk = Chunk::from_bytes(*self.chunks.next()?);
            self.shorten_lost_run();
        }
    }

    /// Steps over the oldest losses of a run that is longer than what may still be spelled out.
    fn shorten_lost_run(&mut self) {
        let Chunk::Run { status: Status::Lost, left } = &mut self.chunk else { return };
        let told = (*left).min(self.left);
        let spelled = told.min(self.lost_run_left);
        self.lost_run_left -= spelled;
        self.left -= told - spelled;
        self.next = self.next.wrapping_add(told - spelled);
        *left = spelled;
    }
}

impl Iterator for TwccPackets<'_> {
    type Item = (Sequence, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        let delta = match self.take_status()? {
            Status::Lost => None,
            Status::SmallDelta => Some(self.deltas.u8().map(i64::from)),
            Status::LargeDelta => Some(self.deltas.u16().map(|delta| i64::from(delta.cast_signed()))),
            Status::Reserved => Some(None),
        };
        let arrival_us = match delta {
            None => None,
            Some(Some(delta)) => {
                self.clock_us += delta * DELTA_UNIT_US;
                Some(self.clock_us)
            }
            Some(None) => {
                self.left = 0;
                return None;
            }
        };
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        Some((sequence, arrival_us))
    }
}
