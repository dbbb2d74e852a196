//! The last packets of one track, in plaintext, once for all its viewers on a shard.
//!
//! It answers NACKs (each viewer's retransmission is sealed anew from here), keeps a packet from being forwarded twice, and
//! holds what late joiners and layer switches will need. A ring of fixed slots, addressed by extended sequence number:
//! no allocation after the first packet.

use std::time::Instant;

use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::lane::LanePacket;
use crate::limits::PACKET_BYTES_MAX;
use crate::spec::TrackId;
use crate::svc::PacketLayer;

/// What is known of a stored packet besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketFacts {
    pub timestamp: Timestamp,
    pub marker: bool,
    /// A decoder can begin here.
    pub key_frame_start: bool,
    /// Bytes of forwarded header extensions, as elements of kind, length, data.
    pub extension_len: u8,
    pub payload_len: u16,
    /// Bytes of the payload before its primary block, where it is redundant audio (RFC 2198); else 0.
    pub redundant_len: u16,
    /// Where the stream has layers within it.
    pub layer: Option<PacketLayer>,
}

impl Stored<'_> {
    /// By value, for another shard.
    pub(crate) fn for_lane(&self, track: TrackId, sequence: ExtendedSequence, now: Instant) -> LanePacket {
        let mut bytes = [0; PACKET_BYTES_MAX];
        // What was kept is no longer than that.
        for (place, byte) in bytes.iter_mut().zip(self.extensions.iter().chain(self.payload)) {
            *place = *byte;
        }
        LanePacket { track, sequence, facts: *self.facts, sent: now, after_gap: false, bytes }
    }
}

impl Stored<'_> {
    /// The payload without redundant audio.
    pub(crate) fn primary(&self) -> &[u8] {
        self.payload.get(usize::from(self.facts.redundant_len)..).unwrap_or_default()
    }
}

impl PacketFacts {
    pub(crate) fn is_redundant(&self) -> bool {
        self.redundant_len > 0
    }

    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.extension_len) + usize::from(self.payload_len)
    }
}

// Every packet of every stream has one.
const _: () = assert!(size_of::<PacketFacts>() <= 16);

/// A packet in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) facts: &'a PacketFacts,
    pub(crate) extensions: &'a [u8],
    pub(crate) payload: &'a [u8],
    /// The payload, and the RTP padding behind it if there is some.
    pub(crate) padded: &'a [u8],
}

/// Why a packet was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotKept {
    AlreadyThere,
    TooOld,
    TooLong,
}

struct Slot {
    /// None: never used.
    sequence: Option<ExtendedSequence>,
    facts: PacketFacts,
    /// Bytes of RTP padding behind the payload.
    padding_len: u8,
}

/// See the file's head.
pub(crate) struct Store {
    slots: Box<[Slot]>,
    bytes: Box<[u8]>,
    highest: Option<ExtendedSequence>,
}

impl Store {
    /// Room for `packets`, a power of two. The kernel gives the memory page by page, as packets come.
    pub(crate) fn new(packets: usize) -> Self {
        debug_assert!(packets.is_power_of_two());
        let facts = PacketFacts {
            timestamp: Timestamp(0),
            marker: false,
            key_frame_start: false,
            extension_len: 0,
            payload_len: 0,
            redundant_len: 0,
            layer: None,
        };
        Self {
            slots: (0..packets).map(|_| Slot { sequence: None, facts, padding_len: 0 }).collect(),
            bytes: vec![0; packets * PACKET_BYTES_MAX].into_boxed_slice(),
            highest: None,
        }
    }

    /// Keeps a packet whose `extensions` and `payload` have the lengths of `facts`.
    pub(crate) fn keep(
        &mut self,
        sequence: ExtendedSequence,
        facts: PacketFacts,
        extensions: &[u8],
        payload: &[u8],
    ) -> Result<(), NotKept> {
        debug_assert_eq!(facts.bytes(), extensions.len() + payload.len());
        let place = self.place(sequence);
        let capacity = self.slots.len() as u64;
        if self.highest.is_some_and(|highest| sequence.0 + capacity <= highest.0) {
            return Err(NotKept::TooOld);
        }
        let slot = self.slots.get_mut(place).ok_or(NotKept::TooOld)?;
        if slot.sequence == Some(sequence) {
            return Err(NotKept::AlreadyThere);
        }
        if facts.bytes() > PACKET_BYTES_MAX {
            return Err(NotKept::TooLong);
        }
        let start = place * PACKET_BYTES_MAX;
        let bytes = self.bytes.get_mut(start..start + facts.bytes()).ok_or(NotKept::TooLong)?;
        let (front, back) = bytes.split_at_mut(extensions.len());
        front.copy_from_slice(extensions);
        back.copy_from_slice(payload);
        *slot = Slot { sequence: Some(sequence), facts, padding_len: 0 };
        self.highest = self.highest.max(Some(sequence));
        Ok(())
    }

    /// The packet of that sequence, if it is still there.
    pub(crate) fn find(&self, sequence: ExtendedSequence) -> Option<Stored<'_>> {
        let place = self.place(sequence);
        let slot = self.slots.get(place)?;
        if slot.sequence != Some(sequence) {
            return None;
        }
        let start = place * PACKET_BYTES_MAX;
        let bytes = self.bytes.get(start..start + slot.facts.bytes() + usize::from(slot.padding_len))?;
        let (extensions, padded) = bytes.split_at_checked(usize::from(slot.facts.extension_len))?;
        let payload = padded.get(..usize::from(slot.facts.payload_len))?;
        Some(Stored { facts: &slot.facts, extensions, payload, padded })
    }

    /// Puts padding behind a packet's payload: its last byte counts it (RFC 3550 §5.1). A packet that has no room for it stays
    /// as it is.
    pub(crate) fn pad(&mut self, sequence: ExtendedSequence, padding_len: u8) {
        let place = self.place(sequence);
        let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.sequence == Some(sequence)) else {
            return;
        };
        let end = slot.facts.bytes() + usize::from(padding_len);
        if end > PACKET_BYTES_MAX {
            return;
        }
        let start = place * PACKET_BYTES_MAX;
        let padding = self.bytes.get_mut(start + slot.facts.bytes()..start + end);
        if let Some([zeros @ .., count]) = padding {
            zeros.fill(0);
            *count = padding_len;
            slot.padding_len = padding_len;
        }
    }

    /// How many packets it can hold.
    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    fn place(&self, sequence: ExtendedSequence) -> usize {
        // Masked below the number of slots, which is a usize.
        usize::try_from(sequence.0 & (self.slots.len() as u64 - 1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(payload: &[u8], extensions: &[u8]) -> PacketFacts {
        PacketFacts {
            timestamp: Timestamp(9),
            marker: true,
            key_frame_start: false,
            extension_len: u8::try_from(extensions.len()).unwrap(),
            payload_len: u16::try_from(payload.len()).unwrap(),
            redundant_len: 0,
            layer: None,
        }
    }

    fn keep(store: &mut Store, sequence: u64, payload: &[u8]) -> Result<(), NotKept> {
        store.keep(ExtendedSequence(sequence), facts(payload, b"ext"), b"ext", payload)
    }

    /// A retransmission must carry exactly the bytes of the first transmission.
    #[test]
    fn a_kept_packet_is_found_whole() {
        let mut store = Store::new(8);
        keep(&mut store, 70_000, b"payload").unwrap();
        let found = store.find(ExtendedSequence(70_000)).unwrap();
        assert_eq!((found.extensions, found.payload), (&b"ext"[..], &b"payload"[..]));
        assert!(found.facts.marker);
    }

    /// Forwarding a packet twice would use a nonce twice.
    #[test]
    fn a_packet_is_kept_once() {
        let mut store = Store::new(8);
        keep(&mut store, 5, b"a").unwrap();
        assert_eq!(keep(&mut store, 5, b"a"), Err(NotKept::AlreadyThere));
    }

    /// A packet that fell out of the window may have been forwarded: it must not come in again.
    #[test]
    fn what_left_the_window_stays_out() {
        let mut store = Store::new(8);
        for sequence in 100..109 {
            keep(&mut store, sequence, b"x").unwrap();
        }
        assert!(store.find(ExtendedSequence(100)).is_none(), "pushed out by 108");
        assert_eq!(keep(&mut store, 100, b"x"), Err(NotKept::TooOld));
        assert!(store.find(ExtendedSequence(101)).is_some());
    }

    /// A gap leaves old packets in the slots of the missing ones; they must not answer for them.
    #[test]
    fn a_missing_packet_is_not_found_in_its_predecessors_slot() {
        let mut store = Store::new(8);
        keep(&mut store, 1, b"old").unwrap();
        keep(&mut store, 16, b"new").unwrap();
        assert!(store.find(ExtendedSequence(9)).is_none());
        assert!(keep(&mut store, 9, b"late").is_ok(), "still inside the window");
        assert!(store.find(ExtendedSequence(9)).is_some());
    }

    /// Padding is for the road alone: whoever looks at the payload must not see it, nor the slot's next packet have it.
    #[test]
    fn padding_stands_behind_the_payload_and_goes_with_its_packet() {
        let mut store = Store::new(8);
        keep(&mut store, 1, b"payload").unwrap();
        store.pad(ExtendedSequence(1), 3);
        store.pad(ExtendedSequence(2), 3);
        let found = store.find(ExtendedSequence(1)).unwrap();
        assert_eq!((found.payload, found.padded), (&b"payload"[..], &b"payload\0\0\x03"[..]));
        keep(&mut store, 9, b"next").unwrap();
        assert_eq!(store.find(ExtendedSequence(9)).unwrap().padded, b"next");
        let full = vec![0; PACKET_BYTES_MAX];
        store.keep(ExtendedSequence(10), facts(&full, b""), b"", &full).unwrap();
        store.pad(ExtendedSequence(10), 1);
        assert_eq!(store.find(ExtendedSequence(10)).unwrap().padded.len(), PACKET_BYTES_MAX, "no room");
    }

    #[test]
    fn a_packet_that_exceeds_a_slot_is_refused() {
        let mut store = Store::new(8);
        let long = vec![0; PACKET_BYTES_MAX + 1];
        assert_eq!(store.keep(ExtendedSequence(7), facts(&long, b""), b"", &long), Err(NotKept::TooLong));
        assert!(store.find(ExtendedSequence(7)).is_none());
        let full = vec![0; PACKET_BYTES_MAX];
        assert!(store.keep(ExtendedSequence(7), facts(&full, b""), b"", &full).is_ok());
    }
}
