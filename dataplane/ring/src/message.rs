//! Send headers as the system calls want them: `msghdr` + `iovec` + one control message, `UDP_SEGMENT`, for each slot.
//!
//! The control message tells the kernel to cut the payload into datagrams of that many bytes (generic segmentation offload):
//! one crossing of the network stack for a whole train. `linux/udp.h`.

#![expect(unsafe_code, reason = "a msghdr has private padding on some C libraries and can only be zeroed")]

use std::mem;

use crate::address::RawAddress;
use crate::kernel::Outgoing;

/// Bytes of `struct cmsghdr` and a `u16`, without the padding at the end: what `CMSG_LEN` says.
const CONTROL_BYTES: usize = size_of::<libc::cmsghdr>() + size_of::<u16>();

/// The headers of all slots. They never move, so that a queued message can point to its own.
pub(crate) struct Messages {
    heads: Box<[libc::mmsghdr]>,
    parts: Box<[Parts]>,
}

/// What a head points to.
struct Parts {
    address: RawAddress,
    payload: libc::iovec,
    control: SegmentControl,
}

/// A whole control message. The alignment is the one `cmsghdr`s want, the size what `CMSG_SPACE` says.
#[repr(C)]
struct SegmentControl {
    header: libc::cmsghdr,
    segment_bytes: u16,
}

// SAFETY: CMSG_LEN and CMSG_SPACE compute with the number alone.
const _: () = assert!(unsafe { libc::CMSG_LEN(2) } as usize == CONTROL_BYTES);
// SAFETY: as above.
const _: () = assert!(unsafe { libc::CMSG_SPACE(2) } as usize == size_of::<SegmentControl>());

impl Messages {
    pub(crate) fn new(slots: u16) -> Self {
        Self {
            heads: (0..slots).map(|_| zeroed_head()).collect(),
            parts: (0..slots).map(|_| Parts::empty()).collect(),
        }
    }

    /// Fills the head of the message's slot, whose bytes begin at `payload`.
    pub(crate) fn fill(&mut self, message: &Outgoing, payload: *mut u8) {
        let slot = usize::from(message.ticket.slot);
        let parts = &mut self.parts[slot];
        parts.address = message.to;
        parts.payload = libc::iovec { iov_base: payload.cast(), iov_len: message.len };
        parts.control.segment_bytes = message.segment;
        let head = &mut self.heads[slot].msg_hdr;
        head.msg_name = parts.address.as_ptr().cast_mut().cast();
        head.msg_namelen = parts.address.len();
        head.msg_iov = &raw mut parts.payload;
        head.msg_iovlen = 1;
        if message.is_train() {
            head.msg_control = (&raw mut parts.control).cast();
            // `as _`: the field is `size_t` in one C library and `socklen_t` in another.
            head.msg_controllen = size_of::<SegmentControl>() as _;
        } else {
            head.msg_control = std::ptr::null_mut();
            head.msg_controllen = 0;
        }
    }

    /// The filled head of a slot.
    pub(crate) fn head(&self, slot: u16) -> &libc::msghdr {
        &self.heads[usize::from(slot)].msg_hdr
    }

    /// The filled address of a slot.
    pub(crate) fn address(&self, slot: u16) -> &RawAddress {
        &self.parts[usize::from(slot)].address
    }

    /// The filled heads of slots side by side.
    pub(crate) fn heads(&mut self, slots: std::ops::Range<u16>) -> &mut [libc::mmsghdr] {
        &mut self.heads[usize::from(slots.start)..usize::from(slots.end)]
    }
}

impl Parts {
    fn empty() -> Self {
        // SAFETY: a cmsghdr is integers only; all zero is a value of it.
        let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
        // `as _`: see `fill`.
        header.cmsg_len = CONTROL_BYTES as _;
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        Self {
            address: RawAddress::UNSPECIFIED,
            payload: libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 },
            control: SegmentControl { header, segment_bytes: 0 },
        }
    }
}

/// A head with no address, no buffers and no control.
pub(crate) fn zeroed_head() -> libc::mmsghdr {
    // SAFETY: an mmsghdr is integers and raw pointers; zero and null are values of them.
    unsafe { mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::{CONTROL_BYTES, Messages};
    use crate::address::{RawAddress, Reach};
    use crate::kernel::{Outgoing, Ticket};

    /// A control message left over from the slot's last train would cut a single datagram, or let the kernel refuse it.
    #[test]
    fn a_single_datagram_carries_no_control_message() {
        let to = RawAddress::encode("127.0.0.1:9".parse().unwrap(), Reach::V4).unwrap();
        let ticket = Ticket { slot: 1, generation: 0 };
        let mut messages = Messages::new(2);
        let mut slot = [0u8; 64];

        messages.fill(&Outgoing { to, len: 60, segment: 20, ticket }, slot.as_mut_ptr());
        assert_eq!(messages.head(1).msg_controllen, CONTROL_BYTES.next_multiple_of(8));
        assert!(!messages.head(1).msg_control.is_null());

        messages.fill(&Outgoing { to, len: 20, segment: 20, ticket }, slot.as_mut_ptr());
        assert_eq!(messages.head(1).msg_controllen, 0);
        assert!(messages.head(1).msg_control.is_null());
        assert!(messages.head(0).msg_iov.is_null(), "the neighbour is untouched");
    }
}
