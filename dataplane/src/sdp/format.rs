//! The payload types of an m-section: what each encodes, and which feedback the offerer takes for it.
//!
//! RFC 8866 §6.6 (rtpmap) and §6.15 (fmtp), RFC 4585 §4.2 and RFC 5104 §7.1 (rtcp-fb), RFC 4588 §8 (rtx).

use fanlight_wire::PayloadType;

use super::codec::{self, Parameters, Variant};
use super::error::{SdpError, excerpt};
use super::parse::{Attribute, decimal};

/// One payload type of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: PayloadType,
    pub(super) encoding: Encoding,
    pub(super) parameters: Parameters,
    pub(super) feedback: Feedback,
}

/// What a payload type encodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A codec of ours, in a variant that is served.
    Media(Variant),
    /// Retransmissions of another payload type. RFC 4588 §8.1.
    Rtx { of: PayloadType },
    /// Redundant audio around another payload type. RFC 2198 §5.
    Red { of: PayloadType },
    /// Anything else, by its name for a message; empty where the offer gives none.
    Other(String),
}

/// Feedback messages an offerer can take or send. RFC 4585 §4.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Feedback {
    pub(super) nack: bool,
    pub(super) pli: bool,
    pub(super) fir: bool,
    /// Receiver-estimated bitrate. draft-alvestrand-rmcat-remb-03.
    pub(super) remb: bool,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    pub(super) transport_cc: bool,
}

impl Feedback {
    fn note(&mut self, value: &str) {
        match value.trim_end() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "goog-remb" => self.remb = true,
            "transport-cc" => self.transport_cc = true,
            _ => {}
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            nack: self.nack || other.nack,
            pli: self.pli || other.pli,
            fir: self.fir || other.fir,
            remb: self.remb || other.remb,
            transport_cc: self.transport_cc || other.transport_cc,
        }
    }

    /// The values of the `a=rtcp-fb` lines that say this.
    pub(super) fn values(self) -> impl Iterator<Item = &'static str> {
        [
            (self.transport_cc, "transport-cc"),
            (self.remb, "goog-remb"),
            (self.fir, "ccm fir"),
            (self.nack, "nack"),
            (self.pli, "nack pli"),
        ]
        .into_iter()
        .filter_map(|(is_said, value)| is_said.then_some(value))
    }
}

/// Reads the payload types of an m= line with all that the attributes say of them, in the order of the line.
pub(super) fn parse(
    numbers: &[&str],
    attributes: &[Attribute<'_>],
    mid: &str,
) -> Result<Vec<Format>, SdpError> {
    let mut drafts = drafts(numbers, mid)?;
    let mut for_all = Feedback::default();
    for Attribute { name, value } in attributes.iter().copied() {
        if !matches!(name, "rtpmap" | "fmtp" | "rtcp-fb") {
            continue;
        }
        let (number, value) = value.split_once(' ').unwrap_or((value, ""));
        if name == "rtcp-fb" && number == "*" {
            for_all.note(value);
            continue;
        }
        let payload_type = decimal(number).and_then(PayloadType::new);
        // At most 96 payload types are legal, so this search is bounded by a constant.
        let Some(draft) = drafts.iter_mut().find(|draft| Some(draft.payload_type) == payload_type) else {
            continue;
        };
        match name {
            "rtpmap" => draft.rtpmap = draft.rtpmap.or(Some(value)),
            "fmtp" => draft.fmtp = draft.fmtp.or(Some(value)),
            _ => draft.feedback.note(value),
        }
    }
    Ok(drafts.into_iter().map(|draft| draft.finish(for_all)).collect())
}

/// A payload type while its attributes are still being collected.
struct Draft<'a> {
    payload_type: PayloadType,
    rtpmap: Option<&'a str>,
    fmtp: Option<&'a str>,
    feedback: Feedback,
}

fn drafts<'a>(numbers: &[&str], mid: &str) -> Result<Vec<Draft<'a>>, SdpError> {
    let mut is_taken = [false; 128];
    let mut drafts = Vec::new();
    for text in numbers {
        let payload_type = decimal(text).filter(|number| !(64..=95).contains(number));
        let Some(payload_type) = payload_type.and_then(PayloadType::new) else {
            return Err(SdpError::IllegalPayloadType { mid: mid.to_owned(), payload_type: excerpt(text) });
        };
        match is_taken.get_mut(usize::from(payload_type.value())) {
            Some(is_taken) if !*is_taken => *is_taken = true,
            _ => {
                let payload_type = payload_type.value();
                return Err(SdpError::DuplicatePayloadType { mid: mid.to_owned(), payload_type });
            }
        }
        drafts.push(Draft { payload_type, rtpmap: None, fmtp: None, feedback: Feedback::default() });
    }
    Ok(drafts)
}

impl Draft<'_> {
    fn finish(self, for_all: Feedback) -> Format {
        let parameters = codec::parse_parameters(self.fmtp.unwrap_or_default());
        let rtpmap = self.rtpmap.unwrap_or_default().trim();
        let encoding_name = rtpmap.split('/').next().unwrap_or_default();
        let variant = codec::from_rtpmap(rtpmap).and_then(|codec| Variant::of(codec, &parameters));
        let encoding = if let Some(variant) = variant {
            Encoding::Media(variant)
        } else if let Some(of) = original(encoding_name, &parameters) {
            Encoding::Rtx { of }
        } else if let Some(of) = redundant(rtpmap, self.fmtp.unwrap_or_default()) {
            Encoding::Red { of }
        } else {
            Encoding::Other(excerpt(encoding_name))
        };
        let feedback = self.feedback.join(for_all);
        Format { payload_type: self.payload_type, encoding, parameters, feedback }
    }
}

/// The payload type that a `red` format of audio repeats: each block is of the same one, `111/111`. Of video, whose `red` has
/// another clock rate, it wraps forward error correction, which is not served.
fn redundant(rtpmap: &str, fmtp: &str) -> Option<PayloadType> {
    let mut parts = rtpmap.split('/');
    let is_audio = parts.next()?.eq_ignore_ascii_case("red") && parts.next() == Some("48000");
    let mut blocks = fmtp.trim().split('/');
    let first = blocks.next().filter(|_| is_audio)?;
    blocks.all(|block| block == first).then(|| decimal(first).and_then(PayloadType::new))?
}

/// The payload type that a `rtx` format retransmits.
fn original(encoding_name: &str, parameters: &Parameters) -> Option<PayloadType> {
    let apt = codec::find(parameters, "apt").filter(|_| encoding_name.eq_ignore_ascii_case("rtx"))?;
    decimal(apt).and_then(PayloadType::new)
}
