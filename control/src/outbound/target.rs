//! Where a request of ours goes: a URL of http or https (RFC 3986, as the WHATWG reads it), checked once when it is configured.
//!
//! The spellings of an IP address that only some programs know (decimal, octal, hexadecimal, short, full-width) are written out
//! by the parser of URLs, and are checked as the addresses that they are. A name is checked when it is resolved, see `guard`.
//!
//! Stands alone beside `address`, so that a fuzz target can hold it to a second reading.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::address::{Reach, reach};

const URL_BYTES_MAX: usize = 2048;

/// Why nothing is asked there. No text shows the URL: what is wrong with it may be a secret in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetFault {
    #[error("it is no URL; write https://host/path")]
    NotUrl,
    #[error("it is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
    #[error("it holds a space, a control character or a backslash, which programs read differently")]
    Ambiguous,
    #[error("it is neither http:// nor https://")]
    Scheme,
    #[error("it holds a user name or a password; take them out")]
    Credentials,
    #[error("port 0 is none")]
    Port,
    #[error("its address is one of a private network; set allow_private = true if it is meant")]
    Private,
    #[error("its address is one that no server to ask can have (link-local, multicast, reserved, …)")]
    Never,
}

/// A URL that may be asked, as far as it can be told without resolving its name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    url: Url,
}

impl Target {
    /// # Errors
    /// Why it may not be asked.
    pub(crate) fn parse(text: &str, allow_private: bool) -> Result<Self, TargetFault> {
        if text.len() > URL_BYTES_MAX {
            return Err(TargetFault::TooLong);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(TargetFault::Ambiguous);
        }
        let mut url = Url::parse(text).map_err(|_| TargetFault::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetFault::Credentials);
        }
        if url.port() == Some(0) {
            return Err(TargetFault::Port);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(TargetFault::NotUrl),
        };
        match address.map(reach) {
            Some(Reach::Never) => return Err(TargetFault::Never),
            Some(Reach::Private) if !allow_private => return Err(TargetFault::Private),
            _ => {}
        }
        // It is never sent.
        url.set_fragment(None);
        Ok(Self { url })
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

/// Without the query, which often holds a key.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        shown.set_query(None);
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<TargetFault> {
        Target::parse(text, false).err()
    }

    /// Each of these has led a server to its own network, past a check that read the address differently.
    #[test]
    fn spellings_of_private_addresses_are_seen_through() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "10.0.0.1",
            "0xa000001",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[fd00::1]",
        ] {
            assert_eq!(fault(&format!("http://{host}/x")), Some(TargetFault::Private), "{host}");
            assert!(Target::parse(&format!("http://{host}:8080/x"), true).is_ok(), "{host}");
        }
        for host in [
            "0",
            "0.0.0.0",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[fd00:ec2::254]",
            "255.255.255.255",
            "224.0.0.1",
            "198.51.100.7",
        ] {
            for allow_private in [false, true] {
                let fault = Target::parse(&format!("https://{host}/"), allow_private).err();
                assert_eq!(fault, Some(TargetFault::Never), "{host}");
            }
        }
    }

    /// What is no address of a web server, or is read differently by different programs, is refused whatever it means.
    #[test]
    fn urls_that_are_none_or_mean_two_things_are_refused() {
        for (text, expected) in [
            ("", TargetFault::NotUrl),
            ("auth.example.com/x", TargetFault::NotUrl),
            ("//auth.example.com", TargetFault::NotUrl),
            ("http://", TargetFault::NotUrl),
            ("http://[fe80::1%25eth0]/", TargetFault::NotUrl),
            ("http://[fe80::1%eth0]/", TargetFault::NotUrl),
            ("http://1.2.3.4.5/", TargetFault::NotUrl),
            ("http://256.1.1.1/", TargetFault::NotUrl),
            ("http://0x100000000/", TargetFault::NotUrl),
            ("http://a:65536/", TargetFault::NotUrl),
            ("http://a:-1/", TargetFault::NotUrl),
            ("file:///etc/passwd", TargetFault::Scheme),
            ("ftp://example.com/", TargetFault::Scheme),
            ("gopher://example.com/", TargetFault::Scheme),
            ("unix:/run/x.sock", TargetFault::Scheme),
            ("data:application/json,{}", TargetFault::Scheme),
            ("http://user@example.com/", TargetFault::Credentials),
            ("http://user:pass@example.com/", TargetFault::Credentials),
            ("http://:pass@example.com/", TargetFault::Credentials),
            ("http://example.com@127.0.0.1/", TargetFault::Credentials),
            ("http://example.com:0/", TargetFault::Port),
            ("http://example.com\\@127.0.0.1/", TargetFault::Ambiguous),
            ("http://exam\tple.com/", TargetFault::Ambiguous),
            ("http://example.com/\r\nHost: x", TargetFault::Ambiguous),
            (" http://example.com/", TargetFault::Ambiguous),
        ] {
            assert_eq!(fault(text), Some(expected), "{text}");
        }
        assert_eq!(
            fault(&format!("http://example.com/{}", "x".repeat(URL_BYTES_MAX))),
            Some(TargetFault::TooLong)
        );
    }

    /// Logs are read by more people than configurations are.
    #[test]
    fn a_target_is_shown_without_its_query() {
        let target = Target::parse("https://Auth.Example.com:8443/a/b?key=s3cret#s3cret", false).unwrap();
        assert_eq!(target.to_string(), "https://auth.example.com:8443/a/b");
        assert!(!format!("{target:?}").contains("s3cret"));
        assert_eq!(target.url().as_str(), "https://auth.example.com:8443/a/b?key=s3cret");
        assert!(target.is_https());
        assert_eq!(fault("http://8.8.8.8:65535/"), None);
        assert_eq!(fault("http://[2606:4700::1]/"), None);
    }
}
