//! The only file that knows str0m: ICE, DTLS 1.2 and SCTP of one session, behind [`Transport`].
//!
//! str0m never carries media here. Its `Rtc` has no m-lines; a wrapper round its DTLS provider takes the exported keying
//! material (RFC 5764 §4.2) and our own SRTP contexts are made from that: str0m has none, which saves the memory too. str0m
//! panics by design on its own bugs, so that each call is caught: a panic poisons one session, not the shard.
//!
//! What is configured and why: ICE controlled and full (not lite), so that a path must answer before media goes there;
//! no remote candidates (peer-reflexive only), so that nobody can make us send to an address that never spoke; DTLS 1.2
//! passive, because only there AES-GCM is chosen before SHA-1.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fanlight_srtp::{Profile, SessionKeys};
use fanlight_wire::{Kind, classify};
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion, Fingerprint};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile,
};
use str0m::net::{Protocol as Carrier, Receive, TcpType};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output as RtcOutput, Rtc as Str0m};

use crate::ice::{Checks, IceOutput, IceRestarts, IceTerms};
use crate::remote::{Protocol, Remote};
use crate::transport::{IceRestart, Output, Refused, Transport, TransportEvent, TransportFault};

/// STUN retransmission: first after this time, then doubling up to the second, so many times in all. A path that answers
/// nothing is given up after some 12 s (RFC 7675 allows 30): until then the name of a publisher that vanished is in use.
const STUN_INTERVAL_FIRST: Duration = Duration::from_millis(250);
const STUN_INTERVAL_MAX: Duration = Duration::from_secs(2);
const STUN_TRIES: usize = 7;

/// Longest data channel message that a peer may send, bytes. Red5's default.
pub const MESSAGE_BYTES_MAX: u32 = 262_144;

/// The process's DTLS certificate: one for all sessions, self-signed, made at start.
#[derive(Clone)]
pub struct Certificate {
    certificate: DtlsCert,
    /// SHA-256 of the DER form, for `a=fingerprint`.
    pub fingerprint_sha256: [u8; 32],
}

impl Certificate {
    /// Makes a new key pair and certificate. None: the crypto library has no randomness.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let provider = provider();
        let certificate = provider.dtls_provider.generate_certificate()?;
        let fingerprint_sha256 = provider.sha256_provider.sha256(&certificate.certificate);
        Some(Self { certificate, fingerprint_sha256 })
    }
}

/// What signalling agreed on for one transport.
#[derive(Debug, Clone)]
pub struct RtcParameters {
    pub local_ufrag: String,
    pub local_password: String,
    pub remote_ufrag: String,
    pub remote_password: String,
    /// Hash function (`sha-256`) and digest of the peer's certificate. RFC 8122.
    pub remote_fingerprint: (String, Vec<u8>),
    /// Our host candidates by UDP: at most one IPv4 and one IPv6 address.
    pub local_addresses: Vec<SocketAddr>,
    /// The same by TCP, where we listen (RFC 6544: passive); empty = not at all.
    pub local_tcp_addresses: Vec<SocketAddr>,
    /// Whether we nominate the path: the part of the side that made the offer (RFC 8445 §6.1.1).
    pub controlling: bool,
    /// Whether SCTP is to run over DTLS for data channels.
    pub data_channel: bool,
}

/// A transport cannot be made of these parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtcError {
    #[error("{0} is not an address that ICE can use")]
    Candidate(SocketAddr),
    #[error("the WebRTC engine refused the session: {0}")]
    Engine(String),
}

/// [`Transport`] on str0m.
pub struct Rtc {
    rtc: Str0m,
    /// What DTLS gave, until the peer's certificate is verified.
    keys: Option<Box<SessionKeys>>,
    /// Our host candidates.
    locals: Box<[Remote]>,
    /// str0m keeps to a nominated pair until it has failed, however the peer has moved on since. So the path is chosen here,
    /// from the checks that pass.
    checks: Checks,
    /// ICE sessions after the engine's own.
    restarts: IceRestarts,
    /// Where media goes, as it was told last.
    path: Option<Remote>,
    told: VecDeque<TransportEvent>,
    /// No event follows after this one.
    over: bool,
}

impl Rtc {
    /// Builds the transport; `now` starts its timers.
    ///
    /// # Errors
    /// [`RtcError`] if a candidate is no usable address or the engine refuses.
    pub fn new(parameters: RtcParameters, certificate: &Certificate, now: Instant) -> Result<Self, RtcError> {
        let mut builder = Str0m::builder();
        builder.set_initial_stun_rto(STUN_INTERVAL_FIRST);
        builder.set_max_stun_rto(STUN_INTERVAL_MAX);
        builder.set_max_stun_retransmits(STUN_TRIES);
        let mut rtc = builder
            .clear_codecs()
            .set_rtp_mode(true)
            .set_crypto_provider(tapped_provider().into())
            .set_dtls_cert(certificate.certificate.clone())
            .set_dtls_version(DtlsVersion::Dtls12)
            .set_sctp_max_message_size(MESSAGE_BYTES_MAX)
            .set_local_ice_credentials(IceCreds {
                ufrag: parameters.local_ufrag,
                pass: parameters.local_password,
            })
            .build(now);
        let udp = parameters.local_addresses.iter().map(|address| Remote::udp(*address));
        let tcp = parameters.local_tcp_addresses.iter().map(|address| Remote::tcp(*address));
        let locals: Box<[Remote]> = udp.chain(tcp).collect();
        for local in &locals {
            let candidate = host_candidate(*local).ok_or(RtcError::Candidate(local.address))?;
            rtc.add_local_candidate(candidate).ok_or(RtcError::Candidate(local.address))?;
        }
        let (hash_func, bytes) = parameters.remote_fingerprint;
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(parameters.controlling);
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: parameters.remote_ufrag,
            pass: parameters.remote_password.clone(),
        });
        direct.set_remote_fingerprint(Fingerprint { hash_func, bytes });
        direct.start_dtls(false).map_err(|fault| RtcError::Engine(fault.to_string()))?;
        if parameters.data_channel {
            direct.start_sctp(false);
        }
        let terms = IceTerms {
            controlling: parameters.controlling,
            hmac: provider().sha1_hmac_provider,
            stun_timing: (STUN_INTERVAL_FIRST, STUN_INTERVAL_MAX, STUN_TRIES),
        };
        Ok(Self {
            rtc,
            keys: None,
            locals,
            checks: Checks::new(parameters.remote_password, terms.hmac),
            restarts: IceRestarts::new(terms),
            path: None,
            told: VecDeque::new(),
            over: false,
        })
    }

    /// The candidate of ours that a datagram from `from` came to: the one of its family.
    fn destination(&self, from: Remote) -> Option<SocketAddr> {
        let locals = self.locals.iter().filter(|local| local.protocol == from.protocol);
        locals.map(|local| local.address).find(|local| local.is_ipv4() == from.address.is_ipv4())
    }

    fn guard<T>(&mut self, call: impl FnOnce(&mut Str0m) -> T) -> Option<T> {
        self.guard_all(|rtc, _| call(rtc))
    }

    fn guard_restarts<T>(&mut self, call: impl FnOnce(&mut IceRestarts) -> T) -> Option<T> {
        self.guard_all(|_, restarts| call(restarts))
    }

    /// Runs a call of str0m or its ICE agent; a panic in there ends this session alone.
    fn guard_all<T>(&mut self, call: impl FnOnce(&mut Str0m, &mut IceRestarts) -> T) -> Option<T> {
        if self.over {
            return None;
        }
        let (rtc, restarts) = (&mut self.rtc, &mut self.restarts);
        let outcome = catch_unwind(AssertUnwindSafe(|| call(rtc, restarts)));
        // Whatever came of the call: the next one is another session's.
        let shown = SHOWN.take();
        self.keys = self.keys.take().or(shown);
        match outcome {
            Ok(value) => Some(value),
            Err(_) => {
                self.fail(TransportFault::Poisoned);
                None
            }
        }
    }

    fn fail(&mut self, fault: TransportFault) {
        self.over = true;
        self.told.push_back(TransportEvent::Failed(fault));
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected(),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.restarts.first_is_lost();
            }
            Event::ChannelOpen(_, label) => self.told.push_back(TransportEvent::ChannelOpen { label }),
            Event::Closed => self.told.push_back(TransportEvent::PeerClosed),
            _ => {}
        }
    }

    /// Keys come out of DTLS before the certificate is verified; they count only once str0m says that it was.
    fn connected(&mut self) {
        match self.keys.take() {
            Some(keys) => self.told.push_back(TransportEvent::Connected(keys)),
            None => self.fail(TransportFault::Handshake),
        }
    }

    fn follow_path(&mut self, to: Option<Remote>) {
        if self.path != to {
            self.path = to;
            self.told.extend(to.map(TransportEvent::Path));
        }
    }

    /// What the engine wants to send.
    fn transmit(&mut self, now: Instant, to: Remote, datagram: Vec<u8>) -> Option<Output> {
        match classify(&datagram) {
            // One writer for each SSRC and index: whatever str0m wants to say in (S)RTP stays unsaid.
            Kind::Rtp | Kind::Rtcp => None,
            // Its own ICE session is over.
            Kind::Stun if self.restarts.is_superseding() => None,
            Kind::Stun => {
                let proves_address = self.checks.say(now, to, &datagram);
                self.follow_path(self.checks.chosen());
                Some(Output::Transmit { to, datagram, proves_address })
            }
            Kind::Dtls | Kind::Unknown => {
                Some(Output::Transmit { to: self.path.unwrap_or(to), datagram, proves_address: false })
            }
        }
    }

    /// What the later ICE sessions want.
    fn poll_restarts(&mut self, now: Instant) -> Option<Output> {
        match self.guard_restarts(|ice| ice.poll(now)).flatten()? {
            IceOutput::Transmit { to, datagram, proves_address } => {
                Some(Output::Transmit { to, datagram, proves_address })
            }
            IceOutput::RoundTrip(round_trip) => Some(Output::Event(TransportEvent::RoundTrip(round_trip))),
            IceOutput::Lost => Some(Output::Event(TransportEvent::ConsentLost)),
            IceOutput::Path(to) => {
                self.follow_path(Some(to));
                self.told.pop_front().map(Output::Event)
            }
        }
    }
}

impl Transport for Rtc {
    fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Result<(), Refused> {
        let destination = self.destination(from).ok_or(Refused)?;
        let is_taken = |ice: &mut IceRestarts| ice.receive(now, from, destination, datagram);
        if self.guard_restarts(is_taken).ok_or(Refused)? {
            return Ok(());
        }
        let contents = datagram.try_into().map_err(|_| Refused)?;
        let receive = Receive { proto: carrier(from.protocol), source: from.address, destination, contents };
        if classify(datagram) == Kind::Stun && !self.restarts.is_superseding() {
            let round_trip = self.checks.hear(now, from, datagram);
            self.follow_path(self.checks.chosen());
            self.told.extend(round_trip.map(TransportEvent::RoundTrip));
        }
        self.guard(|rtc| rtc.handle_input(Input::Receive(now, receive))).ok_or(Refused)?.map_err(|_| Refused)
    }

    fn advance(&mut self, now: Instant) {
        if let Some(Err(_)) = self.guard(|rtc| rtc.handle_input(Input::Timeout(now))) {
            self.fail(TransportFault::Handshake);
        }
        self.guard_restarts(|ice| ice.advance(now));
    }

    fn restart_ice(&mut self, now: Instant, restart: IceRestart) {
        let candidates: Vec<Candidate> = self.locals.iter().copied().filter_map(host_candidate).collect();
        self.guard_restarts(|ice| ice.restart(now, restart, &candidates));
    }

    fn poll(&mut self, now: Instant) -> Output {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Output::Event(event);
            }
            match self.guard(Str0m::poll_output) {
                Some(Ok(RtcOutput::Timeout(at))) if self.told.is_empty() => {
                    if let Some(output) = self.poll_restarts(now) {
                        return output;
                    }
                    let restarts = self.guard_restarts(IceRestarts::deadline).flatten();
                    return Output::Wait(restarts.into_iter().chain([at]).min());
                }
                Some(Ok(RtcOutput::Timeout(_))) => {}
                Some(Ok(RtcOutput::Transmit(transmit))) => {
                    let to = Remote { protocol: protocol(transmit.proto), address: transmit.destination };
                    if let Some(output) = self.transmit(now, to, transmit.contents.into()) {
                        return output;
                    }
                }
                Some(Ok(RtcOutput::Event(event))) => self.take_event(event),
                Some(Err(_)) => self.fail(TransportFault::Handshake),
                None if self.told.is_empty() => return Output::Wait(None),
                None => {}
            }
        }
    }

    fn close(&mut self, _now: Instant) {
        if let Some(Err(_)) = self.guard(Str0m::close) {
            self.fail(TransportFault::Handshake);
        }
    }
}

/// Where UDP gets through it is preferred: str0m takes libwebrtc's type preferences, 126 for UDP and 90 for TCP.
fn host_candidate(local: Remote) -> Option<Candidate> {
    let builder = Candidate::builder();
    match local.protocol {
        Protocol::Udp => builder.udp().host(local.address).build().ok(),
        Protocol::Tcp => builder.tcp().host(local.address).tcptype(TcpType::Passive).build().ok(),
    }
}

pub(crate) fn carrier(protocol: Protocol) -> Carrier {
    match protocol {
        Protocol::Udp => Carrier::Udp,
        Protocol::Tcp => Carrier::Tcp,
    }
}

/// Our candidates are of these two protocols alone, and a pair has one protocol.
pub(crate) fn protocol(carrier: Carrier) -> Protocol {
    match carrier {
        Carrier::Udp => Protocol::Udp,
        _ => Protocol::Tcp,
    }
}

thread_local! {
    /// The keys that DTLS gave within the call of str0m that is going on; taken as it returns.
    static SHOWN: Cell<Option<Box<SessionKeys>>> = const { Cell::new(None) };
}

fn provider() -> CryptoProvider {
    str0m::crypto::from_feature_flags()
}

fn tapped_provider() -> CryptoProvider {
    CryptoProvider { dtls_provider: &Tap, ..provider() }
}

/// The DTLS provider of str0m, with instances that show us their keys.
#[derive(Debug)]
struct Tap;

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        provider().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = provider().dtls_provider.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(TappedDtls { inner, began: now, has_shown: false }))
    }
}

/// Forwards everything but the keying material, which it keeps from str0m and shows us.
#[derive(Debug)]
struct TappedDtls {
    inner: Box<dyn DtlsInstance>,
    began: Instant,
    /// DTLS 1.2 here has no renegotiation, and a second set of keys would restart our nonces.
    has_shown: bool,
}

impl DtlsInstance for TappedDtls {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let profile = match profile {
                SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
                SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
                SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
                _ => None,
            };
            let keys = profile.and_then(|profile| {
                SessionKeys::from_dtls(profile, material.as_ref(), self.inner.is_active()).ok()
            });
            if let Some(keys) = keys.filter(|_| !std::mem::replace(&mut self.has_shown, true)) {
                SHOWN.set(Some(Box::new(keys)));
            }
            // Overdue: str0m polls again at once.
            return DtlsOutput::Timeout(self.began);
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
