//! One m-section as values: what it is, which way it goes, its codecs, header extensions and SSRCs.
//!
//! RFC 8866 §5.14 and §6, RFC 4585 §4.2 (rtcp-fb), RFC 8285 §8 (extmap), RFC 5576 (ssrc), RFC 9143 (mid, bundle-only).

use fanlight_wire::Ssrc;

use super::error::{SdpError, excerpt};
use super::extension::{self, Extension};
use super::format::{self, Format};
use super::parse::{Attribute, Media, decimal, is_token};
use super::peer::PeerLines;
use super::simulcast::Simulcast;

/// The longest `a=mid` taken: it must fit a one-byte header extension (RFC 8285 §4.2), and a shard's `Mid`.
pub(super) const MID_BYTES_MAX: usize = 16;

/// What an m-section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Video,
    /// A data channel: SCTP over DTLS. RFC 8841.
    Data,
    /// Whatever is answered with a refusal.
    Other,
}

/// Which way media goes, as the offerer sees it. RFC 8866 §6.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    pub(super) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// An m-section of an offer.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// The m= line's words, for the answer: tokens.
    pub(super) media: String,
    pub(super) protocol: String,
    pub(super) first_format: String,
    /// What the first format is, for an m-section without media: some parsers want it even there. Attributes in ASCII.
    pub(super) first_format_lines: Vec<String>,
    /// Not refused by the offerer itself: its port is not 0, or it is bundle-only.
    pub(super) alive: bool,
    pub(super) mid: String,
    pub(super) direction: Direction,
    /// In the offerer's order of preference.
    pub(super) formats: Vec<Format>,
    pub(super) extensions: Vec<Extension>,
    /// `a=extmap-allow-mixed` for this m-section; the session may say it for all.
    pub(super) extmap_allow_mixed: bool,
    pub(super) rtcp_mux: bool,
    pub(super) rtcp_rsize: bool,
    /// The first SSRC announced, which is the first encoding's.
    pub(super) ssrc: Option<Ssrc>,
    /// The SSRC that retransmits it. RFC 4588 §8, RFC 5576 §4.2.
    pub(super) rtx_ssrc: Option<Ssrc>,
    /// What is offered to be sent in several encodings.
    pub(super) simulcast: Simulcast,
    /// Names the transport of the m-section, if it says one of its own.
    pub(super) ice_ufrag: Option<String>,
}

impl Section {
    /// Reads the m-section at a place of the offer; media goes the default way where it does not say.
    pub(super) fn parse(
        place: usize,
        media: &Media<'_>,
        peer: &PeerLines<'_>,
        default: Direction,
    ) -> Result<Self, SdpError> {
        let has = |name: &str| media.attributes.iter().any(|attribute| attribute.name == name);
        let line = MediaLine::parse(media.line).ok_or(SdpError::MalformedMediaLine { section: place })?;
        let mid = mid(place, &media.attributes)?;
        let alive = line.port != 0 || has("bundle-only");
        let kind = line.kind(&media.attributes);
        let is_rtp = matches!(kind, Kind::Audio | Kind::Video);
        if is_rtp && alive && line.protocol != SECURE_PROFILE {
            return Err(SdpError::InsecureProfile { mid, protocol: excerpt(line.protocol) });
        }
        let is_read = is_rtp && line.protocol == SECURE_PROFILE;
        let formats =
            if is_read { format::parse(&line.formats, &media.attributes, &mid)? } else { Vec::new() };
        let extensions = if is_read { extension::parse(&media.attributes, &mid)? } else { Vec::new() };
        let simulcast = if is_read && kind == Kind::Video {
            Simulcast::parse(&media.attributes, &mid)?
        } else {
            Simulcast::default()
        };
        let first_format = line.formats.first().copied().unwrap_or_default();
        let ssrc = streams(&media.attributes).map(|(ssrc, _)| ssrc).next();
        let rtx_ssrc = retransmission(&media.attributes, ssrc);
        let stated = media.attributes.iter().find_map(|attribute| Direction::parse(attribute.name));
        Ok(Self {
            kind,
            media: line.media.to_owned(),
            protocol: line.protocol.to_owned(),
            first_format: first_format.to_owned(),
            first_format_lines: lines_of(first_format, &media.attributes),
            alive,
            mid,
            direction: stated.unwrap_or(default),
            formats,
            extensions,
            extmap_allow_mixed: has("extmap-allow-mixed"),
            rtcp_mux: has("rtcp-mux"),
            rtcp_rsize: has("rtcp-rsize"),
            ssrc,
            rtx_ssrc,
            simulcast,
            ice_ufrag: peer.ice_ufrag.map(str::to_owned),
        })
    }
}

/// The only profile in which media is encrypted with keys from DTLS over UDP. RFC 8834, RFC 5764.
pub(super) const SECURE_PROFILE: &str = "UDP/TLS/RTP/SAVPF";
/// SCTP over DTLS over UDP. RFC 8841 §4.
const DATA_PROFILE: &str = "UDP/DTLS/SCTP";
/// The SCTP port of both ends; browsers offer no other. RFC 8841 §5.
pub(super) const SCTP_PORT: u16 = 5000;

/// `m=<media> <port>[/<count>] <proto> <fmt> …`
struct MediaLine<'a> {
    media: &'a str,
    port: u16,
    protocol: &'a str,
    formats: Vec<&'a str>,
}

impl<'a> MediaLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let media = words.next().filter(|word| is_token(word))?;
        let port = decimal(words.next()?)?;
        let protocol = words.next().filter(|word| word.split('/').all(is_token))?;
        let formats: Vec<&str> = words.collect();
        (!formats.is_empty() && formats.iter().all(|format| is_token(format))).then_some(Self {
            media,
            port,
            protocol,
            formats,
        })
    }

    fn kind(&self, attributes: &[Attribute<'_>]) -> Kind {
        let sctp_port = attributes.iter().find(|attribute| attribute.name == "sctp-port");
        let is_our_port = sctp_port.is_none_or(|attribute| decimal(attribute.value) == Some(SCTP_PORT));
        match self.media {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            "application"
                if self.protocol == DATA_PROFILE && self.formats == ["webrtc-datachannel"] && is_our_port =>
            {
                Kind::Data
            }
            _ => Kind::Other,
        }
    }
}

fn mid(place: usize, attributes: &[Attribute<'_>]) -> Result<String, SdpError> {
    match attributes.iter().find(|attribute| attribute.name == "mid") {
        None => Err(SdpError::NoMid { section: place }),
        Some(Attribute { value, .. }) if value.len() <= MID_BYTES_MAX && is_token(value) => {
            Ok((*value).to_owned())
        }
        Some(_) => Err(SdpError::IllegalMid { section: place }),
    }
}

/// The `rtpmap` and `fmtp` attributes of a format, as they came.
fn lines_of(format: &str, attributes: &[Attribute<'_>]) -> Vec<String> {
    let is_of_format = |value: &str| value.split_once(' ').is_some_and(|(number, _)| number == format);
    let line = |name: &&str| {
        let said = |attribute: &&Attribute<'_>| attribute.name == *name && is_of_format(attribute.value);
        let value = attributes.iter().find(said)?.value;
        value.is_ascii().then(|| format!("{name}:{value}"))
    };
    ["rtpmap", "fmtp"].iter().filter_map(line).collect()
}

/// The `a=ssrc` lines: SSRC and what is said of it. SSRC 0 counts as not announced, as libraries write it for unknown.
fn streams<'a>(attributes: &'a [Attribute<'a>]) -> impl Iterator<Item = (Ssrc, &'a str)> {
    attributes.iter().filter(|attribute| attribute.name == "ssrc").filter_map(|attribute| {
        let (number, rest) = attribute.value.split_once(' ').unwrap_or((attribute.value, ""));
        Some((ssrc(number)?, rest))
    })
}

/// The second member of the FID group whose first is the given SSRC.
pub(super) fn retransmission(attributes: &[Attribute<'_>], original: Option<Ssrc>) -> Option<Ssrc> {
    attributes.iter().filter(|attribute| attribute.name == "ssrc-group").find_map(|attribute| {
        let mut words = attribute.value.split(' ').filter(|word| !word.is_empty());
        let is_ours = words.next()? == "FID" && ssrc(words.next()?) == original;
        if is_ours && original.is_some() { ssrc(words.next()?) } else { None }
    })
}

/// SSRC 0 counts as not announced.
pub(super) fn ssrc(text: &str) -> Option<Ssrc> {
    decimal(text).filter(|number| *number != 0).map(Ssrc)
}
