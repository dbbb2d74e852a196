//! A server and the clients on it.

use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::client::{Endpoint, Publisher, PublisherOptions, Stage, Viewer, ViewerOptions};
use fanlight_tests::metrics::Metrics;
use fanlight_tests::server::{Server, Settings};

/// For whatever takes milliseconds on an idle machine: it may take this long on a busy one.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// See the file's head. Clients go before the server.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) server: Server,
}

impl Scene {
    /// Beside another, for most of it is waiting: what is tested is what is said and sent, not how fast.
    pub(crate) fn start(settings: &Settings) -> TestResult<Self> {
        Self::start_alone(&Settings { alone: false, ..settings.clone() })
    }

    /// With the machine for itself, unless the settings say otherwise.
    pub(crate) fn start_alone(settings: &Settings) -> TestResult<Self> {
        Ok(Self { stage: Stage::default(), server: Server::start(settings)? })
    }

    /// Publishes and waits until media flows.
    pub(crate) fn publish(&mut self, name: &str, options: PublisherOptions) -> TestResult {
        self.publish_at(&self.server.whip(name), options)
    }

    /// The same at any endpoint.
    pub(crate) fn publish_at(&mut self, endpoint: &Endpoint, options: PublisherOptions) -> TestResult {
        self.stage.publishers.push(Publisher::open(endpoint, options)?);
        let number = self.stage.publishers.len() - 1;
        self.stage
            .run_until("the publisher is connected", SOON, |stage| stage.publishers[number].is_live())?;
        Ok(())
    }

    /// Watches and waits until the connection stands.
    pub(crate) fn watch(&mut self, name: &str, options: ViewerOptions) -> TestResult {
        self.watch_at(&self.server.whep(name), options)
    }

    /// The same at any endpoint.
    pub(crate) fn watch_at(&mut self, endpoint: &Endpoint, options: ViewerOptions) -> TestResult {
        self.stage.viewers.push(Viewer::open(endpoint, options)?);
        let number = self.stage.viewers.len() - 1;
        self.stage.run_until("the viewer is connected", SOON, |stage| stage.viewers[number].is_live())?;
        Ok(())
    }

    /// Runs until every viewer has this many packets of every track it was promised.
    pub(crate) fn run_until_packets(&mut self, packets: u64) -> TestResult {
        let what = format!("every viewer has {packets} packets of every track");
        self.stage.run_until(&what, SOON, |stage| {
            stage.viewers.iter().all(|viewer| viewer.tracks().all(|seen| seen.packets >= packets))
        })?;
        Ok(())
    }

    /// Runs until each viewer has all that the first publisher has sent up to now.
    pub(crate) fn run_until_complete(&mut self) -> TestResult {
        let publisher = &self.stage.publishers[0];
        let sent: Vec<_> =
            publisher.contents().into_iter().map(|content| (content, publisher.packets(content))).collect();
        self.stage.run_until("every viewer has every packet sent so far", SOON, |stage| {
            stage.viewers.iter().all(|viewer| {
                sent.iter().all(|(content, sent)| {
                    viewer.seen(*content).is_some_and(|seen| seen.has_all_to(sent - 1))
                })
            })
        })?;
        Ok(())
    }

    /// The server's counters of a moment after this call; the clients run on meanwhile.
    pub(crate) fn fresh_metrics(&mut self) -> TestResult<Metrics> {
        const UPTIME: &str = "fanlight_dataplane_uptime_seconds";
        let before = self.server.metrics()?.sum(UPTIME, &[]);
        // A report may be on its way while the first is asked for; the one after it is surely new.
        let fresh = |metrics: &Metrics| metrics.sum(UPTIME, &[]) > before + 1.5;
        self.run_until_server("a new report", |server| {
            server.metrics().is_ok_and(|metrics| fresh(&metrics))
        })?;
        Ok(self.server.metrics()?)
    }

    /// Runs the clients while asking the server, until it agrees.
    pub(crate) fn run_until_server(&mut self, what: &str, agrees: impl Fn(&Server) -> bool) -> TestResult {
        let server = &self.server;
        self.stage.run_until(what, SOON, |_| agrees(server))?;
        Ok(())
    }
}

/// Pictures without sound: str0m asks for lost video only, as browsers do by default.
pub(crate) fn silent_publisher() -> PublisherOptions {
    PublisherOptions { audio: false, ..PublisherOptions::default() }
}

/// See [`silent_publisher`].
pub(crate) fn silent_viewer() -> ViewerOptions {
    ViewerOptions { audio: false, ..ViewerOptions::default() }
}
