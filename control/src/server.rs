//! A running control: the listeners and the link to the dataplane.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::{self, Api};
use crate::app::{self, Apps, LoadError};
use crate::auth::Authorizer;
use crate::auth::budget::Refusals;
use crate::auth::revocations::Revocations;
use crate::config::{Config, ConfigFaults};
use crate::dataplane::{link, socket};
use crate::http::listen::{Places, Service};
use crate::http::{self, Entrance, Site, listen, redirect};
use crate::journal::Journal;
use crate::log_level::LogLevel;
use crate::signalling::{Signalling, expiry};
use crate::state_folder;
use crate::tls::{Tls, TlsFault};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the configuration has faults:\n{0}")]
    Config(#[from] ConfigFaults),
    #[error("cannot listen on {bind} port {port}: {source}; free the port, or set http.port to another")]
    Listen { bind: IpAddr, port: u16, source: io::Error },
    #[error(
        "cannot listen on {bind} port {port} for HTTPS: {source}; free the port, or set https.port to another, or \
         https.certificate to \"off\""
    )]
    ListenForTls { bind: IpAddr, port: u16, source: io::Error },
    #[error(
        "cannot listen on {bind} port {port} for the API: {source}; free the port, or set api.port to another"
    )]
    ListenForApi { bind: IpAddr, port: u16, source: io::Error },
    /// What to mend.
    #[error("{0}")]
    Api(String),
    #[error("HTTPS cannot be served: {0}")]
    Tls(#[from] TlsFault),
    #[error(transparent)]
    Socket(#[from] socket::SocketError),
    #[error(transparent)]
    Apps(#[from] LoadError),
    #[error(
        "revocations.json in control.state_folder cannot be read: {0}; mend it, or remove it to let everybody in again"
    )]
    Revocations(io::Error),
}

/// The control plane of Fanlight as a library.
///
/// ```no_run
/// # async fn example() -> Result<(), fanlight::StartError> {
/// let server = fanlight::Server::start(fanlight::Config::default()).await?;
/// println!("http://{}/", server.address());
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    https_address: Option<SocketAddr>,
    api_address: Option<SocketAddr>,
    listeners: Vec<Running>,
    /// Of the certificate.
    keeper: Option<Running>,
    link: Running,
    apps: Running,
    expiry: Running,
}

/// A task that ends when its sender is gone.
#[derive(Debug)]
struct Running {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    fn new<F: Future<Output = ()> + Send + 'static>(run: impl FnOnce(watch::Receiver<()>) -> F) -> Self {
        let (stop, stopped) = watch::channel(());
        Self { stop, task: tokio::spawn(run(stopped)) }
    }

    async fn end(self) {
        drop(self.stop);
        // A task that panicked has told so, and is over as well.
        let _ = self.task.await;
    }
}

impl Server {
    /// Opens the listeners and begins to look for the dataplane, which may come and go; without it offers get 503.
    /// Must be called within a tokio runtime with I/O and time. Dropping the server without
    /// [`shutdown`](Self::shutdown) ends it too, only nobody waits for it.
    ///
    /// # Errors
    /// Faults in `config`, a port that is taken, a certificate that cannot be served, a socket folder that is not private.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let log = LogLevel::fixed(config.log.level.clone());
        Self::start_with(config, log).await
    }

    /// The same, with a log whose level the API may change.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: Config, log: LogLevel) -> Result<Self, StartError> {
        config.check()?;
        let epoch = epoch();
        let apps = Arc::new(Apps::load(&config)?);
        let socket = socket::path(&config)?;
        let (bind, port) = (config.http.bind, config.http.port);
        let cannot_listen = |source| StartError::Listen { bind, port, source };
        let listener = listen::bind(bind, port).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let https_listener = bind_https(&config).await?;
        let https_address = https_listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let api_listener = bind_api(&config).await?;
        let api_address = api_listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let remembered = state_folder::of_server(&config).map(|folder| folder.join("revocations.json"));
        let revocations = Arc::new(Revocations::load(remembered).map_err(StartError::Revocations)?);
        let journal = Journal::in_memory();
        let signalling =
            Arc::new(Signalling::new(&config, Arc::clone(&revocations), Arc::clone(&apps), journal));
        let tls = Tls::open(&config, signalling.metrics.certificate_expiry.clone())?;
        let authorizer = Authorizer::new(revocations, Refusals::new(config.auth.refusals_per_minute_max));
        let https_port = https_address.map(|address| address.port());
        let site =
            Arc::new(Site::new(config, Arc::clone(&signalling), Arc::clone(&apps), authorizer, https_port));
        let mut router = http::router(Arc::clone(&site));
        let mut listeners = Vec::new();
        let connections_max = site.config.http.connections_max;
        if let Some(listener) = api_listener {
            let api = Arc::new(Api::new(Arc::clone(&site), epoch, log).map_err(StartError::Api)?);
            if site.config.api.on_public {
                router = router.merge(api::router(&api));
            }
            let (site, router, places) = (Arc::clone(&site), api::alone(&api), Places::new(connections_max));
            let service = Service { site, router, places, entrance: None };
            listeners.push(Running::new(|stop| listen::run(listener, service, stop)));
        }
        let public = Service { router, places: Places::new(connections_max), entrance: None, site };
        let keeper = tls.zip(https_listener).map(|(tls, listener)| {
            let router = redirect::over_tls(public.router.clone(), &public.site.config);
            let service = Service { router, entrance: Some(Entrance::new(tls.server)), ..public.clone() };
            listeners.push(Running::new(|stop| listen::run(listener, service, stop)));
            Running::new(|stop| tls.keeper.run(stop))
        });
        let plain = Service { router: redirect::plain(public.router.clone(), &public.site), ..public };
        listeners.push(Running::new(|stop| listen::run(listener, plain, stop)));
        let apps = Running::new(|stop| app::watch(apps, stop));
        let expiry = Running::new({
            let signalling = Arc::clone(&signalling);
            |stop| expiry::run(signalling, stop)
        });
        let link = Running::new(|stop| async move { link::run(signalling, &socket, epoch, stop).await });
        tracing::info!(%address, https = ?https_address, api = ?api_address, "control is listening");
        Ok(Self { address, https_address, api_address, listeners, keeper, link, apps, expiry })
    }

    /// Where the HTTPS listener is; None: HTTPS is off.
    #[must_use]
    pub const fn https_address(&self) -> Option<SocketAddr> {
        self.https_address
    }

    /// Where the API's own listener is; None: the API is off.
    #[must_use]
    pub const fn api_address(&self) -> Option<SocketAddr> {
        self.api_address
    }

    /// Where the HTTP listener is; its port is the real one when `http.port` is 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, lets those under way end, and leaves the sessions to the dataplane: a later control adopts
    /// them.
    pub async fn shutdown(self) {
        // The link last: requests under way need it.
        let mut ending = JoinSet::new();
        for running in self.listeners.into_iter().chain(self.keeper) {
            ending.spawn(running.end());
        }
        ending.join_all().await;
        self.apps.end().await;
        self.expiry.end().await;
        self.link.end().await;
    }
}

/// Opens the HTTPS listener, if there is to be one.
async fn bind_https(config: &Config) -> Result<Option<TcpListener>, StartError> {
    if !config.https.is_on() {
        return Ok(None);
    }
    let (bind, port) = (config.https.bind, config.https.port);
    let cannot_listen = |source| StartError::ListenForTls { bind, port, source };
    listen::bind(bind, port).await.map(Some).map_err(cannot_listen)
}

/// Opens the API's listener, where somebody may use it.
async fn bind_api(config: &Config) -> Result<Option<TcpListener>, StartError> {
    if config.api.tokens.is_empty() {
        return Ok(None);
    }
    let (bind, port) = (config.api.bind, config.api.port);
    let cannot_listen = |source| StartError::ListenForApi { bind, port, source };
    listen::bind(bind, port).await.map(Some).map_err(cannot_listen)
}

/// Milliseconds since 1970: grows with every start.
fn epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
