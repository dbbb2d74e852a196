//! A datagram of RTCP packets laid end to end. RFC 3550 §6.1, §6.4.1; RFC 5506.
//!
//! ```text
//!  0              1      2..4           4..
//! ┌──────────────┬──────┬──────────────┬──────────────────┬─────────┐
//! │ V P format:5 │ type │ length:words │ body             │ padding │  then the next one
//! └──────────────┴──────┴──────────────┴──────────────────┴─────────┘
//! ```

use super::Member;
use crate::error::Malformed;
use crate::reader::Reader;
use crate::rtp::strip_padding;

/// Members of one datagram that are read; honest ones have fewer than ten.
pub const MEMBERS_MAX: usize = 32;

/// The members of one decrypted datagram, in order. They tile it: bytes that belong to none are an error.
///
/// Ends after the first error; the members before it stand.
///
/// Padding is taken off any member and may have any length, though RFC 3550 §6.4.1 allows it on the last one
/// only and in multiples of four: WebRTC peers round TWCC up with 1 to 3 bytes of it (libwebrtc) and send XR
/// or BYE behind (str0m).
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    reader: Reader<'a>,
    seen: usize,
}

impl<'a> Compound<'a> {
    /// Looks at nothing yet.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { reader: Reader::new(datagram), seen: 0 }
    }

    fn read_member(&mut self) -> Result<Member<'a>, Malformed> {
        if self.seen == MEMBERS_MAX {
            return Err(Malformed::TooManyMembers);
        }
        self.seen += 1;
        let [first, packet_type] = self.reader.array().ok_or(Malformed::TooShort)?;
        let words = self.reader.u16().ok_or(Malformed::TooShort)?;
        if first >> 6 != 2 {
            return Err(Malformed::BadVersion);
        }
        let body = self.reader.bytes(usize::from(words) * 4).ok_or(Malformed::BadLength)?;
        let body = if first & 0x20 == 0 { body } else { strip_padding(body)? };
        Member::parse(packet_type, first & 0x1f, body)
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Member<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let member = self.read_member();
        if member.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(member)
    }
}

impl core::iter::FusedIterator for Compound<'_> {}
