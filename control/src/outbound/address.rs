//! Which addresses a request of ours may go to: the special-purpose registries of IANA (RFC 6890 and its updates), turned round.
//! Of IPv6 only global unicast is public, without what carries an IPv4 address or a document in it.
//!
//! Stands alone, so that a fuzz target can hold it to a second reading.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Public,
    /// This machine or this network: for endpoints with `allow_private` only.
    Private,
    /// For nobody: no server that we are meant to ask is there, but the metadata of clouds are, or another address in disguise.
    Never,
}

pub(crate) const fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

const fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // Metadata of clouds inside a private range: Alibaba's.
        [100, 100, 100, 200] => Reach::Never,
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        // This network (0.0.0.0 is this machine), link-local (metadata), protocols, documentation, benchmarks, relays of 6to4,
        // multicast, reserved, broadcast.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [198, 18 | 19, ..]
        | [192, 88, 99, _] => Reach::Never,
        _ => Reach::Public,
    }
}

const fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        // Metadata of clouds among the unique-local ones: Amazon's, Google's.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Reach::Never,
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Reach::Private,
        // Protocols with Teredo, ORCHID and benchmarks; documentation; 6to4; 6bone's.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002 | 0x3ffe, ..] | [0x3fff, 0..=0xfff, ..] => {
            Reach::Never
        }
        [0x2000..=0x3fff, ..] => Reach::Public,
        // Unspecified, mapped, compatible, NAT64, link-local, site-local, multicast, and what is not given out.
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reach {
        reach(text.parse().unwrap())
    }

    /// A server that can be made to ask these asks its own network, or a cloud for its keys, on an attacker's behalf.
    #[test]
    fn what_is_not_public_is_told_range_by_range_from_its_first_address_to_its_last() {
        for range in [
            "0.0.0.0 0.255.255.255",
            "169.254.0.0 169.254.255.255",
            "169.254.169.254 169.254.170.2",
            "100.100.100.200 100.100.100.200",
            "192.0.0.0 192.0.0.255",
            "192.0.2.0 192.0.2.255",
            "198.51.100.0 198.51.100.255",
            "203.0.113.0 203.0.113.255",
            "198.18.0.0 198.19.255.255",
            "192.88.99.0 192.88.99.255",
            "224.0.0.0 239.255.255.255",
            "240.0.0.0 255.255.255.255",
            ":: ::",
            "::2 ::ffff",
            "::7f00:1 ::a00:1",
            "::ffff:0.0.0.0 ::ffff:255.255.255.255",
            "::ffff:127.0.0.1 ::ffff:8.8.8.8",
            "::ffff:0:0:0 ::ffff:0:ffff:ffff",
            "64:ff9b:: 64:ff9b::ffff:ffff",
            "64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "100:: 100::ffff:ffff:ffff:ffff",
            "2001:: 2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:2:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2002:: 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2002:7f00:1:: 2002:a9fe:a9fe::",
            "3ffe:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            "4000:: fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fd00:ec2::254 fd20:ce::254",
            "fe00:: fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80:: febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "ff00:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let ends = range.split(' ').map(of);
            assert!(ends.eq([Reach::Never, Reach::Never]), "{range}");
        }
        for range in [
            "10.0.0.0 10.255.255.255",
            "127.0.0.0 127.255.255.255",
            "172.16.0.0 172.31.255.255",
            "192.168.0.0 192.168.255.255",
            "100.64.0.0 100.127.255.255",
            "::1 ::1",
            "fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            let ends = range.split(' ').map(of);
            assert!(ends.eq([Reach::Private, Reach::Private]), "{range}");
        }
    }

    /// One address beside each range is somebody's server.
    #[test]
    fn the_neighbours_of_the_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:db7::1",
            "2001:db9::",
            "2003::",
            "2606:4700::1",
            "3ffd::1",
            "3fff:1000::",
        ] {
            assert_eq!(of(address), Reach::Public, "{address}");
        }
    }
}
