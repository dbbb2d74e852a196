//! One str0m session on one socket: what publisher and viewer have in common.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpApi};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};

use super::answer::Answer;
use super::resource::{Endpoint, Resource, SignallingError};
use super::socket::Socket;

/// A session could not be opened or driven.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Signalling(#[from] SignallingError),
    #[error("str0m: {0}")]
    Rtc(#[from] RtcError),
    #[error("str0m did not take its own offer's answer: {0}\n{1}")]
    Answer(String, String),
    #[error("the answer has no candidate by TCP: {0}")]
    NoTcp(String),
    #[error("the socket: {0}")]
    Io(#[from] std::io::Error),
}

/// When the steps of a connection were done, counted from before the POST.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The answer was there.
    pub answered: Duration,
    /// ICE had a pair that works.
    pub ice: Option<Duration>,
    /// DTLS was up: media could flow.
    pub dtls: Option<Duration>,
    /// The data channel was open.
    pub channel: Option<Duration>,
}

impl SessionError {
    /// The HTTP status, if the server refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Signalling(error) => error.status(),
            _ => None,
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// This side closed DTLS.
    HungUp,
    /// The server closed DTLS.
    Closed,
    /// ICE lost its consent.
    ConsentLost,
}

/// The clear part of an RTP packet (RFC 3550 §5.1), as the wire shows it before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpOnWire {
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
}

impl RtpOnWire {
    /// None: the datagram is no RTP (RFC 7983, RFC 5761 §4).
    pub(crate) fn of(datagram: &[u8]) -> Option<Self> {
        let ([128..=191, second, ..], Some(ssrc)) = (datagram, datagram.get(8..12)) else { return None };
        let payload_type = second & 0x7f;
        let rtcp = (64..=95).contains(&payload_type);
        let ssrc = ssrc.iter().fold(0, |ssrc, byte| ssrc << 8 | u32::from(*byte));
        (!rtcp).then_some(Self { payload_type, ssrc })
    }
}

/// What a client does with what goes in and out of its session.
pub(crate) trait Part {
    /// Whether a datagram that came gets in; else it is lost on the way.
    fn admits(&mut self, rtp: RtpOnWire) -> bool;
    /// Whether a datagram gets out.
    fn releases(&mut self, rtp: RtpOnWire) -> bool;
    /// An event; `via` is the packet that brought it.
    fn hears(&mut self, event: Event, via: Option<RtpOnWire>);
}

/// See the file's head.
pub(crate) struct Session {
    pub(crate) rtc: Rtc,
    pub(crate) socket: Socket,
    pub(crate) resource: Resource,
    pub(crate) answer: Answer,
    pub(crate) milestones: Milestones,
    pub(crate) end: Option<End>,
    address: SocketAddr,
    /// Where the last datagram went.
    server: Option<SocketAddr>,
    opened: Instant,
    wake: Instant,
}

impl Session {
    /// Offers what `propose` adds, over the endpoint.
    pub(crate) fn open<T>(
        endpoint: &Endpoint,
        config: RtcConfig,
        protocol: Protocol,
        data_channel: bool,
        propose: impl FnOnce(&mut SdpApi<'_>) -> T,
    ) -> Result<(Self, T), SessionError> {
        let opened = Instant::now();
        let mut rtc = config.build(opened);
        let mut socket = None;
        if protocol == Protocol::Udp {
            socket = Some(add_candidate(&mut rtc, Socket::udp(endpoint.server)?)?);
        }
        let mut changes = rtc.sdp_api();
        let proposed = propose(&mut changes);
        if data_channel {
            changes.add_channel("fanlight".to_owned());
        }
        let (offer, pending) =
            changes.apply().ok_or_else(|| RtcError::RemoteSdp("nothing to offer".to_owned()))?;
        let (answer, resource) = endpoint.post(&offer.to_sdp_string())?;
        let answered = opened.elapsed();
        let refused = |error: String| SessionError::Answer(error, answer.clone());
        let parsed = SdpAnswer::from_sdp_string(&answer).map_err(|error| refused(error.to_string()))?;
        rtc.sdp_api().accept_answer(pending, parsed).map_err(|error| refused(error.to_string()))?;
        let socket = match (socket, Answer::parse(&answer)) {
            (Some(socket), _) => socket,
            (None, Answer { tcp_address: Some(server), .. }) => {
                add_candidate(&mut rtc, Socket::tcp(server)?)?
            }
            (None, _) => return Err(SessionError::NoTcp(answer)),
        };
        let session = Self {
            rtc,
            address: socket.local_address()?,
            socket,
            resource,
            answer: Answer::parse(&answer),
            milestones: Milestones { answered, ..Milestones::default() },
            end: None,
            server: None,
            opened,
            wake: opened,
        };
        Ok((session, proposed))
    }

    /// Takes what has come and does what is due. Gives back when it wants to be called again without new input.
    pub(crate) fn poll(&mut self, part: &mut dyn Part) -> Result<Instant, SessionError> {
        self.drain(part, None)?;
        while self.rtc.is_alive()
            && let Some((datagram, from)) = self.socket.receive()?
        {
            self.receive(part, from, &datagram)?;
        }
        let now = Instant::now();
        if self.rtc.is_alive() && self.wake <= now {
            self.rtc.handle_input(Input::Timeout(now))?;
            self.drain(part, None)?;
        }
        Ok(self.wake)
    }

    /// Tells str0m the time, so that what was written leaves.
    pub(crate) fn flush(&mut self, part: &mut dyn Part) -> Result<(), SessionError> {
        self.rtc.handle_input(Input::Timeout(Instant::now()))?;
        self.drain(part, None)
    }

    /// Closes DTLS (RFC 8446 §6.1, close_notify).
    pub(crate) fn hang_up(&mut self, part: &mut dyn Part) -> Result<(), SessionError> {
        self.rtc.close()?;
        self.end = Some(End::HungUp);
        self.drain(part, None)
    }

    /// Sends any bytes to where media goes.
    pub(crate) fn inject(&mut self, datagram: &[u8]) -> Result<(), SessionError> {
        self.server.map_or(Ok(()), |server| Ok(self.socket.send(datagram, server)?))
    }

    fn receive(
        &mut self,
        part: &mut dyn Part,
        source: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), SessionError> {
        let rtp = RtpOnWire::of(datagram);
        if rtp.is_some_and(|rtp| !part.admits(rtp)) {
            return Ok(());
        }
        // A datagram that is nothing of WebRTC is not for this session.
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let receive = Receive { proto: self.socket.protocol(), source, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
        self.drain(part, rtp)
    }

    fn drain(&mut self, part: &mut dyn Part, via: Option<RtpOnWire>) -> Result<(), SessionError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wake) => {
                    self.wake = wake;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    let datagram: &[u8] = &transmit.contents;
                    self.server = Some(transmit.destination);
                    if RtpOnWire::of(datagram).is_none_or(|rtp| part.releases(rtp)) {
                        self.socket.send(datagram, transmit.destination)?;
                    }
                }
                Output::Event(event) => {
                    self.note(&event);
                    part.hears(event, via);
                }
            }
        }
    }

    fn note(&mut self, event: &Event) {
        let at = Some(self.opened.elapsed());
        match event {
            Event::IceConnectionStateChange(state) if state.is_connected() => {
                self.milestones.ice = self.milestones.ice.or(at);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.end = Some(End::ConsentLost)
            }
            Event::Connected => self.milestones.dtls = at,
            Event::ChannelOpen(..) => self.milestones.channel = at,
            Event::Closed => self.end = self.end.or(Some(End::Closed)),
            _ => {}
        }
    }
}

/// Tells ICE of the socket. A TCP one is where this side connects from.
fn add_candidate(rtc: &mut Rtc, socket: Socket) -> Result<Socket, SessionError> {
    let (address, builder) = (socket.local_address()?, Candidate::builder());
    let candidate = match socket.protocol() {
        Protocol::Udp => builder.udp().host(address).build(),
        _ => builder.tcp().host(address).tcptype(TcpType::Active).build(),
    };
    rtc.add_local_candidate(candidate.map_err(RtcError::from)?);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses are meant for media alone: a lost RTCP or DTLS packet would test something else.
    #[test]
    fn only_media_packets_are_taken_for_rtp() {
        let datagram = |first, second| [first, second, 0, 1, 0, 0, 0, 2, 0, 0, 1, 3, 9];
        assert_eq!(RtpOnWire::of(&datagram(0x80, 0xe0)), Some(RtpOnWire { payload_type: 96, ssrc: 259 }));
        for (first, second) in [(0x80, 200), (0x81, 205), (22, 254), (0, 1), (0x40, 96)] {
            assert_eq!(RtpOnWire::of(&datagram(first, second)), None, "{first} {second}");
        }
        assert_eq!(RtpOnWire::of(&[0x80, 0x60, 0, 1]), None);
    }
}
