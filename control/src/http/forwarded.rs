//! For whom a proxy speaks: `X-Forwarded-For`, or `Forwarded` (RFC 7239).
//!
//! Each proxy adds the address that it was called from at the right, and whatever stands left of that it has only heard. So the
//! list is read from the right, for as long as the one who wrote a piece is trusted; the first address that is not is the client.
//!
//! ```text
//!   X-Forwarded-For: 127.0.0.1, 198.51.100.7, 10.0.0.2        from 10.0.0.1
//!                    anybody's  the client    trusted            trusted
//! ```
//!
//! What cannot be read, which only a trusted proxy can have written there, stands for [`UNKNOWN`]: an address that nobody has, that
//! no list of addresses should hold, and that all who are unknown share.
//!
//! Limits: [`HOPS_MAX`] proxies one behind the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{Http, ProxyHeader};

const HOPS_MAX: usize = 16;

/// See the file's head.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, of a request that came from `peer`.
pub(super) fn origin(headers: &HeaderMap, peer: IpAddr, config: &Http) -> IpAddr {
    let is_trusted = |address: IpAddr| config.trusted_proxies.iter().any(|proxies| proxies.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let hops = match config.proxy_header {
        ProxyHeader::XForwardedFor => hops(headers, &X_FORWARDED_FOR, x_forwarded_for),
        ProxyHeader::Forwarded => hops(headers, &FORWARDED, forwarded),
    };
    let mut address = peer;
    for hop in hops {
        match hop {
            Some(hop) => address = hop.to_canonical(),
            None => return UNKNOWN,
        }
        if !is_trusted(address) {
            break;
        }
    }
    address
}

/// The last addresses of the list, from the right. None: one that cannot be read.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Vec<Option<IpAddr>>,
) -> Vec<Option<IpAddr>> {
    let text = |value: &HeaderValue| value.to_str().map_or_else(|_| vec![None], read);
    // Lines of one name are one list (RFC 9110 §5.3).
    let mut hops: Vec<_> = headers.get_all(name).iter().flat_map(text).collect();
    hops.reverse();
    hops.truncate(HOPS_MAX);
    hops
}

fn x_forwarded_for(list: &str) -> Vec<Option<IpAddr>> {
    list.split(',').map(|element| address(element.trim())).collect()
}

/// RFC 7239 §4. A quote that does not end would swallow what the proxy added, so then nothing of the line is known.
fn forwarded(list: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(list, ',') else { return vec![None] };
    elements.into_iter().map(element).collect()
}

fn element(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, ';')? {
        let (name, value) = pair.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("for") {
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            // Twice in one element is nobody's meaning.
            if found.replace(address(quoted.unwrap_or(value))?).is_some() {
                return None;
            }
        }
    }
    found
}

/// At each `separator` outside of quotes (RFC 9110 §5.6.4). None: a quote does not end.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(|c: char| {
        let ends = c == separator && !is_quoted;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        ends
    });
    let parts = parts.collect();
    (!is_quoted).then_some(parts)
}

/// With or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(proxy_header: ProxyHeader) -> Http {
        let range = |text: &str| text.to_owned().try_into().unwrap();
        Http {
            trusted_proxies: vec![range("10.0.0.0/8"), range("127.0.0.1"), range("fd00::/8")],
            proxy_header,
            ..Http::default()
        }
    }

    fn origin_of(lines: &[(&str, &str)], peer: &str, proxy_header: ProxyHeader) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let peer: IpAddr = peer.parse().unwrap();
        origin(&headers, peer.to_canonical(), &config(proxy_header)).to_string()
    }

    /// Refusals are counted by it, and the API opens by it: it must be the client's, however many proxies of ours there are.
    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_a_proxy_of_ours() {
        let x = "X-Forwarded-For";
        for (lines, peer, expected) in [
            (&[(x, "198.51.100.7")][..], "10.0.0.1", "198.51.100.7"),
            (&[(x, "198.51.100.7")], "::ffff:10.0.0.1", "198.51.100.7"),
            (&[(x, "198.51.100.7:4711 , 10.0.0.2")], "fd00::1", "198.51.100.7"),
            (&[(x, "198.51.100.7"), (x, "10.0.0.2")], "127.0.0.1", "198.51.100.7"),
            (&[(x, "2001:db8::1")], "127.0.0.1", "2001:db8::1"),
            (&[(x, "[2001:db8::1]:80")], "127.0.0.1", "2001:db8::1"),
            (&[(x, "::ffff:198.51.100.7")], "127.0.0.1", "198.51.100.7"),
            // A proxy asks for itself, as for health.
            (&[], "10.0.0.1", "10.0.0.1"),
            (&[(x, "10.0.0.3, 10.0.0.2")], "10.0.0.1", "10.0.0.3"),
        ] {
            assert_eq!(origin_of(lines, peer, ProxyHeader::XForwardedFor), expected, "{lines:?}");
        }
        for (value, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"198.51.100.7:4711\";proto=https;by=10.0.0.1", "198.51.100.7"),
            ("for=192.0.2.1, for=\"[2001:db8::17]:4711\";host=\"a,b;for=x\"", "2001:db8::17"),
            ("for=198.51.100.7,for=10.0.0.2", "198.51.100.7"),
        ] {
            let found = origin_of(&[("Forwarded", value)], "10.0.0.1", ProxyHeader::Forwarded);
            assert_eq!(found, expected, "{value}");
        }
    }

    /// Whoever writes these headers himself must not become another, least of all one whom the API lets in.
    #[test]
    fn a_client_cannot_choose_its_address() {
        let x = "X-Forwarded-For";
        let many = "10.0.0.9, ".repeat(1_000) + "198.51.100.7";
        for (lines, peer, expected) in [
            // From where nobody is trusted, nothing of it counts.
            (&[(x, "127.0.0.1")][..], "198.51.100.7", "198.51.100.7"),
            // The proxy added the client at the right.
            (&[(x, "127.0.0.1, 198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            (&[(x, "127.0.0.1"), (x, "198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            (&[(x, "10.0.0.2, 10.0.0.3, 198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            (&[(x, "\", 198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            (&[(x, &many)], "10.0.0.1", "198.51.100.7"),
            // The header that this proxy hands on as it came.
            (&[("Forwarded", "for=127.0.0.1"), (x, "198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            (&[("X-Real-IP", "127.0.0.1"), (x, "198.51.100.7")], "10.0.0.1", "198.51.100.7"),
            // What is no address where the proxy wrote one is nobody's.
            (&[(x, "unknown")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "198.51.100.7,")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "é")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "127.1")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "0x7f000001")], "10.0.0.1", "0.0.0.0"),
            (&[(x, "198.51.100.7, secret, 10.0.0.2")], "10.0.0.1", "0.0.0.0"),
        ] {
            assert_eq!(origin_of(lines, peer, ProxyHeader::XForwardedFor), expected, "{lines:?}");
        }
        for (value, expected) in [
            ("for=127.0.0.1, for=198.51.100.7", "198.51.100.7"),
            // A quote that the client opened must not swallow what the proxy added.
            ("for=\"127.0.0.1, for=198.51.100.7", "0.0.0.0"),
            ("for=\"127.0.0.1\\\", for=198.51.100.7", "0.0.0.0"),
            ("for=198.51.100.7;for=127.0.0.1", "0.0.0.0"),
            ("for=_hidden", "0.0.0.0"),
            ("for=unknown", "0.0.0.0"),
            ("proto=https", "0.0.0.0"),
            ("127.0.0.1", "0.0.0.0"),
            ("", "0.0.0.0"),
        ] {
            let found = origin_of(&[("Forwarded", value)], "10.0.0.1", ProxyHeader::Forwarded);
            assert_eq!(found, expected, "{value}");
        }
    }

    proptest! {
        /// Whatever stands left of what the proxy added.
        #[test]
        fn no_text_on_the_left_changes_the_client(left in "[ -~]{0,200}") {
            let value = format!("{left}, 198.51.100.7");
            let found = origin_of(&[("X-Forwarded-For", &value)], "10.0.0.1", ProxyHeader::XForwardedFor);
            prop_assert_eq!(found, "198.51.100.7");
            let value = format!("{left}, for=198.51.100.7");
            let found = origin_of(&[("Forwarded", &value)], "10.0.0.1", ProxyHeader::Forwarded);
            prop_assert!(found == "198.51.100.7" || found == "0.0.0.0", "{}", found);
        }
    }
}
