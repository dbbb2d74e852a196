//! What the tests stand on: a server on a free port, a dataplane's side of the protocol, and a plain HTTP client.

mod client;
mod dataplane;
mod event_stream;
mod relay;
mod secure;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fanlight::config::CertificateSource;
use fanlight::{Config, Server};
use fanlight_protocol::SessionId;

pub(crate) use client::{Reply, exchange, exchange_slowly, request, write_slowly};
pub(crate) use dataplane::Dataplane;
pub(crate) use event_stream::EventStream;
pub(crate) use relay::{Cut, Relay};
pub(crate) use secure::{Certificate, Http2, connect, connect_as, connect_by, get_by_tls};

pub(crate) const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
pub(crate) const SDP: (&str, &str) = ("Content-Type", "application/sdp");
pub(crate) const FRAGMENT: (&str, &str) = ("Content-Type", "application/trickle-ice-sdpfrag");

/// A folder of the test's own, gone with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fanlight-test-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A control and a dataplane that are connected.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) dataplane: Dataplane,
    pub(crate) config: Config,
    scratch: Scratch,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let scratch = Scratch::new();
        let mut config = Config::default();
        config.http.bind = "127.0.0.1".parse().unwrap();
        config.http.port = 0;
        // Tests of it switch it on; the others must not meet on its port.
        config.https.certificate = CertificateSource::Off;
        config.https.port = 0;
        config.control.state_folder = scratch.path().join("state");
        config.control.socket = scratch.path().join("dataplane.sock");
        adjust(&mut config);
        let dataplane = Dataplane::start(&config.control.socket, 1);
        let server = Server::start(config.clone()).await.unwrap();
        let stage = Self { server, dataplane, config, scratch };
        stage.until_healthy(200).await;
        stage
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn until_healthy(&self, status: u16) {
        until("the server's health", || async { self.get("/healthz").await.status == status }).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        request(self.address(), "GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        request(self.address(), "POST", path, &[SDP], body).await
    }

    pub(crate) async fn publish(&self, name: &str) -> Reply {
        self.post(&format!("/live/whip/endpoint/{name}"), OFFER).await
    }

    pub(crate) async fn watch(&self, name: &str) -> Reply {
        self.post(&format!("/live/whep/endpoint/{name}"), OFFER).await
    }

    /// Asks for an offer of the server's.
    pub(crate) async fn ask_for_offer(&self, name: &str) -> Reply {
        request(self.address(), "POST", &format!("/live/whep/endpoint/{name}"), &[], "").await
    }

    pub(crate) async fn delete(&self, location: &str) -> Reply {
        request(self.address(), "DELETE", location, &[], "").await
    }

    /// What the session's resource tells of it: 200 while it is, 410 when it was lately.
    pub(crate) async fn state(&self, location: &str) -> Reply {
        request(self.address(), "GET", location, &[("Accept", "application/json")], "").await
    }

    /// The value of a line of `/metrics`, by its text up to the space.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.get("/metrics").await.body;
        let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// Another control on the same dataplane, and the end of this one.
    pub(crate) async fn restart_control(self) -> Self {
        let Self { server, dataplane, config, scratch } = self;
        server.shutdown().await;
        // An epoch is a count of milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let server = Server::start(config.clone()).await.unwrap();
        let stage = Self { server, dataplane, config, scratch };
        stage.until_healthy(200).await;
        stage
    }

    /// Another life of the dataplane, or the same one after a lost connection.
    pub(crate) async fn restart_dataplane(&mut self, boot: u64) {
        let sessions = self.dataplane.stop().await;
        self.until_healthy(503).await;
        self.dataplane = Dataplane::start(&self.config.control.socket, boot);
        if boot == 1 {
            self.dataplane.put_back(sessions);
        }
        self.until_healthy(200).await;
    }
}

/// The id in a resource URL.
pub(crate) fn session_of(opened: &Reply) -> SessionId {
    opened.location().rsplit('/').next().unwrap().parse().unwrap()
}

/// Waits for what comes by an event, 10 s at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
