//! The addresses that clients are told to send to.

use std::net::{IpAddr, SocketAddr};

/// Candidates for one UDP port, best first: the configured public addresses, or else those of the interfaces that the port
/// listens on, the loopback ones last so that a browser on this machine always finds one.
pub(crate) fn candidates(bound: SocketAddr, public: &[IpAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    let addresses: Vec<IpAddr> = match (public, bound.ip()) {
        ([_, ..], _) => public.to_vec(),
        (_, ip) if !ip.is_unspecified() => vec![ip],
        (_, ip) => {
            let mut listened: Vec<IpAddr> =
                interfaces.iter().copied().filter(|address| ip.is_ipv6() || address.is_ipv4()).collect();
            listened.sort_by_key(|address| (address.is_loopback(), address.is_ipv6()));
            listened
        }
    };
    addresses.into_iter().map(|address| SocketAddr::new(address, bound.port())).collect()
}

/// Addresses of the interfaces that are up, but for link-local ones, which need a zone that SDP cannot carry.
pub(crate) fn interfaces() -> std::io::Result<Vec<IpAddr>> {
    let addresses = if_addrs::get_if_addrs()?;
    Ok(addresses.iter().filter(|interface| !interface.is_link_local()).map(if_addrs::Interface::ip).collect())
}

/// Of the candidates, the one of each family that the ICE agent takes for the address a datagram came to. The socket does
/// not tell which of several it was, and the agent only needs the same one each time.
pub(crate) fn one_of_each_family(candidates: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = |v4: bool| candidates.iter().copied().find(|candidate| candidate.is_ipv4() == v4);
    [first(true), first(false)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn told(bound: &str, public: &[&str]) -> Vec<String> {
        let interfaces = ips(&["127.0.0.1", "192.0.2.7", "::1", "2001:db8::7"]);
        let told = candidates(bound.parse().unwrap(), &ips(public), &interfaces);
        told.iter().map(ToString::to_string).collect()
    }

    /// Behind NAT the interfaces' addresses lead nowhere.
    #[test]
    fn configured_addresses_replace_those_of_the_interfaces() {
        assert_eq!(told("[::]:9000", &["203.0.113.1"]), ["203.0.113.1:9000"]);
    }

    /// The best candidate comes first, and loopback last, for browsers on this machine alone.
    #[test]
    fn interfaces_are_told_as_far_as_the_port_listens_on_them() {
        let all = ["192.0.2.7:9000", "[2001:db8::7]:9000", "127.0.0.1:9000", "[::1]:9000"];
        assert_eq!(told("[::]:9000", &[]), all);
        assert_eq!(told("0.0.0.0:9000", &[]), ["192.0.2.7:9000", "127.0.0.1:9000"]);
        assert_eq!(told("127.0.0.1:9000", &[]), ["127.0.0.1:9000"]);
    }
}
