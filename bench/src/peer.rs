//! One str0m session on one UDP socket: what publisher and viewer have in common.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use str0m::change::{SdpAnswer, SdpApi, SdpPendingOffer};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

use crate::road::Road;

/// Bytes of a socket's receive buffer: a second of a usual stream, so that a generator that was held up loses nothing.
const RECEIVE_BUFFER: usize = 1 << 20;
/// While it connects, a session sleeps at most so long.
const CONNECTING_INTERVAL: Duration = Duration::from_millis(20);
/// Longest datagram that is read whole while connecting.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// A session could not be opened or driven.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("the WebRTC engine: {0}")]
    Rtc(#[from] RtcError),
    #[error("the answer cannot be used: {0}\n{1}")]
    Answer(String, String),
    #[error("a socket: {0}")]
    Io(#[from] io::Error),
    #[error("answered, but {0}")]
    NotConnected(&'static str),
}

/// What str0m has said so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heard {
    /// DTLS is up.
    pub(crate) connected: bool,
    /// The server closed DTLS.
    pub(crate) closed: bool,
    /// PLI and FIR.
    pub(crate) key_frame_wishes: u64,
}

/// See the file's head.
pub(crate) struct Peer {
    pub(crate) rtc: Rtc,
    pub(crate) heard: Heard,
    pub(crate) socket: UdpSocket,
    pub(crate) road: Option<Road>,
    address: SocketAddr,
    /// Where the last DTLS datagram went: where RTCP goes.
    server: Option<SocketAddr>,
    /// When str0m wants to be told the time.
    wake: Instant,
    /// Whether str0m may send SRTP and SRTCP. Where we do it ourselves it must not: one writer for each index.
    may_send_media: bool,
    pending: Option<SdpPendingOffer>,
}

impl Peer {
    /// Makes a socket for a session, and an offer of what `propose` adds. `local` is an address that the server reaches.
    pub(crate) fn offer<T>(
        mut rtc: Rtc,
        local: IpAddr,
        may_send_media: bool,
        road: Option<Road>,
        propose: impl FnOnce(&mut SdpApi<'_>) -> T,
    ) -> Result<(Self, String, T), PeerError> {
        let socket = UdpSocket::bind((local, 0))?;
        socket.set_nonblocking(true)?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            // Not permitted: the kernel gives what net.core.rmem_max allows.
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER).map_err(io::Error::from)?;
        }
        let address = socket.local_addr()?;
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).map_err(RtcError::from)?);
        let mut changes = rtc.sdp_api();
        let proposed = propose(&mut changes);
        let nothing = || RtcError::RemoteSdp("nothing to offer".to_owned());
        let (offer, pending) = changes.apply().ok_or_else(nothing)?;
        let wake = Instant::now();
        let (heard, pending) = (Heard::default(), Some(pending));
        let peer = Self { rtc, heard, socket, road, address, server: None, wake, may_send_media, pending };
        Ok((peer, offer.to_sdp_string(), proposed))
    }

    /// Takes the answer to the offer; the session begins to connect.
    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), PeerError> {
        let refused = |error: String| PeerError::Answer(error, answer.to_owned());
        // str0m has work now; until here it asked to be left alone for seconds.
        self.wake = Instant::now();
        let parsed = SdpAnswer::from_sdp_string(answer).map_err(|error| refused(error.to_string()))?;
        let pending = self.pending.take().ok_or_else(|| refused("a second answer".to_owned()))?;
        self.rtc.sdp_api().accept_answer(pending, parsed).map_err(|error| refused(error.to_string()))
    }

    /// Connects, sleeping while nothing comes. Gives back the media that came meanwhile.
    pub(crate) fn connect(&mut self, deadline: Instant) -> Result<Vec<Vec<u8>>, PeerError> {
        let (mut early, mut buffer) = (Vec::new(), vec![0; DATAGRAM_BYTES_MAX]);
        self.socket.set_nonblocking(false)?;
        while !self.heard.connected {
            let now = Instant::now();
            if self.heard.closed || !self.rtc.is_alive() {
                return Err(PeerError::NotConnected("the server closed before DTLS was up"));
            }
            if deadline <= now {
                return Err(PeerError::NotConnected("ICE and DTLS did not come through in time"));
            }
            self.advance(now)?;
            let next = self.next().min(deadline).saturating_duration_since(now);
            // A time-out of zero would be none.
            let sleep = next.clamp(Duration::from_millis(1), CONNECTING_INTERVAL);
            self.socket.set_read_timeout(Some(sleep))?;
            if let Some((len, from)) = self.receive(&mut buffer)? {
                self.arrive(Instant::now(), from, &buffer[..len], &mut early)?;
            }
            while let Some((from, datagram)) =
                self.road.as_mut().and_then(|road| road.down.leave(Instant::now()))
            {
                self.take_or_keep(from, &datagram, &mut early)?;
            }
        }
        self.socket.set_nonblocking(true)?;
        Ok(early)
    }

    /// What is left of the road goes before the session sees it.
    fn arrive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        early: &mut Vec<Vec<u8>>,
    ) -> Result<(), PeerError> {
        if let Some(road) = &mut self.road {
            road.down.enter(now, from, datagram);
            return Ok(());
        }
        self.take_or_keep(from, datagram, early)
    }

    fn take_or_keep(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        early: &mut Vec<Vec<u8>>,
    ) -> Result<(), PeerError> {
        if is_media(datagram) && !self.may_send_media {
            early.push(datagram.to_vec());
            return Ok(());
        }
        self.take(Instant::now(), from, datagram)
    }

    /// When there is something to do without a datagram coming.
    fn next(&self) -> Instant {
        let road = self.road.as_ref();
        let lanes =
            road.and_then(|road| road.down.next()).into_iter().chain(road.and_then(|road| road.up.next()));
        lanes.fold(self.wake, Instant::min)
    }

    /// The next datagram, if there is one: its bytes in `buffer` and where it came from.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.socket.recv_from(buffer) {
            Ok(received) => Ok(Some(received)),
            // ICMP says that nobody listens: the server is gone, and ICE will find out.
            Err(error) if is_passing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands a datagram to str0m.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), PeerError> {
        // A datagram that is nothing of WebRTC is not for this session.
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(now, receive))?;
        self.drain()
    }

    /// Tells str0m the time if it asked to be told by now, and sends what has come through the road.
    pub(crate) fn advance(&mut self, now: Instant) -> Result<(), PeerError> {
        while let Some((to, datagram)) = self.road.as_mut().and_then(|road| road.up.leave(now)) {
            self.transmit(&datagram, to)?;
        }
        if self.wake <= now && self.rtc.is_alive() { self.flush(now) } else { Ok(()) }
    }

    /// Tells str0m the time, so that what was written leaves.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), PeerError> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    /// Sends a datagram of ours to where the session is.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.server.map_or(Ok(()), |server| self.send_to(datagram, server))
    }

    fn drain(&mut self) -> Result<(), PeerError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wake) => {
                    self.wake = wake;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    let datagram: &[u8] = &transmit.contents;
                    if is_dtls(datagram) {
                        self.server = Some(transmit.destination);
                    }
                    if self.may_send_media || !is_media(datagram) {
                        self.send_to(datagram, transmit.destination)?;
                    }
                }
                Output::Event(event) => self.heard.note(&event),
            }
        }
    }

    fn send_to(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        if let Some(road) = &mut self.road {
            road.up.enter(Instant::now(), to, datagram);
            return Ok(());
        }
        self.transmit(datagram, to)
    }

    /// A full buffer or a server that is gone loses the datagram, as any network may.
    fn transmit(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.send_to(datagram, to) {
            Err(error) if !is_passing(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Nothing there, or ICMP says that nobody listens: the server is gone, and ICE will find out.
fn is_passing(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | ConnectionRefused | TimedOut | Interrupted)
}

impl Heard {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.closed = true,
            Event::KeyframeRequest(_) => self.key_frame_wishes += 1,
            _ => {}
        }
    }
}

/// The address of this machine that datagrams to `server` leave from.
pub(crate) fn local_address(server: SocketAddr) -> io::Result<IpAddr> {
    let any = if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    // For UDP this sends nothing; it looks up the route.
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

/// SRTP or SRTCP. RFC 7983 §7.
pub(crate) fn is_media(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (128..=191).contains(first))
}

fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..=63).contains(first))
}
