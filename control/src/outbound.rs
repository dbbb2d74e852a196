//! Requests of ours to servers of others: validators that ask elsewhere, sets of keys, webhooks. One guarded client for all.
//!
//! ```text
//!   Endpoint::ask ─► line ─► circuit ─► client ─► guard: resolved once, every address checked, the connection pinned to them
//!                     │ full   │ open     └─► answer: status, at most 64 KiB, JSON
//!                     ▼ busy   ▼ down                   every way out is counted and has a name: Fault
//! ```
//!
//! What it never does: follow a redirect, use a proxy of the environment, decompress, keep cookies, send a user name of a URL, or
//! connect to an address that is not public unless the endpoint's `allow_private` says so. Connections to private addresses are
//! in a pool of their own, so that no other endpoint gets them.
//!
//! Limits: [`REPLY_BYTES_MAX`], [`HEADERS_MAX`] (and 408 KiB, hyper's buffer for a head), [`TIMEOUT_MAX`] for the whole of a
//! request, waiting included; requests under way and in line: `line`; names being resolved: `guard`; a server that is down:
//! `circuit`.

mod address;
mod circuit;
mod endpoint;
mod fault;
mod guard;
mod line;
mod tally;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect, retry, tls};
use tokio::sync::Semaphore;

pub(crate) use endpoint::{Endpoint, Manner, Message, Purpose};
pub(crate) use fault::Fault;

use guard::{Guard, Lookup, System};
use tally::Tally;

/// Longest answer, bytes: a set of 32 keys with their certificates, or a thousand times a yes.
pub(crate) const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Red5's own time-out; nobody waits longer for a stream.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(9);

/// Of an answer.
const HEADERS_MAX: usize = 64;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Requests under way, of all endpoints together: each holds a socket.
const REQUESTS_MAX: usize = 256;

/// Connections to one server that wait for the next request: as many as a burst used.
const IDLE_CONNECTIONS_MAX: usize = line::UNDER_WAY_MAX;
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// What all endpoints have in common.
pub(crate) struct Outbound {
    shared: Arc<Shared>,
}

struct Shared {
    lookup: Arc<dyn Lookup>,
    public: OnceLock<Result<Client, String>>,
    private: OnceLock<Result<Client, String>>,
    places: Semaphore,
    tally: Tally,
}

impl Outbound {
    /// The one of this process: its limits are the process's.
    pub(crate) fn of_the_process() -> &'static Self {
        static OUTBOUND: LazyLock<Outbound> =
            LazyLock::new(|| Outbound::with_lookup(Arc::new(System::new())));
        &OUTBOUND
    }

    fn with_lookup(lookup: Arc<dyn Lookup>) -> Self {
        let (public, private) = (OnceLock::new(), OnceLock::new());
        let (places, tally) = (Semaphore::new(REQUESTS_MAX), Tally::default());
        Self { shared: Arc::new(Shared { lookup, public, private, places, tally }) }
    }

    /// Requests so far: for what, how they came out, how many.
    pub(crate) fn tally(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.shared.tally.counts()
    }

    /// The client for an endpoint; one that trusts an authority of its own has its own.
    fn client(&self, allow_private: bool, is_https: bool, ca_file: Option<&Path>) -> Result<Client, String> {
        let guard = Guard { lookup: Arc::clone(&self.shared.lookup), allow_private };
        if let Some(file) = ca_file {
            let authorities = authorities(file)?;
            return build(builder(guard).tls_certs_only(authorities));
        }
        let kept = if allow_private { &self.shared.private } else { &self.shared.public };
        let trusting = kept.get_or_init(|| build(builder(guard.clone())));
        match trusting {
            Ok(client) => Ok(client.clone()),
            // A machine without certificates of authorities can still ask by plain HTTP.
            Err(_) if !is_https => build(builder(guard).tls_certs_only([])),
            Err(error) => {
                Err(format!("{error}; install the system's certificates of authorities, or set ca_file"))
            }
        }
    }
}

fn builder(guard: Guard) -> ClientBuilder {
    Client::builder()
        .dns_resolver(Arc::new(guard))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_only()
        .http1_max_headers(HEADERS_MAX)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tls_version_min(tls::Version::TLS_1_2)
        .user_agent(concat!("fanlight/", env!("CARGO_PKG_VERSION")))
}

fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| format!("no TLS client can be made: {error:?}"))
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    let pem = fs::read(file).map_err(|error| format!("ca_file {file:?} cannot be read: {error}"))?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() {
        return Err(format!("ca_file {file:?} holds no certificate in PEM form"));
    }
    Ok(found)
}
