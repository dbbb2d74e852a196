//! A network of its own for a test: four namespaces of Linux, joined by virtual cables, with losses, outages, narrow roads
//! and NAT.
//!
//! ```text
//!   publisher 198.18.2.2 ──┐
//!                          ├── router: loses, masquerades ── server 198.18.1.2
//!   viewer    198.18.3.2 ──┘
//! ```
//!
//! The addresses are those of RFC 2544 for such tests, and no packet leaves the namespaces. Losses are nftables rules in the
//! router, which strike single packets at random: trains are cut into packets before they come there. The roads are short
//! unless [`Network::delay`] makes them long. Root's rights are needed; who has none is told so
//! ([`NetworkError::NotAllowed`]).
//!
//! Nothing outlives the test: a namespace is held by a process that waits for the end of its input, so that even a test
//! that is killed leaves nothing behind.

mod delay;
mod namespace;
mod router;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub use delay::Delay;
pub use namespace::Namespace;
pub use router::{Road, Router};

/// The network cannot be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No rights, or no such thing in this kernel: what needs it cannot be tested here.
    #[error("no network namespaces here: {0}")]
    NotAllowed(String),
    #[error("no {0}. Install it: apt-get install iproute2 nftables conntrack")]
    NoProgram(String),
    #[error("`{command}`: {error}")]
    Refused { command: String, error: String },
    #[error("a network namespace: {0}")]
    Io(#[from] io::Error),
}

/// See the file's head.
pub struct Network {
    pub server: Namespace,
    pub publisher: Namespace,
    pub viewer: Namespace,
    pub router: Router,
}

/// A leg of the network: who is at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    Server,
    Publisher,
    Viewer,
}

impl Leg {
    const ALL: [Self; 3] = [Self::Server, Self::Publisher, Self::Viewer];

    /// Of its interface in the router.
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Publisher => "publisher",
            Self::Viewer => "viewer",
        }
    }

    /// The router is 1, who is at the end is 2.
    fn address(self, host: u8) -> Ipv4Addr {
        let net = match self {
            Self::Server => 1,
            Self::Publisher => 2,
            Self::Viewer => 3,
        };
        Ipv4Addr::new(198, 18, net, host)
    }
}

impl Network {
    /// Where the server is to listen.
    pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 1, 2));

    /// Makes the network. Nothing is lost yet.
    ///
    /// # Errors
    /// [`NetworkError::NotAllowed`] where there can be none.
    pub fn new() -> Result<Self, NetworkError> {
        let network = Self {
            server: Namespace::new()?,
            publisher: Namespace::new()?,
            viewer: Namespace::new()?,
            router: Router::new(Namespace::new()?),
        };
        for leg in Leg::ALL {
            network.plug(leg)?;
        }
        network.router.start()?;
        Ok(network)
    }

    /// From now on UDP takes this time more, each way. For new sessions: those that are there lose their way.
    ///
    /// # Errors
    /// The server listens on no port or on several, or the router says no.
    pub fn delay(&self, each_way: Duration) -> Result<Delay, NetworkError> {
        let ports = self.server.udp_ports()?;
        let [port] = ports[..] else {
            return Err(io::Error::other(format!("one UDP port to be delayed, not {ports:?}")).into());
        };
        let (delay, port) =
            self.router.namespace().enter(|| Delay::start((Self::SERVER, port).into(), each_way))??;
        self.router.redirect_to(port)?;
        Ok(delay)
    }

    fn plug(&self, leg: Leg) -> Result<(), NetworkError> {
        let (name, host, router) = (leg.name(), leg.address(2), leg.address(1));
        let end = match leg {
            Leg::Server => &self.server,
            Leg::Publisher => &self.publisher,
            Leg::Viewer => &self.viewer,
        };
        // One segment a packet: else a whole train would go through the router, and be lost, as one.
        let whole = "gso_max_segs 1";
        self.router.namespace().run(
            "ip",
            &["-batch", "-"],
            &format!(
                "link add {name} type veth peer name uplink netns {}\n\
                 address add {router}/24 dev {name}\n\
                 link set {name} up {whole}\n",
                end.holder()
            ),
        )?;
        let commands = format!(
            "address add {host}/24 dev uplink\n\
             link set uplink up {whole}\n\
             route add default via {router}\n"
        );
        end.run("ip", &["-batch", "-"], &commands).map(drop)
    }
}
