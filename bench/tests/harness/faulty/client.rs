//! A stock str0m client with one video track on a socket of its own: what the server is tested with by itself.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use str0m::change::SdpAnswer;
use str0m::format::{Codec, CodecConfig, CodecSpec, PayloadParams};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
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
    /// The layers that it sends, of a simulcast.
    rids: Vec<Rid>,
    /// Its URL.
    session: String,
    is_connected: bool,
    /// Media that came; str0m unwraps retransmissions.
    pub(super) packets: Vec<RtpPacket>,
    /// Wishes for a key frame that came.
    pub(super) wishes: u32,
}

impl Client {
    /// Posts an offer and takes the answer. `payload_type` is what this client calls the codec, and one more its RTX.
    pub(super) fn join(
        url: &str,
        direction: Direction,
        layers: &[&str],
        codec: Codec,
        payload_type: u8,
    ) -> TestResult<Self> {
        let resend = Some((payload_type + 1).into());
        let params = PayloadParams::new(payload_type.into(), resend, specification(codec)?);
        let mut config = Rtc::builder().set_rtp_mode(true);
        *config.codec_config() = CodecConfig::new_from_payload_params(vec![params]);
        let mut rtc = config.build(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        rtc.add_local_candidate(Candidate::host(socket.local_addr()?, Protocol::Udp)?);
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Video, direction, None, None, simulcast(layers));
        let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
        let (head, answer) = request("POST", url, &offer.to_sdp_string())?;
        assert!(head.starts_with("HTTP/1.1 201 "), "{head}");
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;
        let location = head.lines().find_map(|line| line.strip_prefix("Location: "));
        let session = format!("http://{}{}", authority(url)?.0, location.ok_or("no Location")?);
        let rids = layers.iter().copied().map(Rid::from).collect();
        let (packets, wishes) = (Vec::new(), 0);
        Ok(Self { rtc, socket, mid, rids, session, is_connected: false, packets, wishes })
    }

    /// Sends one packet, of the layer at that place if there are layers; `sequence` is below 65,536.
    pub(super) fn send(&mut self, layer: usize, sequence: u16, payload: &[u8]) -> TestResult {
        let media = self.rtc.media(self.mid).ok_or("no media")?;
        let payload_type = *media.remote_pts().first().ok_or("no payload type")?;
        let number = u64::from(sequence).into();
        let write = RtpWrite::new(payload_type, number, 90 * u32::from(sequence), Instant::now(), payload);
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, self.rids.get(layer).copied());
        stream.ok_or("no stream")?.write_rtp(write);
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

    /// Ends the session; gives back the status line.
    pub(super) fn leave(self) -> TestResult<String> {
        let (head, _) = request("DELETE", &self.session, "")?;
        Ok(head.lines().next().unwrap_or_default().to_owned())
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

/// One request; gives back the head of the answer and its body.
fn request(method: &str, url: &str, body: &str) -> TestResult<(String, String)> {
    let (authority, path) = authority(url)?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    Ok((head.to_owned(), body.to_owned()))
}

/// Host and port of a URL, and what comes behind.
fn authority(url: &str) -> TestResult<(&str, &str)> {
    Ok(url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("no URL")?)
}

fn simulcast(layers: &[&str]) -> Option<Simulcast> {
    let mut simulcast = Simulcast::new();
    layers.iter().for_each(|layer| simulcast.add_send_layer(SimulcastLayer::new(layer)));
    (!layers.is_empty()).then_some(simulcast)
}

/// The first variant of a codec that str0m knows.
fn specification(codec: Codec) -> TestResult<CodecSpec> {
    let all = CodecConfig::new_with_defaults();
    let params = all.params().iter().find(|params| params.spec().codec == codec);
    Ok(params.ok_or("no such codec")?.spec())
}
