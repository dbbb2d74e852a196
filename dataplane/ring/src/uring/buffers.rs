//! The provided-buffer ring: user space puts buffers in at the tail, the kernel takes one for each datagram at its head.
//!
//! `struct io_uring_buf_ring` of the kernel's interface: an array of 16-byte entries, of which the first lends its last two
//! bytes to the tail.

#![expect(unsafe_code, reason = "the ring is memory shared with the kernel")]

use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::error::RingError;
use crate::memory::Area;

/// The only buffer group of a ring.
pub(super) const GROUP: u16 = 0;

#[derive(Debug)]
pub(super) struct BufferRing {
    entries: Rc<Area>,
    buffers: Rc<Area>,
    tail: u16,
}

impl BufferRing {
    /// Registers an empty ring with an entry for each buffer. Their number is a power of two.
    pub(super) fn register(submitter: &Submitter<'_>, buffers: Rc<Area>) -> Result<Self, RingError> {
        assert!(buffers.pieces().is_power_of_two(), "the kernel masks the tail");
        let at = RingError::at("registering receive buffers");
        let entries = match Area::new(buffers.pieces(), size_of::<BufRingEntry>()) {
            Ok(entries) => entries,
            Err(error) => return Err(at(error)),
        };
        let address = entries.pointer(0) as u64;
        // SAFETY: the memory is page-aligned, has that many entries, and lives in `self` beyond the registration: the ring
        // unregisters the group before it drops this.
        let registered =
            unsafe { submitter.register_buf_ring_with_flags(address, buffers.pieces(), GROUP, 0) };
        registered.map_err(at)?;
        Ok(Self { entries, buffers, tail: 0 })
    }

    /// Puts buffers in, and publishes them at once.
    pub(super) fn give_back(&mut self, buffers: &[u16]) {
        let mask = self.entries.pieces() - 1;
        let bytes = u32::try_from(self.buffers.piece_bytes()).unwrap_or(u32::MAX);
        for buffer in buffers {
            let place = self.entries.pointer(self.tail & mask).cast::<BufRingEntry>();
            // SAFETY: the place is a whole, aligned, initialised entry; the kernel reads it only once the tail has passed
            // it, and there are never more buffers in the ring than entries.
            let entry = unsafe { &mut *place };
            entry.set_addr(self.buffers.pointer(*buffer) as u64);
            entry.set_len(bytes);
            entry.set_bid(*buffer);
            self.tail = self.tail.wrapping_add(1);
        }
        self.tail_word().store(self.tail, Ordering::Release);
    }

    fn tail_word(&self) -> &AtomicU16 {
        let first = self.entries.pointer(0).cast::<BufRingEntry>();
        // SAFETY: `first` is the first entry of the ring.
        let tail = unsafe { BufRingEntry::tail(first) };
        // SAFETY: the tail is two aligned bytes within the first entry, which only this side writes, here alone; the kernel
        // reads them as an atomic.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }
    }
}
