//! One str0m session of the server: what publisher and viewer have in common.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::media::{MediaKind, Mid};
use str0m::net::Protocol;
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

/// What a session has to say.
pub(super) enum Heard {
    /// Is to be sent.
    Datagram(SocketAddr, Vec<u8>),
    /// Came from the peer.
    Packet(Box<RtpPacket>),
    /// The peer asks for a key frame.
    Wish(MediaKind),
    /// DTLS is up.
    Connected,
}

/// See the file's head.
pub(super) struct Session {
    pub(super) rtc: Rtc,
    /// In the order of the offer.
    pub(super) tracks: Vec<(Mid, MediaKind)>,
    pub(super) is_connected: bool,
    /// When str0m wants to be told the time.
    wake: Instant,
}

impl Session {
    /// Answers an offer; media comes and goes at `address`.
    pub(super) fn answer(offer: &str, address: SocketAddr, now: Instant) -> Result<(Self, String), RtcError> {
        let offer =
            SdpOffer::from_sdp_string(offer).map_err(|error| RtcError::RemoteSdp(error.to_string()))?;
        let mut rtc = Rtc::builder().set_rtp_mode(true).set_ice_lite(true).build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp)?);
        let answer = rtc.sdp_api().accept_offer(offer)?.to_sdp_string();
        Ok((Self { rtc, tracks: Vec::new(), is_connected: false, wake: now }, answer))
    }

    /// Hands over a datagram, or tells the time.
    pub(super) fn take(&mut self, input: Input<'_>) -> Result<Vec<Heard>, RtcError> {
        self.rtc.handle_input(input)?;
        let mut all = Vec::new();
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wake) => {
                    self.wake = wake;
                    return Ok(all);
                }
                Output::Transmit(transmit) => {
                    all.push(Heard::Datagram(transmit.destination, transmit.contents.to_vec()));
                }
                Output::Event(event) => all.extend(self.note(event)),
            }
        }
    }

    /// Tells the time if str0m asked to be told by now.
    pub(super) fn advance(&mut self, now: Instant) -> Result<Vec<Heard>, RtcError> {
        let is_due = self.wake <= now && self.rtc.is_alive();
        if is_due { self.take(Input::Timeout(now)) } else { Ok(Vec::new()) }
    }

    /// Lets what was asked of str0m leave with the next turn.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.wake = now;
    }

    pub(super) fn kind_of(&self, mid: Mid) -> Option<MediaKind> {
        self.tracks.iter().find(|(one, _)| *one == mid).map(|(_, kind)| *kind)
    }

    fn note(&mut self, event: Event) -> Option<Heard> {
        match event {
            Event::MediaAdded(added) => self.tracks.push((added.mid, added.kind)),
            Event::Connected => {
                self.is_connected = true;
                return Some(Heard::Connected);
            }
            Event::RtpPacket(packet) => return Some(Heard::Packet(Box::new(packet))),
            Event::KeyframeRequest(wish) => return self.kind_of(wish.mid).map(Heard::Wish),
            _ => {}
        }
        None
    }
}
