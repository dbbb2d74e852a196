//! The administration API: who may use it, from where, and on which address.
//!
//! Off until a token is set. What would leave it open (an empty token, a short one, nobody's address, two tokens of one name)
//! is refused, so that the server does not start.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The API and its own listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Address of the API's listener.
    pub bind: IpAddr,
    /// TCP port; 0 = any free one.
    pub port: u16,
    /// The API on the public listener as well.
    pub on_public: bool,
    /// Whether the latest lines of the log can be read by it.
    pub log_access: bool,
    /// Who may use it; empty = the API is off.
    pub tokens: Vec<ApiToken>,
    /// Addresses that may use it.
    pub allow: Vec<AddressRange>,
}

impl Default for Api {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].into_iter();
        Self {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 8081,
            on_public: false,
            log_access: false,
            tokens: Vec::new(),
            allow: loopback.filter_map(|range| range.to_owned().try_into().ok()).collect(),
        }
    }
}

/// One access token of the API, by what the server keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// For the log: the token itself is never written.
    pub name: String,
    /// SHA-256 of the token, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Or a file that holds the token itself, and nothing else.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub token_file: PathBuf,
    pub scopes: Vec<Scope>,
}

/// What a token of the API may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// See what is.
    Read,
    /// End, mute and limit sessions, drain the server.
    Control,
    /// Change the log's level, reload apps, revoke.
    Admin,
}

impl Scope {
    /// As in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
            Self::Admin => "admin",
        }
    }
}

/// An address, or a range of them: `192.0.2.1`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// An IPv4 address may come dressed as IPv6 (RFC 4291 §2.5.5.2).
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl TryFrom<String> for AddressRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let range = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        range
            .map(Self)
            .map_err(|_| format!("{text:?} is neither an IP address nor a range such as 192.0.2.0/24"))
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        let AddressRange(net) = range;
        let one = net.prefix_len() == net.max_prefix_len();
        if one { net.addr().to_string() } else { net.to_string() }
    }
}

/// What is wrong with the tokens.
pub(super) fn tokens_fault(tokens: &[ApiToken]) -> Option<String> {
    let mut names = HashSet::new();
    tokens.iter().find_map(|token| {
        let fault = token_fault(token)
            .or_else(|| (!names.insert(&token.name)).then(|| "another token has that name".to_owned()))?;
        Some(format!("token {:?}: {fault}", token.name))
    })
}

fn token_fault(token: &ApiToken) -> Option<String> {
    let ApiToken { name, sha256, token_file, scopes } = token;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic()) {
        return Some("its name is printable ASCII without spaces: it is written to the log".to_owned());
    }
    if sha256.is_empty() == is_unset(token_file) {
        return Some("set either sha256 or token_file".to_owned());
    }
    if !sha256.is_empty() && (sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        let text = "sha256 is 64 hexadecimal digits: printf %s \"$TOKEN\" | sha256sum";
        return Some(text.to_owned());
    }
    if sha256.eq_ignore_ascii_case(EMPTY_SHA256) {
        return Some("sha256 is that of an empty token".to_owned());
    }
    scopes.is_empty().then(|| "it has no scopes; give it some of read, control, admin".to_owned())
}

/// What `printf %s "$TOKEN" | sha256sum` says where the variable is not set.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[allow(clippy::ptr_arg, reason = "serde hands over the field's own type")]
fn is_unset(path: &PathBuf) -> bool {
    path.as_os_str().is_empty()
}

/// What is wrong with the addresses that are allowed.
pub(super) fn allow_fault(allow: &[AddressRange]) -> Option<String> {
    allow.is_empty().then(|| {
        "name at least one address or range; [\"0.0.0.0/0\", \"::/0\"] lets everybody come to where a token is asked for".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<AddressRange, String> {
        text.to_owned().try_into()
    }

    /// Operators write single addresses and ranges, and sockets that take both families dress IPv4 as IPv6.
    #[test]
    fn a_range_holds_its_addresses_however_they_are_dressed() {
        let holds = |text: &str, address: &str| range(text).unwrap().contains(address.parse().unwrap());
        assert!(holds("192.0.2.1", "192.0.2.1") && holds("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!holds("192.0.2.1", "192.0.2.2") && !holds("192.0.2.1", "::1"));
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "192.0.2.1"));
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.1/", "*"] {
            assert!(range(text).unwrap_err().contains("neither"), "{text}");
        }
        for text in ["192.0.2.1", "10.0.0.0/8", "::1", "2001:db8::/32"] {
            assert_eq!(String::from(range(text).unwrap()), text);
        }
    }
}
