//! `recvmmsg` into the port's buffers, in the layout that a multishot receive would have written (`datagram.rs`).

#![expect(unsafe_code, reason = "recvmmsg is not in std, and it writes through pointers")]

use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use crate::address::ADDRESS_LENGTH;
use crate::datagram::{ADDRESS_AT, PREFIX_BYTES, write_header};
use crate::kernel::Arrival;
use crate::memory::Area;
use crate::message::zeroed_head;

/// Datagrams a call. Measured: 8, 32 and 64 cost the same within 6 %.
const BATCH: u16 = 64;

pub(super) struct Receive {
    socket: RawFd,
    buffers: Rc<Area>,
    /// Buffers without a datagram; the last returned is used first, for its lines are still in the cache.
    free: Vec<u16>,
    heads: Box<[libc::mmsghdr]>,
    payloads: Box<[libc::iovec]>,
}

impl Receive {
    pub(super) fn new(socket: RawFd, buffers: Rc<Area>) -> Self {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Self {
            socket,
            free: (0..buffers.pieces()).rev().collect(),
            buffers,
            heads: (0..BATCH).map(|_| zeroed_head()).collect(),
            payloads: vec![empty; BATCH.into()].into(),
        }
    }

    pub(super) fn give_back(&mut self, buffers: &[u16]) {
        self.free.extend(buffers.iter().rev());
    }

    /// Takes what has arrived, up to a batch: whether there may be more, and the error if there was one.
    pub(super) fn fetch(&mut self, arrivals: &mut Vec<Arrival>) -> (bool, Option<i32>) {
        let room = u16::try_from(self.free.len()).unwrap_or(BATCH).min(BATCH);
        if room == 0 {
            return (false, None);
        }
        self.aim(room.into());
        // SAFETY: `room` heads, each pointing to an address field and a payload field of one free buffer (`aim`).
        let received = unsafe {
            libc::recvmmsg(
                self.socket,
                self.heads.as_mut_ptr(),
                room.into(),
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            return match io::Error::last_os_error().raw_os_error() {
                Some(libc::EAGAIN) | None => (false, None),
                errno => (false, errno),
            };
        };
        self.collect(received, arrivals);
        (received == usize::from(room) && !self.free.is_empty(), None)
    }

    /// Points the first `room` heads at the buffers on top of the free ones.
    fn aim(&mut self, room: usize) {
        let payload_bytes = self.buffers.piece_bytes() - PREFIX_BYTES;
        for (index, buffer) in self.free.iter().rev().take(room).enumerate() {
            let buffer = self.buffers.pointer(*buffer);
            let payload = &mut self.payloads[index];
            payload.iov_base = buffer.wrapping_add(PREFIX_BYTES).cast();
            payload.iov_len = payload_bytes;
            let head = &mut self.heads[index].msg_hdr;
            head.msg_name = buffer.wrapping_add(ADDRESS_AT).cast();
            head.msg_namelen = ADDRESS_LENGTH;
            head.msg_iov = &raw mut *payload;
            head.msg_iovlen = 1;
            head.msg_flags = 0;
        }
    }

    /// Takes the filled buffers off the free ones and completes their headers.
    fn collect(&mut self, received: usize, arrivals: &mut Vec<Arrival>) {
        for head in &self.heads[..received] {
            let Some(buffer) = self.free.pop() else { return };
            let (payload_bytes, head) = (head.msg_len, &head.msg_hdr);
            // SAFETY: the buffer was free, the call that filled it is over, and no arrival names it yet.
            let bytes = unsafe { self.buffers.piece(buffer) };
            write_header(bytes, head.msg_namelen, payload_bytes, head.msg_flags.cast_unsigned());
            arrivals.push(Arrival { buffer, received: PREFIX_BYTES + payload_bytes as usize });
        }
    }
}
