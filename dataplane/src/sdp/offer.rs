//! A peer's offer as values: its transport, its BUNDLE group and its m-sections. RFC 8866, RFC 8829, RFC 9143.
//!
//! What is read is checked here, once: what stands in an [`Offer`] may be written into an answer as it is. Candidates are
//! not read at all, because the server learns addresses from authenticated checks only.

use super::error::SdpError;
use super::parse::{Attribute, Description};
use super::peer::{Fingerprint, Peer, PeerLines};
use super::section::{Direction, Kind, Section};

/// An offer that is sound; whether its codecs are taken is the plans' question.
#[derive(Debug, Clone)]
pub struct Offer {
    peer: Peer,
    pub(super) sections: Vec<Section>,
    /// The mids of the first BUNDLE group, each once, in its order: the first names the transport. RFC 9143 §7.
    pub(super) bundle: Vec<String>,
    /// `a=extmap-allow-mixed` for the whole session. RFC 8285 §6.
    pub(super) extmap_allow_mixed: bool,
    /// `a=ice-options:trickle`, which libdatachannel joins to others by a comma. RFC 8838 §4.
    pub(super) trickle: bool,
}

impl Offer {
    /// Reads an offer of at most 64 KiB and 64 m-sections.
    ///
    /// # Errors
    /// Whatever makes it unfit for one DTLS-SRTP transport; the message says what to change.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        Self::parse_as(text, Part::Offer)
    }

    /// Reads an answer to an offer of ours, which is as an offer but for the part in DTLS that it has chosen.
    ///
    /// # Errors
    /// As of [`Self::parse`]; [`SdpError::WrongSetup`] too if it wants us to be the active side.
    pub fn parse_answer(text: &str) -> Result<Self, SdpError> {
        Self::parse_as(text, Part::Answer)
    }

    /// Who would offer these m-sections; nothing is known of its transport.
    pub(super) fn made_up(sections: Vec<Section>) -> Self {
        let bundle = sections.iter().map(|section| section.mid.clone()).collect();
        Self { peer: Peer::unknown(), sections, bundle, extmap_allow_mixed: true, trickle: true }
    }

    fn parse_as(text: &str, part: Part) -> Result<Self, SdpError> {
        let description = Description::parse(text)?;
        let says = |name: &str| description.attributes.iter().any(|attribute| attribute.name == name);
        if says("ice-lite") {
            return Err(SdpError::IceLite);
        }
        let session = PeerLines::collect(&description.attributes)?;
        let peers: Vec<PeerLines<'_>> = description
            .media
            .iter()
            .map(|media| PeerLines::collect(&media.attributes))
            .collect::<Result<_, _>>()?;
        let stated = description.attributes.iter().find_map(|attribute| Direction::parse(attribute.name));
        let default = stated.unwrap_or(Direction::SendRecv);
        let sections: Vec<Section> = (0_usize..)
            .zip(description.media.iter().zip(&peers))
            .map(|(place, (media, peer))| Section::parse(place, media, peer, default))
            .collect::<Result<_, _>>()?;
        refuse_duplicate_mids(&sections)?;
        if part == Part::Answer && sections.iter().all(|section| !section.alive) {
            return Err(SdpError::NothingAccepted);
        }
        let may_set_up = |setup: Option<&str>| part.may_set_up(setup);
        let bundle = bundle(&description.attributes, &sections);
        let peer = match tagged(&sections, &bundle).and_then(|place| peers.get(place)) {
            Some(peer) => peer.resolve(&session, &may_set_up)?,
            None => session.resolve(&PeerLines::default(), &may_set_up)?,
        };
        let trickle = offers_trickle(&description);
        Ok(Self { peer, sections, bundle, extmap_allow_mixed: says("extmap-allow-mixed"), trickle })
    }

    /// The peer's ICE username fragment: 4 to 256 ice-chars.
    pub fn ice_ufrag(&self) -> &str {
        &self.peer.ice_ufrag
    }

    /// The peer's ICE password: 22 to 256 ice-chars.
    pub fn ice_pwd(&self) -> &str {
        &self.peer.ice_pwd
    }

    /// The hash of the certificate to hold the peer to.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.peer.fingerprint
    }

    /// Whether an answer will open SCTP: the offer has an m-section for a data channel.
    pub fn wants_data_channel(&self) -> bool {
        self.data_section().is_some()
    }

    /// The m-section of the data channel: an SCTP association has one.
    pub(super) fn data_section(&self) -> Option<usize> {
        self.sections.iter().position(|section| section.alive && section.kind == Kind::Data)
    }

    /// The m-sections of a kind that the offerer has not refused, with their places.
    pub(super) fn open_sections(&self, kind: Kind) -> impl Iterator<Item = (usize, &Section)> {
        (0_usize..).zip(&self.sections).filter(move |(_, section)| section.alive && section.kind == kind)
    }

    /// The tagged m-section, where nothing in it is taken but others bundled with it are: it is answered as inactive. To
    /// refuse it would be legal, but Chromium (156) then loses the transport of all the others, and an offer that lists
    /// video first is refused its audio ("Failed to setup RTCP mux").
    pub(super) fn idle_carrier(&self, taken: &[usize]) -> Option<usize> {
        let place = tagged(&self.sections, &self.bundle).filter(|place| !taken.contains(place))?;
        let carries = |section: &Section| section.rtcp_mux && self.bundle.contains(&section.mid);
        let is_bundled =
            |other: &usize| self.sections.get(*other).is_some_and(|other| self.bundle.contains(&other.mid));
        let section = self.sections.get(place)?;
        let is_media = matches!(section.kind, Kind::Audio | Kind::Video);
        (is_media && carries(section) && taken.iter().any(is_bundled)).then_some(place)
    }

    /// Checks that the m-sections at these places can share the offer's one transport.
    pub(super) fn check_transport(&self, taken: &[usize]) -> Result<(), SdpError> {
        let sections: Vec<&Section> = taken.iter().filter_map(|place| self.sections.get(*place)).collect();
        let mid = |section: &Section| section.mid.clone();
        for section in &sections {
            if section.kind != Kind::Data && !section.rtcp_mux {
                return Err(SdpError::NoRtcpMux { mid: mid(section) });
            }
            if sections.len() > 1 && !self.bundle.contains(&section.mid) {
                return Err(SdpError::NotBundled { mid: mid(section) });
            }
        }
        // RFC 9143 §7.3: what is bundled uses the transport of the tagged m-section. If that one is refused another is
        // tagged by the answer, which is sound only if it names the same transport.
        let tagged = tagged(&self.sections, &self.bundle);
        if tagged.is_some_and(|place| taken.contains(&place)) || self.idle_carrier(taken).is_some() {
            return Ok(());
        }
        let is_another = |ufrag: &String| *ufrag != self.peer.ice_ufrag;
        match sections.iter().find(|section| section.ice_ufrag.as_ref().is_some_and(is_another)) {
            Some(section) => Err(SdpError::DifferentTransport { mid: mid(section) }),
            None => Ok(()),
        }
    }
}

/// What a description is in the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Offer,
    Answer,
}

impl Part {
    /// Whether this `a=setup` of the peer's lets us be the passive side of DTLS. RFC 8842 §5.2 asks for actpass in offers; RFC
    /// 4145 §4 makes active of one that says nothing.
    fn may_set_up(self, setup: Option<&str>) -> bool {
        match self {
            Self::Offer => matches!(setup, None | Some("actpass" | "active")),
            Self::Answer => setup == Some("active"),
        }
    }
}

/// The place of the m-section whose transport attributes count: the first of the BUNDLE group, else the first at all.
fn tagged(sections: &[Section], bundle: &[String]) -> Option<usize> {
    let open = |section: &Section| section.alive;
    bundle
        .iter()
        .find_map(|mid| sections.iter().position(|section| open(section) && section.mid == *mid))
        .or_else(|| sections.iter().position(open))
}

/// Mids that no m-section has are left out, as are those said twice: an answer repeats the group.
fn bundle(attributes: &[Attribute<'_>], sections: &[Section]) -> Vec<String> {
    let groups = attributes.iter().filter(|attribute| attribute.name == "group");
    let mut bundles = groups
        .filter_map(|attribute| attribute.value.split_once(' '))
        .filter(|(semantics, _)| *semantics == "BUNDLE");
    let mut mids: Vec<String> = Vec::new();
    for mid in bundles.next().map_or("", |(_, mids)| mids).split(' ') {
        if sections.iter().any(|section| section.mid == mid) && !mids.iter().any(|earlier| earlier == mid) {
            mids.push(mid.to_owned());
        }
    }
    mids
}

/// Sixty-four m-sections at most, so all pairs are few.
fn refuse_duplicate_mids(sections: &[Section]) -> Result<(), SdpError> {
    for (place, section) in (0_usize..).zip(sections) {
        if sections.iter().take(place).any(|earlier| earlier.mid == section.mid) {
            return Err(SdpError::DuplicateMid { mid: section.mid.clone() });
        }
    }
    Ok(())
}

fn offers_trickle(description: &Description<'_>) -> bool {
    let levels = description.media.iter().map(|media| &media.attributes);
    levels.chain([&description.attributes]).flatten().any(|attribute| {
        attribute.name == "ice-options" && attribute.value.split([' ', ',']).any(|option| option == "trickle")
    })
}
