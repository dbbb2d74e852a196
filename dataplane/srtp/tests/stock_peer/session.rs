//! Two str0m sessions in memory under a virtual clock: one plays the control half of ours, the other is a
//! stock peer. ICE, DTLS and the key export are real; media never passes through our half, as in production.
//!
//! Our half's DTLS runs inside a tap that keeps a copy of the keying material. DTLS always agrees on GCM-256;
//! to have the other profiles as well, the tap of both sides names another one and cuts the material to its
//! length.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanlight_srtp::{Profile, SessionKeys};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// Virtual time that passes between two looks at the sessions.
const STEP: Duration = Duration::from_millis(5);

/// A DTLS provider that copies the exported keys and says which profile they are for.
#[derive(Debug)]
struct Tap {
    dtls: &'static dyn DtlsProvider,
    profile: Profile,
    exported: Arc<Mutex<Option<Vec<u8>>>>,
}

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.dtls.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let dtls = self.dtls.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(TappedDtls { dtls, profile: self.profile, exported: self.exported.clone() }))
    }
}

#[derive(Debug)]
struct TappedDtls {
    dtls: Box<dyn DtlsInstance>,
    profile: Profile,
    exported: Arc<Mutex<Option<Vec<u8>>>>,
}

impl DtlsInstance for TappedDtls {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.dtls.poll_output(buffer) {
            DtlsOutput::KeyingMaterial(material, negotiated) => {
                assert_eq!(negotiated, SrtpProfile::AEAD_AES_256_GCM, "two str0m peers take the longest");
                let material = &material[..self.profile.exporter_len()];
                *self.exported.lock().unwrap() = Some(material.to_vec());
                DtlsOutput::KeyingMaterial(KeyingMaterial::new(material), name_of(self.profile))
            }
            other => other,
        }
    }

    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.dtls.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}

/// str0m's name of a profile.
fn name_of(profile: Profile) -> SrtpProfile {
    match profile {
        Profile::AeadAes128Gcm => SrtpProfile::AEAD_AES_128_GCM,
        Profile::AeadAes256Gcm => SrtpProfile::AEAD_AES_256_GCM,
        Profile::Aes128CmSha1_80 => SrtpProfile::AES128_CM_SHA1_80,
    }
}

/// A str0m session and where it lives.
struct Peer {
    rtc: Rtc,
    address: SocketAddr,
    exported: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Peer {
    fn new(profile: Profile, address: &str, now: Instant) -> Self {
        let provider = from_feature_flags();
        let exported = Arc::new(Mutex::new(None));
        let tap = Tap { dtls: provider.dtls_provider, profile, exported: exported.clone() };
        // str0m wants its providers to live for ever; these are a few bytes of a test.
        let provider = CryptoProvider { dtls_provider: Box::leak(Box::new(tap)), ..provider };
        let rtc = Rtc::builder()
            .set_crypto_provider(Arc::new(provider))
            .set_rtp_mode(true)
            .set_rtcp_report_interval_audio(Duration::from_millis(100))
            .build(now);
        Self { rtc, address: address.parse().unwrap(), exported }
    }

    /// All that the peer wants to send and tell at `now`.
    fn poll(&mut self, now: Instant) -> (Vec<Vec<u8>>, Vec<Event>) {
        let (mut datagrams, mut events) = (Vec::new(), Vec::new());
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return (datagrams, events),
                Output::Transmit(transmit) => datagrams.push(transmit.contents.to_vec()),
                Output::Event(event) => events.push(event),
            }
        }
    }

    fn receive(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        let contents = datagram.try_into().unwrap();
        let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
    }
}

/// A connected session with a stock peer, seen from our side.
pub(crate) struct Session {
    ours: Peer,
    stock: Peer,
    now: Instant,
    /// SRTP and SRTCP that the stock peer sent us, sealed, in order.
    pub(crate) received: VecDeque<Vec<u8>>,
    /// What the stock peer told its owner.
    pub(crate) events: Vec<Event>,
}

impl Session {
    /// Connects the two under `profile`; we are the DTLS client or the server.
    pub(crate) fn connect(profile: Profile, we_are_client: bool) -> (Self, SessionKeys) {
        let now = Instant::now();
        let mut ours = Peer::new(profile, "127.0.0.1:4001", now);
        let mut stock = Peer::new(profile, "127.0.0.1:4002", now);
        introduce(&mut ours, &stock.address);
        introduce(&mut stock, &ours.address);
        let (our_print, stock_print) = (fingerprint(&mut ours), fingerprint(&mut stock));
        ours.rtc.direct_api().set_remote_fingerprint(stock_print);
        stock.rtc.direct_api().set_remote_fingerprint(our_print);
        let our_credentials = ours.rtc.direct_api().local_ice_credentials();
        let stock_credentials = stock.rtc.direct_api().local_ice_credentials();
        ours.rtc.direct_api().set_remote_ice_credentials(stock_credentials);
        stock.rtc.direct_api().set_remote_ice_credentials(our_credentials);
        ours.rtc.direct_api().set_ice_controlling(false);
        stock.rtc.direct_api().set_ice_controlling(true);
        ours.rtc.direct_api().start_dtls(we_are_client).unwrap();
        stock.rtc.direct_api().start_dtls(!we_are_client).unwrap();

        let mut session = Self { ours, stock, now, received: VecDeque::new(), events: Vec::new() };
        for _ in 0..400 {
            session.step();
            if session.ours.rtc.is_connected() && session.stock.rtc.is_connected() {
                let material = session.ours.exported.lock().unwrap().take().unwrap();
                let keys = SessionKeys::from_dtls(profile, &material, we_are_client).unwrap();
                return (session, keys);
            }
        }
        panic!("not connected after two seconds of virtual time");
    }

    /// The stock peer's session, to declare and write media.
    pub(crate) fn stock(&mut self) -> &mut Rtc {
        &mut self.stock.rtc
    }

    /// The virtual time.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Hands a datagram of ours to the stock peer, and lets it work on it.
    pub(crate) fn send(&mut self, datagram: &[u8]) {
        self.stock.receive(self.now, self.ours.address, datagram);
        self.step();
    }

    /// Lets virtual time pass and carries what both sides have to say. RFC 7983: 128 to 191 is RTP and RTCP.
    pub(crate) fn step(&mut self) {
        self.now += STEP;
        let is_media = |datagram: &Vec<u8>| (128..192).contains(&datagram[0]);
        let (datagrams, _) = self.ours.poll(self.now);
        for datagram in datagrams.iter().filter(|datagram| !is_media(datagram)) {
            self.stock.receive(self.now, self.ours.address, datagram);
        }
        let (datagrams, events) = self.stock.poll(self.now);
        self.events.extend(events);
        let (media, rest): (Vec<_>, Vec<_>) = datagrams.into_iter().partition(is_media);
        self.received.extend(media);
        for datagram in rest {
            self.ours.receive(self.now, self.stock.address, &datagram);
        }
    }
}

/// Tells a peer its own address and the other's.
fn introduce(peer: &mut Peer, other: &SocketAddr) {
    peer.rtc.add_local_candidate(Candidate::host(peer.address, "udp").unwrap());
    peer.rtc.add_remote_candidate(Candidate::host(*other, "udp").unwrap());
}

fn fingerprint(peer: &mut Peer) -> str0m::crypto::Fingerprint {
    peer.rtc.direct_api().local_dtls_fingerprint().clone()
}
