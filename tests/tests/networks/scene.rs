//! A server in a network, with a publisher and a viewer at its ends.

use std::time::Duration;

use fanlight_tests::client::{Content, Publisher, PublisherOptions, Seen, Stage, Viewer, ViewerOptions};
use fanlight_tests::netns::{Delay, Network, NetworkError};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult, say};

/// For whatever takes milliseconds on an idle machine and without losses.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The network, or None where none can be made; that is said loudly.
pub(crate) fn network() -> TestResult<Option<Network>> {
    match Network::new() {
        Ok(network) => Ok(Some(network)),
        Err(NetworkError::NotAllowed(why)) => {
            say(&format!("NOT TESTED: losses, outages and NAT. It takes root and network namespaces: {why}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts the server at its end of the network.
pub(crate) fn start_server(network: &Network) -> TestResult<Server> {
    let settings = Settings { address: Network::SERVER, ..Settings::default() };
    Ok(network.server.enter(|| Server::start(&settings))??)
}

/// See the file's head. Clients go first, then the server, then its network.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) server: Server,
    /// The roads are long.
    _delay: Option<Delay>,
    pub(crate) network: Network,
}

impl Scene {
    /// Everything is up, and the viewer has some packets.
    pub(crate) fn start(network: Network) -> TestResult<Self> {
        Self::start_over(network, Duration::ZERO)
    }

    /// The same where packets take some time each way.
    pub(crate) fn start_over(network: Network, each_way: Duration) -> TestResult<Self> {
        let server = start_server(&network)?;
        let delay = if each_way.is_zero() { None } else { Some(network.delay(each_way)?) };
        let (mut stage, [whip, whep]) = (Stage::default(), [server.whip("stage"), server.whep("stage")]);
        let publisher = PublisherOptions { audio: false, ..PublisherOptions::default() };
        let publisher = network.publisher.enter(|| Publisher::open(&whip, publisher))??;
        stage.publishers.push(publisher);
        stage.run_until("the publisher is connected", SOON, |stage| stage.publishers[0].is_live())?;
        let viewer = ViewerOptions { audio: false, ..ViewerOptions::default() };
        let viewer = network.viewer.enter(|| Viewer::open(&whep, viewer))??;
        stage.viewers.push(viewer);
        stage.run_until("the viewer is connected", SOON, |stage| stage.viewers[0].is_live())?;
        let mut scene = Self { stage, server, _delay: delay, network };
        scene.run_until_more(60)?;
        Ok(scene)
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.stage.publishers[0]
    }

    pub(crate) fn seen(&self) -> TestResult<&Seen> {
        self.stage.viewers[0].seen(Content::Vp8).ok_or_else(|| Failure::new("no video was promised"))
    }

    /// Runs until the viewer has so many packets more.
    pub(crate) fn run_until_more(&mut self, packets: u64) -> TestResult {
        let packets = self.seen()?.packets + packets;
        self.stage.run_until(&format!("the viewer has {packets} packets"), SOON, |stage| {
            stage.viewers[0].tracks().all(|seen| seen.packets >= packets)
        })?;
        Ok(())
    }

    /// Both sessions are what they were, and the server says so too.
    pub(crate) fn assert_lives(&self) -> TestResult {
        assert!(self.stage.publishers[0].is_live() && self.stage.viewers[0].is_live(), "{}", self.stage);
        let streams = self.network.server.enter(|| self.server.streams())??;
        assert_eq!(streams.iter().map(|stream| stream.viewers).collect::<Vec<_>>(), [1]);
        Ok(())
    }
}
