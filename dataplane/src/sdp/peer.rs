//! The peer's end of the one transport: ICE credentials, certificate fingerprint and DTLS role.
//! RFC 8839 §5.4, RFC 8122 §5, RFC 8842 §5.

use super::error::{SdpError, excerpt};
use super::parse::Attribute;

/// The hash of the certificate that the peer will show in its DTLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// `sha-256`, `sha-384` or `sha-512`.
    pub hash: String,
    /// As many bytes as the hash has: 32, 48 or 64.
    pub bytes: Vec<u8>,
}

/// What an offer says of its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) ice_ufrag: String,
    pub(super) ice_pwd: String,
    pub(super) fingerprint: Fingerprint,
}

impl Peer {
    /// Before it has said anything.
    pub(super) fn unknown() -> Self {
        let fingerprint = Fingerprint { hash: String::new(), bytes: Vec::new() };
        Self { ice_ufrag: String::new(), ice_pwd: String::new(), fingerprint }
    }
}

/// The transport attributes of one level of a description: the session's or one m-section's.
#[derive(Debug, Default)]
pub(super) struct PeerLines<'a> {
    pub(super) ice_ufrag: Option<&'a str>,
    ice_pwd: Option<&'a str>,
    fingerprints: Vec<&'a str>,
    setup: Option<&'a str>,
}

impl<'a> PeerLines<'a> {
    /// Collects and checks the ICE credentials of one level; the rest is checked where it is used.
    pub(super) fn collect(attributes: &[Attribute<'a>]) -> Result<Self, SdpError> {
        let mut lines = Self::default();
        for Attribute { name, value } in attributes.iter().copied() {
            match name {
                "ice-ufrag" => lines.ice_ufrag = Some(ice_ufrag(value)?),
                "ice-pwd" => lines.ice_pwd = Some(ice_pwd(value)?),
                "fingerprint" => lines.fingerprints.push(value),
                "setup" => lines.setup = Some(value),
                _ => {}
            }
        }
        Ok(lines)
    }

    /// The transport of an m-section with these attributes in a session with those: the m-section's own come first.
    pub(super) fn resolve(
        &self,
        session: &PeerLines<'_>,
        may_set_up: &dyn Fn(Option<&str>) -> bool,
    ) -> Result<Peer, SdpError> {
        let (Some(ice_ufrag), Some(ice_pwd)) =
            (self.ice_ufrag.or(session.ice_ufrag), self.ice_pwd.or(session.ice_pwd))
        else {
            return Err(SdpError::NoIceCredentials);
        };
        let own = if self.fingerprints.is_empty() { &session.fingerprints } else { &self.fingerprints };
        let fingerprint = strongest(own)?;
        let setup = self.setup.or(session.setup);
        if !may_set_up(setup) {
            return Err(SdpError::WrongSetup { setup: excerpt(setup.unwrap_or("nothing")) });
        }
        Ok(Peer { ice_ufrag: ice_ufrag.to_owned(), ice_pwd: ice_pwd.to_owned(), fingerprint })
    }
}

/// `a=ice-ufrag`: 4 to 256 ice-chars.
pub(super) fn ice_ufrag(text: &str) -> Result<&str, SdpError> {
    if is_ice_text(text, 4) { Ok(text) } else { Err(SdpError::IllegalIceUfrag) }
}

/// `a=ice-pwd`: 22 to 256 ice-chars.
pub(super) fn ice_pwd(text: &str) -> Result<&str, SdpError> {
    if is_ice_text(text, 22) { Ok(text) } else { Err(SdpError::IllegalIcePwd) }
}

/// RFC 8839 §5.1 `ice-char`.
pub(super) fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn is_ice_text(text: &str, bytes_min: usize) -> bool {
    (bytes_min..=256).contains(&text.len()) && text.bytes().all(is_ice_char)
}

/// The hashes taken, the preferred first, with their lengths in bytes. All that browsers make is sha-256; of the others
/// only those at least as strong are taken.
const HASHES: [(&str, usize); 3] = [("sha-256", 32), ("sha-384", 48), ("sha-512", 64)];

/// The fingerprint to hold the peer to. RFC 8122 §5.1: several are the same certificate under several hashes, and two
/// under one hash are two certificates, of which we could hold the peer to only one.
fn strongest(values: &[&str]) -> Result<Fingerprint, SdpError> {
    let offered = |value: &str| value.split_once(' ').map(|(hash, _)| hash.to_ascii_lowercase());
    for (hash, bytes_count) in HASHES {
        let mut chosen: Option<Fingerprint> = None;
        for value in values.iter().filter(|value| offered(value).as_deref() == Some(hash)) {
            let bytes = value.split_once(' ').and_then(|(_, digits)| hexadecimal(digits, bytes_count));
            let bytes = bytes.ok_or(SdpError::MalformedFingerprint)?;
            match &chosen {
                Some(first) if first.bytes != bytes => {
                    return Err(SdpError::SeveralFingerprints { hash: hash.to_owned() });
                }
                _ => chosen = Some(Fingerprint { hash: hash.to_owned(), bytes }),
            }
        }
        if let Some(fingerprint) = chosen {
            return Ok(fingerprint);
        }
    }
    match values.first() {
        None => Err(SdpError::NoFingerprint),
        Some(value) => match offered(value) {
            None => Err(SdpError::MalformedFingerprint),
            Some(hash) => Err(SdpError::WeakFingerprint { hash: excerpt(&hash) }),
        },
    }
}

/// `AB:CD:…` of exactly `bytes_count` bytes, in either case.
fn hexadecimal(text: &str, bytes_count: usize) -> Option<Vec<u8>> {
    // Two digits and a colon for each byte but the last: asked first, so that a long line costs nothing.
    if text.len() + 1 != bytes_count * 3 {
        return None;
    }
    let digits = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').map(|pair| if digits(pair) { u8::from_str_radix(pair, 16).ok() } else { None }).collect()
}
