//! What can be wrong with bytes that we read, and the one thing that can be wrong when we write.

use core::fmt;

/// Why bytes are not the message they were taken for.
///
/// A packet's fault, hence `Copy`, compared by value and counted by the caller, never logged one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The bytes end before the fixed part of the message does.
    TooShort,
    /// The two version bits of an RTP or RTCP header are not 2.
    BadVersion,
    /// The leading bits or the magic cookie are not STUN's.
    BadMagic,
    /// A length or count field disagrees with the bytes that are there.
    BadLength,
    /// A STUN attribute reaches past the end of its message.
    BadAttribute,
    /// The RTP header extension block reaches past the end of the packet.
    BadExtension,
    /// The padding count is 0, covers more than there is to cover, or stands where padding is not allowed.
    BadPadding,
    /// A codec's payload header contradicts the payload.
    BadPayload,
    /// A dependency descriptor ends inside a field, or names a layer that cannot be.
    BadDescriptor,
    /// A dependency descriptor names a template that no structure known here has.
    UnknownTemplate,
    /// An RTCP datagram holds more than [`MEMBERS_MAX`](crate::MEMBERS_MAX) packets.
    TooManyMembers,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the message is shorter than its fixed part",
            Self::BadVersion => "the version is not 2",
            Self::BadMagic => "the leading bits or the magic cookie are not STUN's",
            Self::BadLength => "a length or count disagrees with the bytes",
            Self::BadAttribute => "a STUN attribute reaches past the end",
            Self::BadExtension => "the header extension reaches past the end",
            Self::BadPadding => "the padding count is impossible",
            Self::BadPayload => "the payload contradicts its codec's header",
            Self::BadDescriptor => "the dependency descriptor contradicts itself",
            Self::UnknownTemplate => "the dependency descriptor's template is not known",
            Self::TooManyMembers => "too many RTCP packets in one datagram",
        })
    }
}

impl core::error::Error for Malformed {}

/// The message does not fit: into the bytes left, or into the width of one of its own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message does not fit")
    }
}

impl core::error::Error for NoRoom {}
