//! A stock str0m client with one video track on a socket of its own: what the server is tested with by itself.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use fanlight_bench::http::Url;
use str0m::change::SdpAnswer;
use str0m::format::{Codec, CodecConfig, CodecSpec, PayloadParams};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::http::unless_blocked;

pub(super) type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TIMEOUT: Duration = Duration::from_secs(10);

/// See the file's head.
pub(super) struct Client {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Mid,
    session: Url,
    is_connected: bool,
    /// Media that came; str0m unwraps retransmissions.
    pub(super) packets: Vec<RtpPacket>,
    /// Wishes for a key frame that came.
    pub(super) wishes: u32,
}

impl Client {
    /// Posts an offer and takes the answer. `payload_type` is what this client calls the codec, and one more its RTX.
    pub(super) fn join(url: &str, direction: Direction, codec: Codec, payload_type: u8) -> TestResult<Self> {
        let resend = Some((payload_type + 1).into());
        let params = PayloadParams::new(payload_type.into(), resend, specification(codec)?);
        let mut config = Rtc::builder().set_rtp_mode(true);
        *config.codec_config() = CodecConfig::new_from_payload_params(vec![params]);
        let mut rtc = config.build(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        rtc.add_local_candidate(Candidate::host(socket.local_addr()?, Protocol::Udp)?);
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Video, direction, None, None, None);
        let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
        let endpoint: Url = url.parse()?;
        let headers = [("Content-Type", "application/sdp")];
        let response = endpoint.request("POST", &headers, &offer.to_sdp_string())?;
        assert_eq!(response.status, 201, "{}", response.body);
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&response.body)?)?;
        let session = endpoint.join(response.header("location").ok_or("no Location")?)?;
        let (packets, wishes) = (Vec::new(), 0);
        Ok(Self { rtc, socket, mid, session, is_connected: false, packets, wishes })
    }

    /// Sends one packet; `sequence` is below 65,536.
    pub(super) fn send(&mut self, sequence: u16, payload: &[u8]) -> TestResult {
        let media = self.rtc.media(self.mid).ok_or("no media")?;
        let payload_type = *media.remote_pts().first().ok_or("no payload type")?;
        let number = u64::from(sequence).into();
        let write = RtpWrite::new(payload_type, number, 90 * u32::from(sequence), Instant::now(), payload);
        let mut direct = self.rtc.direct_api();
        direct.stream_tx_by_mid(self.mid, None).ok_or("no stream")?.write_rtp(write);
        self.turn()
    }

    /// Asks for a key frame, once something has come.
    pub(super) fn wish(&mut self) -> TestResult {
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(self.mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.turn()
    }

    /// Receives what is there and sends what is due.
    pub(super) fn turn(&mut self) -> TestResult {
        let mut buffer = [0; 2_048];
        while let Some((len, source)) = unless_blocked(self.socket.recv_from(&mut buffer))? {
            let (proto, destination) = (Protocol::Udp, self.socket.local_addr()?);
            let contents = buffer[..len].try_into()?;
            let receive = Receive { proto, source, destination, contents };
            self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
            self.drain()?;
        }
        self.rtc.handle_input(Input::Timeout(Instant::now()))?;
        self.drain()
    }

    pub(super) fn leave(self) -> TestResult<u16> {
        Ok(self.session.request("DELETE", &[], "")?.status)
    }

    fn drain(&mut self) -> TestResult {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(_) => return Ok(()),
                Output::Transmit(transmit) => {
                    self.socket.send_to(&transmit.contents, transmit.destination)?;
                }
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.packets.push(packet),
                Output::Event(Event::KeyframeRequest(_)) => self.wishes += 1,
                Output::Event(_) => {}
            }
        }
    }
}

/// Turns all until it is so.
pub(super) fn turn_until(clients: &mut [&mut Client], is_so: impl Fn(&[&mut Client]) -> bool) -> TestResult {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so(clients) {
        assert!(Instant::now() < deadline, "it did not come to that within {TIMEOUT:?}");
        for client in &mut *clients {
            client.turn()?;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Turns all until they are connected.
pub(super) fn connect(clients: &mut [&mut Client]) -> TestResult {
    turn_until(clients, |clients| clients.iter().all(|client| client.is_connected))
}

/// The first variant of a codec that str0m knows.
fn specification(codec: Codec) -> TestResult<CodecSpec> {
    let all = CodecConfig::new_with_defaults();
    let params = all.params().iter().find(|params| params.spec().codec == codec);
    Ok(params.ok_or("no such codec")?.spec())
}
