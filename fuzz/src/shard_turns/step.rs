//! What can happen, and how bytes tell it: one byte says what, those behind it say how.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Bytes of noise, and of what a peer seals.
const BYTES_MAX: usize = 200;
/// Packets of a frame: more than leave to a viewer at once.
const FRAME_PACKETS_MAX: usize = 48;

/// One thing that happens. Peers are told by number, modulo how many there are.
#[derive(Debug)]
pub(super) enum Step {
    Publish { shard: u8 },
    Watch { shard: u8, publisher: u8 },
    Leave { session: u8, by: Leaving },
    /// A frame of a layer whose packets have these lengths; those of a set bit in `lost` do not arrive.
    Frame { publisher: u8, upper: bool, key: bool, lens: Vec<u16>, lost: u8 },
    Sound { publisher: u8, len: u8 },
    /// The publisher goes on under other numbers: another SSRC, or so many packets later.
    Jump { publisher: u8, by: u16, ssrc: bool },
    /// A datagram sent before, again: as it was or damaged, by its owner or from elsewhere.
    Again { back: u8, damage: Vec<(u8, u8)>, stranger: bool },
    /// A packet sent before, as a retransmission.
    Retransmit { publisher: u8, back: u8 },
    /// A viewer asks for packets around the last it got.
    Nack { viewer: u8, back: Vec<u8>, rtx: bool },
    KeyFrameWish { viewer: u8, fir: bool },
    Report { session: u8, lost: u8, highest: u32, jitter: u32, sender_report: u32 },
    Estimate { viewer: u8, bitrate_bps: u32 },
    /// A publisher's clock.
    Clock { publisher: u8, ntp: u64, timestamp: u32 },
    /// Any bytes, from a session's address or a stranger's.
    Noise { session: u8, stranger: bool, bytes: Vec<u8> },
    /// Any bytes that a peer seals as RTCP.
    SealedRtcp { session: u8, bytes: Vec<u8> },
    /// Any header and payload that a publisher seals as RTP.
    SealedRtp { publisher: u8, rollover: u8, bytes: Vec<u8> },
    /// What the kernel takes a turn from now on; 255 is all.
    EgressRoom(u8),
    Ask { inspect: Option<u8> },
    /// A viewer wants one kind of media no more, or again.
    Pause { viewer: u8, video: bool, paused: bool },
    /// An operator mutes one kind of a session's media, or unmutes it.
    Mute { session: u8, video: bool, muted: bool },
    /// A session gets another limit; 255 is none.
    Limit { session: u8, kilobits: u8 },
    /// A viewer goes on with another publisher.
    Switch { viewer: u8, publisher: u8 },
    /// A viewer wishes for a layer, or for a size.
    Prefer { viewer: u8, layer: u8, max_width: Option<u16> },
    Pass { ms: u16 },
}

/// The first byte of these steps.
const MUTE: u8 = 0xfe;
const LIMIT: u8 = 0xff;

/// Who ends a session.
#[derive(Debug)]
pub(super) enum Leaving {
    Link,
    Goodbye,
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let choice: u8 = input.arbitrary()?;
        // By numbers of their own, so that seeds from before they were there still say what they said.
        match choice {
            MUTE => {
                let session = input.arbitrary()?;
                return Ok(Self::Mute { session, video: input.arbitrary()?, muted: input.arbitrary()? });
            }
            LIMIT => return Ok(Self::Limit { session: input.arbitrary()?, kilobits: input.arbitrary()? }),
            _ => {}
        }
        Ok(match choice % 32 {
            0 => Self::Publish { shard: input.arbitrary()? },
            1 | 2 => Self::Watch { shard: input.arbitrary()?, publisher: input.arbitrary()? },
            3 => {
                let by = if input.arbitrary()? { Leaving::Link } else { Leaving::Goodbye };
                Self::Leave { session: input.arbitrary()?, by }
            }
            4..=9 => Self::frame(input)?,
            10 | 11 => Self::Sound { publisher: input.arbitrary()?, len: input.arbitrary()? },
            12 => Self::Jump { publisher: input.arbitrary()?, by: input.arbitrary()?, ssrc: input.arbitrary()? },
            13 | 14 => Self::Again {
                back: input.arbitrary()?,
                damage: list(input, 4, |input| input.arbitrary())?,
                stranger: input.arbitrary::<u8>()? % 8 == 7,
            },
            15 => Self::Retransmit { publisher: input.arbitrary()?, back: input.arbitrary()? },
            16..=18 => Self::Nack {
                viewer: input.arbitrary()?,
                back: list(input, 20, |input| input.arbitrary())?,
                rtx: input.arbitrary::<u8>()? % 8 == 7,
            },
            19 => Self::KeyFrameWish { viewer: input.arbitrary()?, fir: input.arbitrary()? },
            20 => Self::Report {
                session: input.arbitrary()?,
                lost: input.arbitrary()?,
                highest: input.arbitrary()?,
                jitter: input.arbitrary()?,
                sender_report: input.arbitrary()?,
            },
            21 => Self::Estimate { viewer: input.arbitrary()?, bitrate_bps: input.arbitrary()? },
            22 => Self::Clock {
                publisher: input.arbitrary()?,
                ntp: input.arbitrary()?,
                timestamp: input.arbitrary()?,
            },
            23 => Self::Noise {
                session: input.arbitrary()?,
                stranger: input.arbitrary()?,
                bytes: bytes(input)?,
            },
            24 => Self::SealedRtcp { session: input.arbitrary()?, bytes: bytes(input)? },
            25 => Self::SealedRtp {
                publisher: input.arbitrary()?,
                rollover: input.arbitrary::<u8>()? % 3,
                bytes: bytes(input)?,
            },
            26 => Self::EgressRoom(input.arbitrary()?),
            27 => Self::Ask { inspect: input.arbitrary()? },
            28 => Self::Pause { viewer: input.arbitrary()?, video: input.arbitrary()?, paused: input.arbitrary()? },
            29 => Self::Switch { viewer: input.arbitrary()?, publisher: input.arbitrary()? },
            30 => Self::Prefer {
                viewer: input.arbitrary()?,
                layer: input.arbitrary()?,
                max_width: input.arbitrary()?,
            },
            _ => Self::Pass { ms: input.arbitrary::<u16>()? % 3000 },
        })
    }
}

impl Step {
    fn frame(input: &mut Unstructured<'_>) -> Result<Self> {
        let publisher: u8 = input.arbitrary()?;
        Ok(Self::Frame {
            publisher: publisher & 0x7f,
            upper: publisher >= 0x80,
            key: input.arbitrary()?,
            lost: input.arbitrary()?,
            lens: list(input, FRAME_PACKETS_MAX, |input| Ok(1 + input.arbitrary::<u16>()? % 1300))?,
        })
    }
}

/// A count in one byte, then so many items.
fn list<'a, T>(
    input: &mut Unstructured<'a>,
    max: usize,
    item: impl Fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = usize::from(input.arbitrary::<u8>()?) % (max + 1);
    (0..count).map(|_| item(input)).collect()
}

fn bytes(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = usize::from(input.arbitrary::<u8>()?) % BYTES_MAX;
    Ok(input.bytes(len.min(input.len()))?.to_vec())
}
