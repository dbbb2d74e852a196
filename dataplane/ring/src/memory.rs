//! Memory that user space and the kernel both write: page-aligned, cut into equal pieces, never moved.
//!
//! At any moment each piece belongs to one side. The accounting that says to which (buffers given back, slots queued) is in
//! `inbox` and `outbox`; this file only makes sure that a piece is where it is and lives as long as any side knows it.

#![expect(unsafe_code, reason = "memory shared with the kernel is reached through pointers")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::rc::Rc;
use std::{io, slice};

/// A page on every architecture that io_uring supports is at most this; the buffer ring must start on one.
const ALIGNMENT: usize = 64 * 1024;

/// `pieces` × `piece_bytes` bytes. Shared by `Rc`, so that it outlives both the queue and the kernel's registration.
#[derive(Debug)]
pub(crate) struct Area {
    base: NonNull<u8>,
    layout: Layout,
    pieces: u16,
    piece_bytes: usize,
}

impl Area {
    /// Zeroed memory, or `OutOfMemory`.
    pub(crate) fn new(pieces: u16, piece_bytes: usize) -> io::Result<Rc<Self>> {
        assert!(pieces > 0 && piece_bytes > 0, "an area has at least one byte");
        let layout = Layout::from_size_align(usize::from(pieces) * piece_bytes, ALIGNMENT)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: the layout has a size above zero, as asserted.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Rc::new(Self { base, layout, pieces, piece_bytes }))
    }

    /// How many pieces there are.
    pub(crate) fn pieces(&self) -> u16 {
        self.pieces
    }

    /// Bytes of one piece.
    pub(crate) fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    /// Where a piece begins.
    pub(crate) fn pointer(&self, piece: u16) -> *mut u8 {
        assert!(piece < self.pieces, "piece {piece} of {}", self.pieces);
        // SAFETY: the piece is within the allocation, as asserted.
        unsafe { self.base.as_ptr().add(usize::from(piece) * self.piece_bytes) }
    }

    /// The bytes of a piece.
    ///
    /// # Safety
    /// While the slice lives the piece belongs to the caller: neither the kernel nor another slice touches it.
    #[expect(clippy::mut_from_ref, reason = "the pieces are disjoint and the caller owns this one")]
    pub(crate) unsafe fn piece(&self, piece: u16) -> &mut [u8] {
        // SAFETY: the pointer is valid for `piece_bytes` initialised bytes; that nobody else uses them is the caller's promise.
        unsafe { slice::from_raw_parts_mut(self.pointer(piece), self.piece_bytes) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc_zeroed` with this same layout and is freed once.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}
