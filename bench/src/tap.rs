//! A str0m session whose SRTP keys are shown to us: a wrapper round its DTLS provider sees the exporter's output (RFC 5764
//! §4.2), as the server's own transport does it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use fanlight_srtp::{Profile, SessionKeys};
use str0m::config::{CryptoProvider, DtlsCert, DtlsVersion};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion, SrtpProfile,
};
use str0m::{Rtc, RtcConfig};

/// Builds a session and the place where its keys will be. They come before the peer's certificate is verified: take them
/// when str0m says that it is connected.
pub(crate) fn build(config: RtcConfig, now: Instant) -> (Rtc, Receiver<SessionKeys>) {
    let (show, keys) = sync_channel(1);
    NEXT_SHOW.with_borrow_mut(|next| *next = Some(show));
    let tapped = CryptoProvider { dtls_provider: &Tap, ..provider() };
    (config.set_crypto_provider(Arc::new(tapped)).build(now), keys)
}

thread_local! {
    /// Where the DTLS instance that str0m makes next shall put its keys: `RtcConfig::build` makes it before it returns.
    static NEXT_SHOW: RefCell<Option<SyncSender<SessionKeys>>> = const { RefCell::new(None) };
}

fn provider() -> CryptoProvider {
    str0m::crypto::from_feature_flags()
}

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
        Ok(Box::new(TappedDtls { inner, show: NEXT_SHOW.with_borrow_mut(Option::take) }))
    }
}

/// Forwards everything and shows the first keying material that passes.
#[derive(Debug)]
struct TappedDtls {
    inner: Box<dyn DtlsInstance>,
    show: Option<SyncSender<SessionKeys>>,
}

impl DtlsInstance for TappedDtls {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let profile = match profile {
                SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
                SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
                SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
                _ => None,
            };
            let is_client = self.inner.is_active();
            let keys = profile
                .and_then(|profile| SessionKeys::from_dtls(profile, material.as_ref(), is_client).ok());
            if let (Some(keys), Some(show)) = (keys, self.show.take()) {
                // Without a taker the session is gone, and its keys with it.
                let _ = show.try_send(keys);
            }
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
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
