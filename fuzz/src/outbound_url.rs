use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;
use url::Host;

#[path = "../../control/src/outbound/address.rs"]
mod address;
#[allow(dead_code, reason = "what is shown and sent is the server's matter")]
#[path = "../../control/src/outbound/target.rs"]
mod target;

use address::{Reach, reach};
use target::Target;

/// Where requests of ours may go (RFC 6890 and IANA's registries of special-purpose addresses).
///
/// What is allowed is public, or private where that is meant, by a second reading of the registries; it is http or https, without
/// user name, password or port 0. The client's own parser finds the same host in it, and no address where the check saw a name,
/// for an address is connected to without being resolved. What is shown of it has no query.
pub fn outbound_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for allow_private in [false, true] {
        if let Ok(target) = Target::parse(&text, allow_private) {
            check(&target, allow_private);
        }
    }
    if let Some(octets) = data.first_chunk::<16>() {
        check_address(Ipv6Addr::from(*octets).into());
    }
    if let Some(octets) = data.first_chunk::<4>() {
        check_address(Ipv4Addr::from(*octets).into());
    }
}

fn check(target: &Target, allow_private: bool) {
    let url = target.url();
    assert!(matches!(url.scheme(), "http" | "https"));
    assert!(url.username().is_empty() && url.password().is_none() && url.port() != Some(0));
    assert!(!target.to_string().contains(['?', '#']), "{target}");
    let found = match url.host().expect("such a URL has one") {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    };
    if let Some(address) = found {
        let is_allowed = is_public(address) || allow_private && is_private(address);
        assert!(is_allowed, "{address} of {target}");
    }
    // What the client cannot read it does not ask.
    let Ok(uri) = url.as_str().parse::<Uri>() else { return };
    let host = uri.host().expect("such a URI has one");
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    assert_eq!(bare.parse::<IpAddr>().ok(), found, "{target}");
    assert_eq!(Some(host), url.host_str(), "{target}");
    assert_eq!(uri.port_u16(), url.port(), "{target}");
}

fn check_address(address: IpAddr) {
    let expected = if is_public(address) {
        Reach::Public
    } else if is_private(address) {
        Reach::Private
    } else {
        Reach::Never
    };
    assert_eq!(reach(address), expected, "{address}");
}

/// Ranges of private networks, and of this machine.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"];

/// Single addresses among them at which clouds keep their secrets.
const METADATA: [&str; 3] = ["100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128"];

/// Other ranges that are not for everybody, out of all of IPv4 and of global unicast.
const SPECIAL: [&str; 15] = [
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3ffe::/16",
    "3fff::/20",
];

fn is_private(address: IpAddr) -> bool {
    is_in(address, &PRIVATE) && !is_in(address, &METADATA)
}

fn is_public(address: IpAddr) -> bool {
    let is_unicast = address.is_ipv4() || is_in(address, &["2000::/3"]);
    is_unicast && !is_in(address, &PRIVATE) && !is_in(address, &SPECIAL)
}

fn is_in(address: IpAddr, ranges: &[&str]) -> bool {
    ranges.iter().any(|range| {
        let (first, prefix) = range.split_once('/').expect("a range");
        let (first, prefix): (IpAddr, usize) =
            (first.parse().expect("an address"), prefix.parse().expect("a number"));
        let (first, address) = (bits(first), bits(address));
        first.len() == address.len() && first[..prefix] == address[..prefix]
    })
}

fn bits(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
}
