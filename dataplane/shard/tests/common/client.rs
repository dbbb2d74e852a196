//! A stock str0m client in memory: real ICE, DTLS and SCTP against the shard's real transport.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fanlight_shard::rtc::{Certificate, Rtc as ShardRtc, RtcParameters};
use fanlight_shard::transport::Transport;
use fanlight_shard::{Command, Remote, Role, SessionSpec};
use fanlight_wire::{Kind, Ssrc, classify};
use str0m::config::Fingerprint;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

use super::world::{Seat, World, ufrag_key};

/// Where all shards seem to be.
pub(crate) const SERVER: ([u8; 4], u16) = ([198, 51, 100, 1], 7000);

/// Virtual time between two looks at a client.
const STEP: Duration = Duration::from_millis(5);

/// See the file's head.
pub(crate) struct Client {
    pub(crate) rtc: Rtc,
    pub(crate) seat: Seat,
    /// Where it seems to be: its own address, unless a NAT says otherwise.
    pub(crate) seen_at: Remote,
    /// What it told its owner.
    pub(crate) events: Vec<Event>,
    /// What it sent in the last step.
    pub(crate) sent: Vec<Vec<u8>>,
    /// While set, RTP gets lost on the way to the shard, and from it.
    pub(crate) loses_upwards: bool,
    pub(crate) loses_downwards: bool,
}

/// What the two sides were told of each other, for tests to bend.
pub(crate) struct Signalling {
    pub(crate) password_at_client: String,
    pub(crate) fingerprint_at_shard: Vec<u8>,
    pub(crate) channel: bool,
    /// The shard's side made the offer: it is the controlling one.
    pub(crate) we_offer: bool,
}

impl Client {
    /// Signals and gives the shard its half of the session.
    pub(crate) fn join(
        world: &mut World,
        seat: Seat,
        role: Role,
        certificate: &Certificate,
        bend: impl FnOnce(&mut Signalling),
    ) -> Self {
        let (client, parameters) = Self::signal(world.now, seat, certificate, bend);
        let transport = Box::new(ShardRtc::new(parameters, certificate, world.now).unwrap());
        world.command(seat.shard, Command::Adopt(Box::new(session(&seat, transport, role))));
        client
    }

    /// Signals; returns the client and what the shard's half of the session is made of.
    pub(crate) fn signal(
        now: Instant,
        seat: Seat,
        certificate: &Certificate,
        bend: impl FnOnce(&mut Signalling),
    ) -> (Self, RtcParameters) {
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(now);
        let server = SocketAddr::from(SERVER);
        rtc.add_local_candidate(Candidate::host(seat.address.address, Protocol::Udp).unwrap());
        rtc.add_remote_candidate(Candidate::host(server, Protocol::Udp).unwrap());
        let ufrag = ufrag_key().encode(seat.shard, seat.key).unwrap();
        let ufrag = String::from_utf8(ufrag.to_vec()).unwrap();
        let password = "a-password-of-24-letters".to_owned();
        let mut direct = rtc.direct_api();
        let print = direct.local_dtls_fingerprint().clone();
        let mut signalling = Signalling {
            password_at_client: password.clone(),
            fingerprint_at_shard: print.bytes,
            channel: false,
            we_offer: false,
        };
        bend(&mut signalling);
        let theirs = direct.local_ice_credentials();
        let bytes = certificate.fingerprint_sha256.to_vec();
        direct.set_remote_fingerprint(Fingerprint { hash_func: "sha-256".to_owned(), bytes });
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: ufrag.clone(),
            pass: signalling.password_at_client,
        });
        direct.set_ice_controlling(!signalling.we_offer);
        direct.start_dtls(true).unwrap();
        if signalling.channel {
            direct.start_sctp(true);
        }
        let parameters = RtcParameters {
            local_ufrag: ufrag,
            local_password: password,
            remote_ufrag: theirs.ufrag,
            remote_password: theirs.pass,
            remote_fingerprint: (print.hash_func, signalling.fingerprint_at_shard),
            local_addresses: vec![server],
            local_tcp_addresses: Vec::new(),
            data_channel: signalling.channel,
            controlling: signalling.we_offer,
        };
        let client = Self {
            rtc,
            seat,
            seen_at: seat.address,
            events: Vec::new(),
            sent: Vec::new(),
            loses_upwards: false,
            loses_downwards: false,
        };
        (client, parameters)
    }

    /// Takes what came, and puts on the wire what it wants to say now.
    pub(crate) fn step(&mut self, world: &mut World) {
        for datagram in world.mail(self.seen_at) {
            if self.loses_downwards && classify(&datagram) == Kind::Rtp {
                continue;
            }
            self.hear(world.now, &datagram);
        }
        self.collect(world);
        for datagram in &self.sent {
            if !(self.loses_upwards && classify(datagram) == Kind::Rtp) {
                world.hand(self.seat.shard, self.seen_at, datagram.clone());
            }
        }
    }

    /// A datagram came from the shard.
    pub(crate) fn hear(&mut self, now: Instant, datagram: &[u8]) {
        let contents = datagram.try_into().unwrap();
        let (source, destination) = (SocketAddr::from(SERVER), self.seat.address.address);
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        // A client that is closed or that met a bad handshake says so here and takes no more.
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
    }

    /// What it wants to say now, without saying it.
    pub(crate) fn collect(&mut self, world: &World) {
        self.collect_at(world.now);
    }

    /// As [`Self::collect`], at that time.
    pub(crate) fn collect_at(&mut self, now: Instant) {
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.sent.clear();
        while let Ok(output) = self.rtc.poll_output() {
            match output {
                Output::Transmit(transmit) => self.sent.push(transmit.contents.to_vec()),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => break,
            }
        }
    }

    /// Payloads of the media that came since last asked, with their extended sequence numbers.
    pub(crate) fn media(&mut self) -> Vec<(u64, Vec<u8>)> {
        let packets = self.events.iter().filter_map(|event| match event {
            Event::RtpPacket(packet) => Some((*packet.seq_no, packet.payload.to_vec())),
            _ => None,
        });
        let packets = packets.collect();
        self.events.retain(|event| !matches!(event, Event::RtpPacket(_)));
        packets
    }
}

/// The shard's half of a session over that transport.
pub(crate) fn session(seat: &Seat, transport: Box<dyn Transport>, role: Role) -> SessionSpec {
    SessionSpec {
        key: seat.key,
        transport,
        local_ssrc: Ssrc(0xfa00_0000 + seat.number),
        role,
        bitrate_bps_max: None,
    }
}

/// Lets clients and shards live for some time.
pub(crate) fn live(world: &mut World, clients: &mut [&mut Client], duration: Duration) {
    let end = world.now + duration;
    while world.now < end {
        clients.iter_mut().for_each(|client| client.step(world));
        world.pass(STEP);
    }
}
