//! STUN messages, as far as routing a connectivity check needs. RFC 8489 §5, §14; RFC 8445 §7.
//!
//! ```text
//!  0..2    2..4     4..8           8..20             20..
//! ┌───────┬────────┬──────────────┬─────────────────┬───────────────────────────────────────┐
//! │ type  │ length │ magic cookie │ transaction id  │ attributes: type, length, value, pad  │
//! └───────┴────────┴──────────────┴─────────────────┴───────────────────────────────────────┘
//! ```
//!
//! Limits: integrity and fingerprint are not verified here; whoever believes a message must.

use crate::error::Malformed;
use crate::reader::Reader;

/// RFC 8489 §5.
const MAGIC_COOKIE: u32 = 0x2112_a442;

/// RFC 8489 §18.2.
const BINDING: u16 = 1;

/// RFC 8489 §14.3.
const USERNAME: u16 = 0x0006;
/// RFC 8489 §14.5.
const MESSAGE_INTEGRITY: u16 = 0x0008;
/// RFC 8489 §14.6.
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
/// RFC 8445 §7.1.1.
const PRIORITY: u16 = 0x0024;
/// RFC 8445 §7.1.2.
const USE_CANDIDATE: u16 = 0x0025;

/// The two class bits of a message type. RFC 8489 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StunClass {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// Answers a request: done.
    Success,
    /// Answers a request: refused.
    Error,
}

/// A STUN message whose length is true and whose attributes tile it.
#[derive(Clone, Copy, Debug)]
pub struct Stun<'a> {
    message_type: u16,
    transaction_id: [u8; 12],
    /// Checked at parse: a whole number of attributes with their padding.
    attributes: &'a [u8],
}

impl<'a> Stun<'a> {
    /// Checks the header and walks the attributes once.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) below 20 bytes, [`BadMagic`](Malformed::BadMagic) if the
    /// two leading bits or the cookie are wrong, [`BadLength`](Malformed::BadLength) unless the length is a
    /// multiple of four and exactly that of the datagram, [`BadAttribute`](Malformed::BadAttribute) if an
    /// attribute reaches past the end.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(datagram);
        let header = (|| Some((reader.u16()?, reader.u16()?, reader.u32()?, reader.array()?)))();
        let (message_type, length, cookie, transaction_id) = header.ok_or(Malformed::TooShort)?;
        if message_type & 0xc000 != 0 || cookie != MAGIC_COOKIE {
            return Err(Malformed::BadMagic);
        }
        let attributes = reader.rest();
        if length % 4 != 0 || usize::from(length) != attributes.len() {
            return Err(Malformed::BadLength);
        }
        while !reader.is_empty() {
            read_attribute(&mut reader).ok_or(Malformed::BadAttribute)?;
        }
        Ok(Self { message_type, transaction_id, attributes })
    }

    /// Request, indication or answer.
    #[must_use]
    pub const fn class(&self) -> StunClass {
        // Bits 4 and 8, in between those of the method.
        match self.message_type & 0x0110 {
            0x0000 => StunClass::Request,
            0x0010 => StunClass::Indication,
            0x0100 => StunClass::Success,
            _ => StunClass::Error,
        }
    }

    /// The method, 12 bits; 1 is Binding.
    #[must_use]
    pub const fn method(&self) -> u16 {
        let bits = self.message_type;
        (bits & 0x000f) | ((bits & 0x00e0) >> 1) | ((bits & 0x3e00) >> 2)
    }

    /// Whether it is a connectivity check, or looks like one: a binding request. RFC 8445 §7.
    #[must_use]
    pub const fn is_check(&self) -> bool {
        matches!(self.class(), StunClass::Request) && self.method() == BINDING
    }

    /// Joins an answer to its request.
    #[must_use]
    pub const fn transaction_id(&self) -> [u8; 12] {
        self.transaction_id
    }

    /// All attributes in order: type and value without padding.
    #[must_use]
    pub const fn attributes(&self) -> StunAttributes<'a> {
        StunAttributes { reader: Reader::new(self.attributes) }
    }

    /// The halves of USERNAME as written, left and right of its first colon.
    ///
    /// In a check that we receive the left one is our ufrag, the right one the sender's (RFC 8445 §7.2.2).
    #[must_use]
    pub fn username(&self) -> Option<(&'a [u8], &'a [u8])> {
        let value = self.find(USERNAME)?;
        let colon = value.iter().position(|&byte| byte == b':')?;
        let (left, rest) = value.split_at_checked(colon)?;
        Some((left, rest.get(1..)?))
    }

    /// Whether the sender nominates this pair. RFC 8445 §7.1.2.
    #[must_use]
    pub fn use_candidate(&self) -> bool {
        self.find(USE_CANDIDATE).is_some()
    }

    /// The priority that the sender's candidate would have if it were found by this check. RFC 8445 §7.1.1.
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        self.find(PRIORITY)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The first attribute of this type that integrity can vouch for.
    ///
    /// What follows MESSAGE-INTEGRITY is not covered by it and does not count (RFC 8489 §14.5); of two of a
    /// type the first counts (§14).
    fn find(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes()
            .take_while(|&(kind, _)| kind != MESSAGE_INTEGRITY && kind != MESSAGE_INTEGRITY_SHA256)
            .find_map(|(kind, value)| (kind == wanted).then_some(value))
    }
}

/// The attributes of a message: each its type and its value without padding.
#[derive(Clone, Debug)]
pub struct StunAttributes<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for StunAttributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        read_attribute(&mut self.reader)
    }
}

/// One attribute and the padding behind it. RFC 8489 §14.
fn read_attribute<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = reader.u16()?;
    let len = usize::from(reader.u16()?);
    let value = reader.bytes(len)?;
    reader.bytes(len.next_multiple_of(4) - len)?;
    Some((kind, value))
}
