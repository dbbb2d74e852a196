//! Simulcast as a publisher offers it: several encodings of one source, each under a name. RFC 8851 (`a=rid`), RFC 8853
//! (`a=simulcast`), RFC 8852 (the header extensions that carry the names).
//!
//! ```text
//!   a=rid:q send pt=96;max-width=320      a=simulcast:send q;~h;f,g
//!         │      │     └ restriction                       │  │ └── alternatives: the first that fits is taken
//!         name   payload types of it, or all               │  └──── paused for now: taken all the same
//!                                                          └─────── streams, the preferred first
//! ```
//!
//! What an answerer may leave out is left out: rids under restrictions that are not known here or for other payload types,
//! and streams beyond what is forwarded. A line that cannot be read at all is refused.
//!
//! Before there were rids, encodings were told apart by SSRCs alone (`a=ssrc-group:SIM`); some peers still do.

use fanlight_shard::limits::{LAYERS_MAX, RID_BYTES_MAX};
use fanlight_wire::{PayloadType, Ssrc};

use super::error::SdpError;
use super::parse::{Attribute, decimal};
use super::section::{retransmission, ssrc};

/// The most `a=rid` lines read of one m-section. Browsers offer three.
pub(super) const RIDS_MAX: usize = 16;

/// One encoding that the offerer would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rid {
    /// Letters, digits, `-` and `_`.
    pub(super) name: String,
    /// The payload types that it may come in; empty: any of the m-section.
    payload_types: Vec<PayloadType>,
    /// Each as offered, `max-width=320`. An answer repeats them: it may not be laxer (RFC 8851 §6.3).
    pub(super) restrictions: Vec<String>,
}

/// What an m-section offers to send at the same time.
#[derive(Debug, Clone, Default)]
pub(super) struct Simulcast {
    /// The preferred stream first; of each the alternatives, the preferred first. Each rid stands in one place.
    pub(super) streams: Vec<Vec<Rid>>,
    /// The encodings that are told apart by SSRCs, each with its retransmissions', in the order of their group: none, or two
    /// and more.
    pub(super) by_ssrc: Vec<(Ssrc, Option<Ssrc>)>,
}

impl Simulcast {
    /// Reads one m-section's lines.
    pub(super) fn parse(attributes: &[Attribute<'_>], mid: &str) -> Result<Self, SdpError> {
        let by_ssrc = by_ssrc(attributes);
        let Some(line) = attributes.iter().find(|attribute| attribute.name == "simulcast") else {
            return Ok(Self { streams: Vec::new(), by_ssrc });
        };
        let list = sent(line.value).ok_or_else(|| SdpError::MalformedSimulcast { mid: mid.to_owned() })?;
        let mut rids = rids(attributes, mid)?;
        let mut take = |name: &str| {
            let place = rids.iter().position(|rid| rid.name == name)?;
            Some(rids.swap_remove(place))
        };
        let streams = list
            .split(';')
            .map(|alternatives| alternatives.split(',').filter_map(|name| take(unpaused(name))).collect())
            .filter(|alternatives: &Vec<Rid>| !alternatives.is_empty())
            .collect();
        Ok(Self { streams, by_ssrc })
    }

    /// Of each stream the first alternative that may come in this payload type, the preferred streams first.
    pub(super) fn encodings(&self, payload_type: PayloadType) -> Vec<Rid> {
        let fits = |rid: &&Rid| rid.payload_types.is_empty() || rid.payload_types.contains(&payload_type);
        let chosen = self.streams.iter().filter_map(|alternatives| alternatives.iter().find(fits));
        chosen.take(LAYERS_MAX).cloned().collect()
    }
}

impl Rid {
    /// The value of our `a=rid` line for what comes in this payload type.
    pub(super) fn received(&self, payload_type: PayloadType) -> String {
        let payload_type = (!self.payload_types.is_empty()).then(|| format!("pt={}", payload_type.value()));
        let words: Vec<String> = payload_type.into_iter().chain(self.restrictions.iter().cloned()).collect();
        let space = if words.is_empty() { "" } else { " " };
        format!("{} recv{space}{}", self.name, words.join(";"))
    }
}

/// The list of what is offered to be sent, of `send <list>`, `recv <list>` or both in either order; empty where there is
/// none. RFC 8853 §5.1.
fn sent(value: &str) -> Option<&str> {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    let (pairs, rest) = words.as_chunks::<2>();
    let is_list = |list: &str| list.split([';', ',']).all(|name| is_name(unpaused(name)));
    let is_sound = |[way, list]: &[&str; 2]| matches!(*way, "send" | "recv") && is_list(list);
    let is_once = !matches!(pairs, [[first, _], [second, _]] if first == second);
    if !matches!(pairs.len(), 1 | 2) || !rest.is_empty() || !is_once || !pairs.iter().all(is_sound) {
        return None;
    }
    Some(pairs.iter().find(|[way, _]| *way == "send").map_or("", |[_, list]| list))
}

/// A stream that begins paused is asked for like any other: whether it flows is told by its packets. RFC 8853 §5.1.
fn unpaused(name: &str) -> &str {
    name.strip_prefix('~').unwrap_or(name)
}

/// The rids that are offered to be sent, each name once. RFC 8851 §6.2: a line that cannot be understood is as if it
/// were not there.
fn rids(attributes: &[Attribute<'_>], mid: &str) -> Result<Vec<Rid>, SdpError> {
    let mut rids: Vec<Rid> = Vec::new();
    for (number, line) in (1..).zip(attributes.iter().filter(|attribute| attribute.name == "rid")) {
        if number > RIDS_MAX {
            return Err(SdpError::TooManyRids { mid: mid.to_owned() });
        }
        let rid = rid(line.value).filter(|rid| rids.iter().all(|earlier| earlier.name != rid.name));
        rids.extend(rid);
    }
    Ok(rids)
}

/// `<name> send [pt=<list>;<restriction>;…]`
fn rid(value: &str) -> Option<Rid> {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let name = words.next().filter(|name| is_name(name) && name.len() <= RID_BYTES_MAX)?;
    if words.next()? != "send" {
        return None;
    }
    let mut rid = Rid { name: name.to_owned(), payload_types: Vec::new(), restrictions: Vec::new() };
    // Some put blanks after the semicolons.
    for restriction in words.flat_map(|word| word.split(';')).filter(|restriction| !restriction.is_empty()) {
        match restriction.split_once('=') {
            Some(("pt", list)) => {
                rid.payload_types.extend(list.split(',').filter_map(decimal).filter_map(PayloadType::new));
                if rid.payload_types.is_empty() {
                    return None;
                }
            }
            Some((name, value)) if RESTRICTIONS.contains(&name) && is_number(value) => {
                rid.restrictions.push(restriction.to_owned());
            }
            None if RESTRICTIONS.contains(&restriction) => rid.restrictions.push(restriction.to_owned()),
            _ => return None,
        }
    }
    Some(rid)
}

/// What a sender may bind itself to: sizes, rates. RFC 8851 §5. `depend` is of layers that are not decodable alone, which are
/// not separate streams here.
const RESTRICTIONS: [&str; 7] =
    ["max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp"];

/// RFC 8851 §10 `rid-id`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn is_number(text: &str) -> bool {
    text.len() <= 16
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The members of the first SIM group, which is of two at least.
fn by_ssrc(attributes: &[Attribute<'_>]) -> Vec<(Ssrc, Option<Ssrc>)> {
    let groups = attributes.iter().filter(|attribute| attribute.name == "ssrc-group");
    let members =
        groups.filter_map(|attribute| attribute.value.strip_prefix("SIM ")).next().unwrap_or_default();
    let members = members.split(' ').filter_map(ssrc).take(LAYERS_MAX);
    let pairs: Vec<_> = members.map(|member| (member, retransmission(attributes, Some(member)))).collect();
    if pairs.len() > 1 { pairs } else { Vec::new() }
}
