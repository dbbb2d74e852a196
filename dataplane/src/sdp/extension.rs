//! RTP header extensions as an m-section offers them. RFC 8285 §5–§8.
//!
//! Ids above 14 would force the two-byte form on every packet and are not taken; so are URIs that nothing here reads.

use fanlight_wire::{ExtensionKind, ExtensionMap};

use super::error::SdpError;
use super::parse::{Attribute, decimal};
use super::section::Direction;

/// An `a=extmap` of a kind that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extension {
    /// 1..=14.
    pub(super) id: u8,
    pub(super) kind: ExtensionKind,
    /// The URI as offered: several may name one kind.
    pub(super) uri: String,
    /// None: not stated, which is both ways.
    pub(super) direction: Option<Direction>,
}

/// Reads the extensions of one m-section.
pub(super) fn parse(attributes: &[Attribute<'_>], mid: &str) -> Result<Vec<Extension>, SdpError> {
    let mut is_taken = [false; ID_MAX + 1];
    let mut extensions = Vec::new();
    for Attribute { value, .. } in attributes.iter().filter(|attribute| attribute.name == "extmap") {
        let malformed = || SdpError::MalformedExtension { mid: mid.to_owned() };
        let (number, rest) = value.split_once(' ').ok_or_else(malformed)?;
        let (number, way) =
            number.split_once('/').map_or((number, None), |(number, way)| (number, Some(way)));
        let number: u16 = decimal(number).ok_or_else(malformed)?;
        let direction = way.map(|way| Direction::parse(way).ok_or_else(malformed)).transpose()?;
        let uri = rest.split(' ').find(|word| !word.is_empty()).ok_or_else(malformed)?;
        if number == 0 {
            return Err(malformed());
        }
        // Up to 14 it is a u8; above it is left to the peer (RFC 8285 §4.3 and §6).
        let Some((id, is_taken)) = u8::try_from(number).ok().zip(is_taken.get_mut(usize::from(number)))
        else {
            continue;
        };
        if *is_taken {
            return Err(SdpError::DuplicateExtension { mid: mid.to_owned(), id });
        }
        *is_taken = true;
        if let Some(kind) = ExtensionKind::from_uri(uri) {
            extensions.push(Extension { id, kind, uri: uri.to_owned(), direction });
        }
    }
    Ok(extensions)
}

/// Takes the extensions that pass into the session's map and returns them for the answer. Bundled m-sections share the
/// ids (RFC 9143 §10): one that would name another thing than before, or name a thing again, is not taken.
pub(super) fn agree(
    offered: &[Extension],
    map: &mut ExtensionMap,
    passes: impl Fn(&Extension) -> bool,
) -> Vec<Extension> {
    let agrees = |extension: &&Extension| {
        map.id(extension.kind) == Some(extension.id) || map.insert(extension.id, extension.kind)
    };
    offered.iter().filter(|extension| passes(extension)).filter(agrees).cloned().collect()
}

/// The largest id of the one-byte form. RFC 8285 §4.2.
const ID_MAX: usize = 14;
