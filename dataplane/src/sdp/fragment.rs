//! Trickled candidates: `application/trickle-ice-sdpfrag`. RFC 8840 §9, RFC 9725 §4.3.
//!
//! The candidates are checked in form and counted, never resolved and never used: the server is reached, it does not
//! reach out. What counts is the ufrag, which tells a trickle of this session from an ICE restart; to that we answer with a
//! fragment of our own.

use super::answer::{self, TransportParameters};
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

/// The m-section that carries the transport of all: the tagged one of the BUNDLE group (RFC 9143 §7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carrier {
    /// The value of `a=group`; empty where a description has none.
    group: String,
    /// The value of the m= line.
    media: String,
    mid: String,
}

impl Carrier {
    /// Reads it from a description that we wrote: it is the first m-section with a port.
    pub fn of(description: &str) -> Self {
        let mut carrier = Self::default();
        for line in description.lines() {
            if let Some(group) = line.strip_prefix("a=group:") {
                group.clone_into(&mut carrier.group);
            } else if let Some(media) = line.strip_prefix("m=") {
                if media.split(' ').nth(1) != Some("0") {
                    media.clone_into(&mut carrier.media);
                }
            } else if let (false, Some(mid)) = (carrier.media.is_empty(), line.strip_prefix("a=mid:")) {
                mid.clone_into(&mut carrier.mid);
                break;
            }
        }
        carrier
    }
}

/// Our new credentials and candidates, the answer to an ICE restart. RFC 9725 §4.3.3.
pub fn write_fragment(carrier: &Carrier, ours: &TransportParameters) -> String {
    let Carrier { group, media, mid } = carrier;
    let mut lines = vec!["a=ice-options:trickle".to_owned()];
    if !group.is_empty() {
        lines.push(format!("a=group:{group}"));
    }
    lines.extend([
        format!("m={media}"),
        format!("a=mid:{mid}"),
        format!("a=ice-ufrag:{}", ours.ice_ufrag),
        format!("a=ice-pwd:{}", ours.ice_pwd),
    ]);
    lines.extend(answer::candidates(ours).map(|attribute| format!("a={attribute}")));
    lines.into_iter().flat_map(|line| [line, "\r\n".to_owned()]).collect()
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
