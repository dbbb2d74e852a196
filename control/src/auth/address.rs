//! Addresses as one household has them: IPv4 singly, IPv6 by /64, which is the least that a subscriber gets (RFC 6177).

use std::net::IpAddr;

/// See the file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Block(u128);

/// IPv4-mapped addresses end in this and the address (RFC 4291 §2.5.5.2).
const MAPPED: u128 = 0xffff_0000_0000;

impl Block {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => MAPPED | u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address) >> 64 << 64,
        })
    }
}
