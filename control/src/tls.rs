//! The certificate of HTTPS: where it comes from, and who keeps it fresh.
//!
//! ```text
//!   development ─┐
//!   files ───────┼─► Identity (checked) ─► Current ─► rustls, at each handshake
//!   acme ────────┘            ▲
//!                             └── the keeper's task: reloads, makes anew, renews
//! ```
//!
//! TLS 1.2 and 1.3 with rustls' own choice of suites, all of which are authenticated and forward secret. The provider of the
//! cryptography is named at each use: an embedding program may have another as its default.

mod acme;
mod current;
mod development;
mod files;
mod identity;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use tokio::sync::watch;

use crate::config::{CertificateSource, Config};
use crate::{private_folder, state_folder};
use current::Current;
use development::Folder;
use identity::Identity;

pub use acme::RootFault;
pub(crate) use current::Expiry;
pub use development::DevelopmentFault;
pub use files::FileFault;
pub use identity::CertificateFault;

/// RFC 9113 §3.2; RFC 7301 §6. In the order of our liking.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why there can be no HTTPS. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error(transparent)]
    Files(#[from] FileFault),
    #[error(transparent)]
    Root(#[from] RootFault),
    #[error(
        "the folder {folder:?} for certificates cannot be used: {reason}; set control.state_folder to a folder of this user's own"
    )]
    Folder { folder: PathBuf, reason: String },
    #[error("there is no folder to keep ACME's certificates in; set control.state_folder")]
    NoFolder,
    #[error(transparent)]
    Development(#[from] DevelopmentFault),
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What connections are secured with.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) keeper: Keeper,
}

/// Keeps the certificate fresh.
pub(crate) struct Keeper(Source);

/// What it is kept from.
enum Source {
    Development { folder: Folder, identity: Identity, more: Vec<IpAddr>, current: Arc<Current> },
    Files { pair: files::Pair, current: Arc<Current> },
    Acme(acme::Order),
}

impl Tls {
    /// None: HTTPS is off. The end of the certificate in use is told to `expiry`.
    pub(crate) fn open(config: &Config, expiry: Expiry) -> Result<Option<Self>, TlsFault> {
        let (resolver, source): (Arc<dyn ResolvesServerCert>, Source) = match config.https.certificate {
            CertificateSource::Off => return Ok(None),
            CertificateSource::Development => {
                let folder = development_folder(config);
                let more = config.media.public_addresses.clone();
                let identity = development::open(&folder, || development::own_names(&more))?;
                let current = Current::new(Some(&identity), expiry);
                (Arc::clone(&current) as _, Source::Development { folder, identity, more, current })
            }
            CertificateSource::Files => {
                let https = &config.https;
                let pair =
                    files::Pair { certificate: https.certificate_file.clone(), key: https.key_file.clone() };
                let current = Current::new(Some(&pair.load()?), expiry);
                (Arc::clone(&current) as _, Source::Files { pair, current })
            }
            CertificateSource::Acme => {
                let folder = private(state_folder::path(config).ok_or(TlsFault::NoFolder)?)?;
                let order = acme::Order::new(&config.https, folder, Current::new(None, expiry))?;
                (order.resolver() as _, Source::Acme(order))
            }
        };
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if matches!(source, Source::Acme(_)) {
            server.alpn_protocols.push(acme::CHALLENGE_PROTOCOL.to_vec());
        }
        Ok(Some(Self { server: Arc::new(server), keeper: Keeper(source) }))
    }
}

impl Keeper {
    /// Runs until `stop`'s sender is gone.
    pub(crate) async fn run(self, stop: watch::Receiver<()>) {
        match self.0 {
            Source::Development { folder, identity, more, current } => {
                development::keep(folder, identity, || development::own_names(&more), current, stop).await;
            }
            Source::Files { pair, current } => files::keep(pair, current, stop).await,
            Source::Acme(order) => order.keep(stop).await,
        }
    }
}

/// Whether that handshake was a challenge of an ACME authority: it wants nothing else of the connection.
pub(crate) fn is_challenge(protocol: Option<&[u8]>) -> bool {
    protocol == Some(acme::CHALLENGE_PROTOCOL)
}

/// Whether that handshake agreed on HTTP/2.
pub(crate) fn is_http2(protocol: Option<&[u8]>) -> bool {
    protocol == PROTOCOLS.first().copied()
}

/// The names that HTTPS is reached by, as far as the configuration tells; empty: by every address of this machine.
#[must_use]
pub fn names(config: &Config) -> Vec<String> {
    match config.https.certificate {
        CertificateSource::Off | CertificateSource::Development => Vec::new(),
        CertificateSource::Files => std::fs::read(&config.https.certificate_file)
            .map(|chain| identity::names(&chain))
            .unwrap_or_default(),
        CertificateSource::Acme => config.https.acme_domains.clone(),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A server without a folder of its own serves all the same: there its certificate lives as long as it.
fn development_folder(config: &Config) -> Folder {
    let folder = state_folder::path(config);
    match folder.map(private).transpose() {
        Ok(folder) => folder,
        Err(fault) => {
            tracing::warn!(
                "the development certificate is kept in memory alone, so that browsers will ask again after a restart: {fault}"
            );
            None
        }
    }
}

/// The folder of secrets in the state folder.
fn private(state: PathBuf) -> Result<PathBuf, TlsFault> {
    let folder = state.join("tls");
    match private_folder::make(&folder) {
        Ok(()) => Ok(folder),
        Err(fault) => Err(TlsFault::Folder { folder, reason: fault.to_string() }),
    }
}
