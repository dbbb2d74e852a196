//! Writes answers, and offers, which are answers to what would have been a fitting offer. RFC 3264 §6, RFC 8829 §5.3, RFC 9143 §7.3, RFC 8839 §4.
//!
//! An answer has the offer's m-sections in the offer's order. What is not accepted has port 0, or is inactive where it
//! carries the transport of the others. One transport carries all: its candidates stand in the first m-section with a port,
//! its credentials in each, as old clients want them.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use fanlight_wire::{PayloadType, Ssrc};

use super::agreed::{Agreed, media_formats};
use super::codec;
use super::extension::Extension;
use super::offer::Offer;
use super::section::{Direction, SCTP_PORT, Section};

/// The canonical name of all that we send a peer, and the id of its one MediaStream. RFC 3550 §6.5.1, RFC 8830 §2.
pub const CNAME: &str = "fanlight";

/// The largest message a data channel takes, in bytes. RFC 8841 §6.
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// Our end of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportParameters {
    /// Names the answer in its o= line; the top bit is not used. RFC 8829 §5.2.1.
    pub origin_id: u64,
    pub ice_ufrag: String,
    pub ice_pwd: String,
    pub fingerprint_sha256: [u8; 32],
    /// Our addresses by UDP, the best first.
    pub candidates: Vec<SocketAddr>,
    /// Our addresses by TCP, where we wait to be connected to. RFC 6544.
    pub tcp_candidates: Vec<SocketAddr>,
}

/// An m-section that is accepted.
pub(super) struct Accepted<'a> {
    pub(super) agreed: &'a Agreed,
    /// As we see it.
    pub(super) direction: Direction,
    /// What we send in it.
    pub(super) stream: Option<Stream>,
}

/// The SSRCs of a track that we send.
pub(super) struct Stream {
    pub(super) ssrc: Ssrc,
    pub(super) rtx_ssrc: Option<Ssrc>,
}

/// Our part in DTLS, as `a=setup` says it. RFC 8842 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// An answer's.
    Passive,
    /// An offer's: the peer chooses.
    ActPass,
}

/// Writes the answer that accepts these m-sections of the offer and the data channel at this place.
pub(super) fn write(
    offer: &Offer,
    ours: &TransportParameters,
    accepted: &[Accepted<'_>],
    data: Option<usize>,
    setup: Setup,
) -> String {
    let taken: Vec<usize> = accepted.iter().map(|section| section.agreed.place).chain(data).collect();
    let idle = offer.idle_carrier(&taken);
    let places: Vec<usize> = taken.into_iter().chain(idle).collect();
    let mut answer = Answer { text: String::new(), ours, setup };
    answer.session(offer, &places);
    for (place, section) in (0_usize..).zip(&offer.sections) {
        let is_first = places.iter().min() == Some(&place);
        match accepted.iter().find(|accepted| accepted.agreed.place == place) {
            Some(accepted) => answer.media(offer, section, accepted, is_first),
            None if data == Some(place) => answer.data(section, is_first),
            None if idle == Some(place) => answer.idle(offer, place, section, is_first),
            None => answer.refusal(section),
        }
    }
    answer.text
}

/// Appends one line. `write!` to a String cannot fail.
macro_rules! line {
    ($answer:expr, $($format:tt)*) => { $answer.line(format_args!($($format)*)) };
}

struct Answer<'a> {
    text: String,
    ours: &'a TransportParameters,
    setup: Setup,
}

impl Answer<'_> {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = self.text.write_fmt(line);
        self.text.push_str("\r\n");
    }

    fn session(&mut self, offer: &Offer, places: &[usize]) {
        line!(self, "v=0");
        line!(self, "o=- {} 2 IN IP4 127.0.0.1", self.ours.origin_id & (u64::MAX >> 1));
        line!(self, "s=-");
        line!(self, "t=0 0");
        let is_accepted = |mid: &&String| {
            let place = offer.sections.iter().position(|section| section.mid == **mid);
            place.is_some_and(|place| places.contains(&place))
        };
        let bundle: Vec<&str> = offer.bundle.iter().filter(is_accepted).map(String::as_str).collect();
        if !bundle.is_empty() {
            line!(self, "a=group:BUNDLE {}", bundle.join(" "));
        }
        if offer.extmap_allow_mixed {
            line!(self, "a=extmap-allow-mixed");
        }
        if offer.trickle {
            line!(self, "a=ice-options:trickle");
        }
        line!(self, "a=msid-semantic: WMS *");
    }

    fn media(&mut self, offer: &Offer, section: &Section, accepted: &Accepted<'_>, is_first: bool) {
        let agreed = accepted.agreed;
        let types = [agreed.red_payload_type, Some(agreed.payload_type), agreed.rtx_payload_type];
        let types: Vec<String> = types.iter().flatten().map(|number| number.value().to_string()).collect();
        line!(self, "m={} 9 {} {}", section.media, section.protocol, types.join(" "));
        self.transport(section, is_first);
        line!(self, "a={}", name(accepted.direction));
        line!(self, "a=rtcp-mux");
        if section.rtcp_rsize {
            line!(self, "a=rtcp-rsize");
        }
        if section.extmap_allow_mixed && !offer.extmap_allow_mixed {
            line!(self, "a=extmap-allow-mixed");
        }
        for extension in &agreed.extensions {
            self.extension(extension);
        }
        self.codec(agreed);
        self.simulcast(agreed);
        if let Some(stream) = &accepted.stream {
            self.stream(stream, if agreed.codec().is_video() { "video" } else { "audio" });
        }
    }

    fn data(&mut self, section: &Section, is_first: bool) {
        line!(self, "m={} 9 {} {}", section.media, section.protocol, section.first_format);
        self.transport(section, is_first);
        line!(self, "a=sctp-port:{SCTP_PORT}");
        line!(self, "a=max-message-size:{MESSAGE_BYTES_MAX}");
    }

    /// Nothing flows in it; it is there for its transport. A codec of ours is named if there is one, for peers that look.
    fn idle(&mut self, offer: &Offer, place: usize, section: &Section, is_first: bool) {
        if let Some((format, variant)) = media_formats(section).next() {
            let mut agreed = Agreed::new(place, section, format, variant);
            agreed.parameters = codec::keep(&format.parameters, codec::receiver_parameters(variant.codec()));
            let accepted = Accepted { agreed: &agreed, direction: Direction::Inactive, stream: None };
            return self.media(offer, section, &accepted, is_first);
        }
        line!(self, "m={} 9 {} {}", section.media, section.protocol, section.first_format);
        self.transport(section, is_first);
        line!(self, "a=rtcp-mux");
        self.inactive(section);
    }

    fn refusal(&mut self, section: &Section) {
        line!(self, "m={} 0 {} {}", section.media, section.protocol, section.first_format);
        line!(self, "c=IN IP4 0.0.0.0");
        line!(self, "a=mid:{}", section.mid);
        self.inactive(section);
    }

    fn inactive(&mut self, section: &Section) {
        line!(self, "a=inactive");
        for attribute in &section.first_format_lines {
            line!(self, "a={attribute}");
        }
    }

    fn transport(&mut self, section: &Section, is_first: bool) {
        line!(self, "c=IN IP4 0.0.0.0");
        line!(self, "a=mid:{}", section.mid);
        line!(self, "a=ice-ufrag:{}", self.ours.ice_ufrag);
        line!(self, "a=ice-pwd:{}", self.ours.ice_pwd);
        let digits: Vec<String> =
            self.ours.fingerprint_sha256.iter().map(|byte| format!("{byte:02X}")).collect();
        line!(self, "a=fingerprint:sha-256 {}", digits.join(":"));
        let setup = if self.setup == Setup::Passive { "passive" } else { "actpass" };
        line!(self, "a=setup:{setup}");
        if !is_first {
            return;
        }
        for attribute in candidates(self.ours) {
            line!(self, "a={attribute}");
        }
    }

    fn extension(&mut self, extension: &Extension) {
        let Extension { id, uri, direction, .. } = extension;
        match direction {
            None => line!(self, "a=extmap:{id} {uri}"),
            Some(direction) => line!(self, "a=extmap:{id}/{} {uri}", name(mirrored(*direction))),
        }
    }

    fn codec(&mut self, agreed: &Agreed) {
        let number = agreed.payload_type.value();
        let (name, clock) = (codec::name(agreed.codec()), codec::clock_rate_hz(agreed.codec()));
        match codec::channels(agreed.codec()) {
            Some(channels) => line!(self, "a=rtpmap:{number} {name}/{clock}/{channels}"),
            None => line!(self, "a=rtpmap:{number} {name}/{clock}"),
        }
        for value in agreed.feedback.values() {
            line!(self, "a=rtcp-fb:{number} {value}");
        }
        if !agreed.parameters.is_empty() {
            let pairs: Vec<String> =
                agreed.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            line!(self, "a=fmtp:{number} {}", pairs.join(";"));
        }
        if let Some(red) = agreed.red_payload_type.map(PayloadType::value) {
            line!(self, "a=rtpmap:{red} red/{clock}/2");
            line!(self, "a=fmtp:{red} {number}/{number}");
        }
        if let Some(rtx) = agreed.rtx_payload_type.map(PayloadType::value) {
            line!(self, "a=rtpmap:{rtx} rtx/{clock}");
            line!(self, "a=fmtp:{rtx} apt={number}");
        }
    }

    /// The encodings that we take, none of them paused. RFC 8853 §5.3.2.
    fn simulcast(&mut self, agreed: &Agreed) {
        for rid in &agreed.rids {
            line!(self, "a=rid:{}", rid.received(agreed.payload_type));
        }
        if !agreed.rids.is_empty() {
            let names: Vec<&str> = agreed.rids.iter().map(|rid| rid.name.as_str()).collect();
            line!(self, "a=simulcast:recv {}", names.join(";"));
        }
    }

    /// Audio and video name one MediaStream, so that the viewer keeps them in step.
    fn stream(&mut self, stream: &Stream, label: &str) {
        line!(self, "a=msid:{CNAME} {label}");
        if let Some(rtx_ssrc) = stream.rtx_ssrc {
            line!(self, "a=ssrc-group:FID {} {}", stream.ssrc.0, rtx_ssrc.0);
        }
        for ssrc in [Some(stream.ssrc), stream.rtx_ssrc].into_iter().flatten() {
            line!(self, "a=ssrc:{} cname:{CNAME}", ssrc.0);
            line!(self, "a=ssrc:{} msid:{CNAME} {label}", ssrc.0);
        }
    }
}

/// Our candidates as attributes, and that these are all.
pub(super) fn candidates(ours: &TransportParameters) -> impl Iterator<Item = String> {
    let udp = (0..).zip(&ours.candidates).map(|(rank, address)| {
        let (ip, port, priority) = (address.ip(), address.port(), host_priority(rank));
        format!("1 udp {priority} {ip} {port} typ host")
    });
    let tcp = (0..).zip(&ours.tcp_candidates).map(|(rank, address)| {
        let (ip, port, priority) = (address.ip(), address.port(), tcp_host_priority(rank));
        format!("1 tcp {priority} {ip} {port} typ host tcptype passive")
    });
    let numbered = (1..).zip(udp.chain(tcp));
    let attributes = numbered.map(|(foundation, rest)| format!("candidate:{foundation} {rest}"));
    attributes.chain(["end-of-candidates".to_owned()])
}

/// RFC 8445 §5.1.2: type preference 126 for host, the rank as local preference, component 1.
fn host_priority(rank: u32) -> u32 {
    (126 << 24) | (65_535_u32.saturating_sub(rank) << 8) | 255
}

/// RFC 6544 §4.2: a type preference below that of any UDP host (libwebrtc's 90), and in the local preference 4 for passive
/// above 13 bits for the rank.
fn tcp_host_priority(rank: u32) -> u32 {
    const RANKS: u32 = 1 << 13;
    let local_preference = 4 * RANKS + (RANKS - 1).saturating_sub(rank);
    (90 << 24) | (local_preference << 8) | 255
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// What the offerer sends we receive.
fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::SendOnly => Direction::RecvOnly,
        Direction::RecvOnly => Direction::SendOnly,
        both => both,
    }
}
