//! Trickled candidates: `application/trickle-ice-sdpfrag`. RFC 8840 §9, RFC 9725 §4.3.
//!
//! The candidates are checked in form and counted, never resolved and never used: the server is reached, it does not
//! reach out. What counts is the ufrag, which tells a trickle of this session from an ICE restart.

use super::error::SdpError;
use super::parse::{decimal, lines};
use super::peer::{ice_pwd, ice_ufrag, is_ice_char};

/// What a fragment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// From `a=ice-ufrag`, else from the first candidate that names one.
    pub ice_ufrag: String,
    /// None: the fragment has none, as when only its candidates name the ufrag.
    pub ice_pwd: Option<String>,
    /// Well-formed candidates in it.
    pub candidates: usize,
    /// The peer has gathered all it will.
    pub end_of_candidates: bool,
}

impl Fragment {
    /// Reads a fragment: lines may end in LF or CRLF, the last in nothing, all candidates may stand under one mid.
    ///
    /// # Errors
    /// A line or candidate that is none, illegal credentials, or no ufrag at all.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let (mut own_ufrag, mut candidate_ufrag, mut pwd) = (None, None, None);
        let (mut candidates, mut end_of_candidates) = (0_usize, false);
        for line in lines(text)? {
            let Some(attribute) = line?.attribute() else { continue };
            match attribute.name {
                "ice-ufrag" => own_ufrag = own_ufrag.or(Some(ice_ufrag(attribute.value)?)),
                "ice-pwd" => pwd = pwd.or(Some(ice_pwd(attribute.value)?)),
                "end-of-candidates" => end_of_candidates = true,
                // Browsers' objects write the end of gathering as a candidate of no text.
                "candidate" if attribute.value.is_empty() => end_of_candidates = true,
                "candidate" => {
                    candidates += 1;
                    let extensions = candidate(attribute.value)
                        .ok_or(SdpError::MalformedCandidate { number: candidates })?;
                    if let Some(ufrag) = extension_value(extensions, "ufrag") {
                        candidate_ufrag = candidate_ufrag.or(Some(ice_ufrag(ufrag)?));
                    }
                }
                _ => {}
            }
        }
        let ufrag = own_ufrag.or(candidate_ufrag).ok_or(SdpError::NoIceCredentials)?;
        let ice_pwd = pwd.map(str::to_owned);
        Ok(Self { ice_ufrag: ufrag.to_owned(), ice_pwd, candidates, end_of_candidates })
    }
}

/// Checks the form of a candidate (RFC 8839 §5.1) and returns what follows its type. The address may be a name (mDNS).
fn candidate(text: &str) -> Option<&str> {
    let mut words = text.splitn(9, ' ');
    let foundation = words.next()?;
    let component: u16 = decimal(words.next()?)?;
    let transport = words.next()?;
    let _priority: u32 = decimal(words.next()?)?;
    let address = words.next()?;
    let _port: u16 = decimal(words.next()?)?;
    let (typ, kind, extensions) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let is_sound = (1..=32).contains(&foundation.len())
        && foundation.bytes().all(is_ice_char)
        && (1..=256).contains(&component)
        && ["udp", "tcp", "ssltcp"].iter().any(|known| transport.eq_ignore_ascii_case(known))
        && (1..=255).contains(&address.len())
        && address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_%".contains(&byte))
        && typ == "typ"
        && ["host", "srflx", "prflx", "relay"].contains(&kind);
    is_sound.then_some(extensions)
}

/// The value of a `name value` pair after the candidate's type.
fn extension_value<'a>(extensions: &'a str, name: &str) -> Option<&'a str> {
    let mut words = extensions.split(' ').filter(|word| !word.is_empty());
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key == name {
            return Some(value);
        }
    }
    None
}
