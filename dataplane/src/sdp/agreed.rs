//! One m-section as both sides will use it: one codec, its retransmission, its header extensions. RFC 3264 §6.
//!
//! An answer names one codec a section, so that what is published is known before the first packet and a viewer has one
//! payload type to expect.

use fanlight_shard::Mid;
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, PayloadType};

use super::codec::{Parameters, Variant};
use super::error::SdpError;
use super::extension::Extension;
use super::format::{Encoding, Feedback, Format};
use super::section::{Kind, MID_BYTES_MAX, Section};
use super::simulcast::Rid;

/// What was chosen for one m-section of an offer.
#[derive(Debug, Clone)]
pub(super) struct Agreed {
    /// The m-section's place in the offer.
    pub(super) place: usize,
    mid: String,
    pub(super) variant: Variant,
    pub(super) payload_type: PayloadType,
    /// Retransmissions, if they were offered for this payload type together with the NACKs that ask for them.
    pub(super) rtx_payload_type: Option<PayloadType>,
    /// Redundant audio around the payload type, if both sides want it; the caller decides.
    pub(super) red_payload_type: Option<PayloadType>,
    /// For our fmtp line.
    pub(super) parameters: Parameters,
    /// For our rtcp-fb lines: what was offered and is served.
    pub(super) feedback: Feedback,
    pub(super) extensions: Vec<Extension>,
    /// The encodings that are received apart, by their names; empty: one, without a name.
    pub(super) rids: Vec<Rid>,
}

impl Agreed {
    /// Takes one format of the m-section at this place; the caller fills in what depends on the role.
    pub(super) fn new(place: usize, section: &Section, format: &Format, variant: Variant) -> Self {
        Self {
            place,
            mid: section.mid.clone(),
            variant,
            payload_type: format.payload_type,
            rtx_payload_type: if format.feedback.nack { rtx(section, format.payload_type) } else { None },
            red_payload_type: None,
            parameters: Parameters::new(),
            feedback: format.feedback,
            extensions: Vec::new(),
            rids: Vec::new(),
        }
    }

    /// Whether packets say this.
    pub(super) fn carries(&self, kind: ExtensionKind) -> bool {
        self.extensions.iter().any(|extension| extension.kind == kind)
    }

    pub(super) fn codec(&self) -> Codec {
        self.variant.codec()
    }

    /// The mid as it goes into header extensions. The offer's parser let no longer one pass.
    pub(super) fn mid(&self) -> Mid {
        self.mid.bytes().take(MID_BYTES_MAX).collect()
    }
}

/// The formats of an m-section that hold a codec of ours, in the offerer's order.
pub(super) fn media_formats(section: &Section) -> impl Iterator<Item = (&Format, Variant)> {
    section.formats.iter().filter_map(|format| match format.encoding {
        Encoding::Media(variant) => Some((format, variant)),
        _ => None,
    })
}

/// The kind of m-section that carries a codec.
pub(super) fn kind(codec: Codec) -> Kind {
    if codec.is_video() { Kind::Video } else { Kind::Audio }
}

/// Bundled m-sections share one space of payload types (RFC 9143 §10.1.2), and packets may be told apart by nothing else.
pub(super) fn check_payload_types<'a>(agreed: impl Iterator<Item = &'a Agreed>) -> Result<(), SdpError> {
    let mut seen: Vec<PayloadType> = Vec::new();
    for section in agreed {
        let types = [Some(section.payload_type), section.rtx_payload_type, section.red_payload_type];
        for payload_type in types.into_iter().flatten() {
            if seen.contains(&payload_type) {
                let mid = section.mid.clone();
                return Err(SdpError::DuplicatePayloadType { mid, payload_type: payload_type.value() });
            }
            seen.push(payload_type);
        }
    }
    Ok(())
}

/// What m-sections offer, for a message: each codec once, helpers (rtx, red, FEC, tones) left out.
pub(super) fn describe<'a>(sections: impl Iterator<Item = &'a Section>) -> String {
    const HELPERS: [&str; 6] = ["rtx", "red", "ulpfec", "flexfec-03", "telephone-event", "CN"];
    const NAMES_MAX: usize = 16;
    let mut names: Vec<String> = Vec::new();
    for format in sections.flat_map(|section| &section.formats) {
        let name = match &format.encoding {
            Encoding::Media(variant) => variant.to_string(),
            Encoding::Rtx { .. } | Encoding::Red { .. } => continue,
            Encoding::Other(name) if name.is_empty() => continue,
            Encoding::Other(name) if HELPERS.iter().any(|helper| name.eq_ignore_ascii_case(helper)) => {
                continue;
            }
            Encoding::Other(name) => name.clone(),
        };
        if names.len() < NAMES_MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "no codec".to_owned() } else { names.join(", ") }
}

/// The format of redundant audio around a payload type, and whether the offerer prefers it to that alone.
pub(super) fn red(section: &Section, original: PayloadType) -> Option<(PayloadType, bool)> {
    let place = |wanted: &dyn Fn(&Format) -> bool| section.formats.iter().position(wanted);
    let red = place(&|format| format.encoding == Encoding::Red { of: original })?;
    let plain = place(&|format| format.payload_type == original)?;
    section.formats.get(red).map(|format| (format.payload_type, red < plain))
}

fn rtx(section: &Section, original: PayloadType) -> Option<PayloadType> {
    let is_rtx = |format: &&Format| format.encoding == Encoding::Rtx { of: original };
    section.formats.iter().find(is_rtx).map(|format| format.payload_type)
}
