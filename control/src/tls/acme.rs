//! A certificate from an authority (RFC 8555), proven on the HTTPS port itself (TLS-ALPN-01, RFC 8737): asked for, kept, renewed
//! when a third of its time is left.
//!
//! rustls-acme does the asking. What it is not trusted with is done here: files are private and whole, a kept certificate is
//! checked before it is shown, and an order that hangs is begun anew after a [`DAY`].

use std::fs;
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use futures_core::Stream;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventOk, ResolvesServerCertAcme};
use tokio::sync::watch;
use tokio::time::sleep;

use super::current::Current;
use super::identity::{Identity, date};
use crate::config::Https;
use crate::private_folder;

pub(super) use rustls_acme::acme::ACME_TLS_ALPN_NAME as CHALLENGE_PROTOCOL;

const DAY: Duration = Duration::from_hours(24);

/// Why the authority cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum RootFault {
    #[error("https.acme_root_file {file:?} cannot be read: {source}")]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("https.acme_root_file {file:?} holds no certificate that can be a root; it must be PEM")]
    NoRoot { file: PathBuf },
}

/// What is asked for, of whom.
pub(super) struct Order {
    domains: Vec<String>,
    contact: Vec<String>,
    directory: String,
    trust: Option<Arc<ClientConfig>>,
    shelf: Shelf,
    challenges: Arc<Challenges>,
}

/// Answers a challenge with its certificate, everyone else with the one in use.
#[derive(Debug)]
pub(super) struct Challenges {
    open: RwLock<Option<Arc<ResolvesServerCertAcme>>>,
    current: Arc<Current>,
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if !rustls_acme::is_tls_alpn_challenge(&hello) {
            return self.current.resolve(hello);
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        open.and_then(|open| open.resolve(hello))
    }
}

impl Order {
    /// `folder` is private; a certificate that it holds is in use at once.
    pub(super) fn new(https: &Https, folder: PathBuf, current: Arc<Current>) -> Result<Self, RootFault> {
        let own_root =
            (!https.acme_root_file.as_os_str().is_empty()).then(|| trust_in(&https.acme_root_file));
        let challenges = Arc::new(Challenges { open: RwLock::new(None), current: Arc::clone(&current) });
        Ok(Self {
            domains: https.acme_domains.clone(),
            contact: https.acme_contact.iter().map(|address| format!("mailto:{address}")).collect(),
            directory: https.acme_directory.clone(),
            trust: own_root.transpose()?,
            shelf: Shelf { folder, current },
            challenges,
        })
    }

    pub(super) fn resolver(&self) -> Arc<Challenges> {
        Arc::clone(&self.challenges)
    }

    /// Asks and renews until `stop`'s sender is gone.
    pub(super) async fn keep(self, mut stop: watch::Receiver<()>) {
        loop {
            let mut state = self.begin();
            let mut day = pin!(sleep(DAY));
            loop {
                let event = poll_fn(|cx| Pin::new(&mut state).poll_next(cx));
                tokio::select! {
                    Some(event) = event => self.tell(event),
                    () = &mut day => break,
                    _ = stop.changed() => return,
                }
            }
        }
    }

    fn begin(&self) -> AcmeState<io::Error> {
        let config = match &self.trust {
            Some(trust) => AcmeConfig::new_with_client_config(&self.domains, Arc::clone(trust)),
            None => AcmeConfig::new_with_provider(&self.domains, super::provider()),
        };
        let state =
            config.contact(&self.contact).directory(&self.directory).cache(self.shelf.clone()).state();
        *self.challenges.open.write().unwrap_or_else(PoisonError::into_inner) = Some(state.resolver());
        state
    }

    fn tell(&self, event: rustls_acme::Event<io::Error, io::Error>) {
        let directory = &self.directory;
        match event {
            Ok(EventOk::DeployedNewCert) => {
                tracing::info!(domains = ?self.domains, directory, "a certificate was issued");
            }
            Ok(_) => {}
            Err(fault) => {
                tracing::error!(domains = ?self.domains, directory, %fault, "no certificate was issued; it is asked for again later");
            }
        }
    }
}

/// Trusts what descends from the roots in `file`, and nothing else.
fn trust_in(file: &Path) -> Result<Arc<ClientConfig>, RootFault> {
    let pem = fs::read(file).map_err(|source| RootFault::Unreadable { file: file.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if added == 0 {
        return Err(RootFault::NoRoot { file: file.to_owned() });
    }
    let builder =
        ClientConfig::builder_with_provider(super::provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| RootFault::NoRoot { file: file.to_owned() })?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The account and the certificates on disk, a file for each account and each set of names.
#[derive(Debug, Clone)]
struct Shelf {
    folder: PathBuf,
    current: Arc<Current>,
}

impl Shelf {
    fn file(&self, kind: &str, texts: &[String], directory: &str) -> PathBuf {
        let joined = texts.iter().map(String::as_str).chain([directory]).collect::<Vec<_>>().join("\0");
        let hash = digest(&SHA256, joined.as_bytes());
        let tag: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("acme-{kind}-{tag}"))
    }

    fn put(&self, pem: &[u8]) -> bool {
        match Identity::from_pem(pem, pem, SystemTime::now()) {
            Ok(identity) => {
                self.current.replace(&identity);
                tracing::info!(names = ?identity.names, expires = date(identity.expires), "a certificate is in use");
                true
            }
            Err(fault) => {
                tracing::warn!("the kept certificate {fault}");
                false
            }
        }
    }
}

fn read_if_there(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

#[async_trait]
impl CertCache for Shelf {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        let kept = read_if_there(&self.file("certificate", domains, directory))?;
        // One that has expired is as good as none: another is asked for at once.
        Ok(kept.filter(|pem| self.put(pem)))
    }

    async fn store_cert(&self, domains: &[String], directory: &str, pem: &[u8]) -> io::Result<()> {
        self.put(pem);
        private_folder::write(&self.file("certificate", domains, directory), pem)
    }
}

#[async_trait]
impl AccountCache for Shelf {
    type EA = io::Error;

    async fn load_account(&self, contact: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        read_if_there(&self.file("account", contact, directory))
    }

    async fn store_account(&self, contact: &[String], directory: &str, key: &[u8]) -> io::Result<()> {
        private_folder::write(&self.file("account", contact, directory), key)
    }
}
