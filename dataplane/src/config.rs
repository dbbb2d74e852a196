//! What the dataplane is told at its start. `conf/fanlight.toml` documents each key.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use fanlight_shard::TrainConfig;

pub use fanlight_ring::BackendChoice as Backend;

/// Configuration of the whole process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The Unix socket that control connects to.
    pub socket: PathBuf,
    /// Shards, each with a thread and a UDP port of its own; 0 = one a core.
    pub shards: u16,
    /// Whether worker i stays on core i.
    pub pin: bool,
    /// Address that the UDP ports are bound to; `::` = all of IPv6 and IPv4.
    pub bind: IpAddr,
    /// Shard i listens on this UDP port + i; 0 = any free ports.
    pub port_base: u16,
    /// The way in by TCP; None = not at all.
    pub tcp: Option<Tcp>,
    /// Addresses that clients are told, best first; empty = those of the interfaces.
    pub public_addresses: Vec<IpAddr>,
    pub backend: Backend,
    /// A publisher that sent no key frame for so long is asked for one.
    pub key_frame_interval: Option<Duration>,
    /// How much faster than live a late joiner goes through what it begins with.
    pub catch_up_speed: u32,
    /// How packets are brought to leave together.
    pub trains: TrainConfig,
    pub limits: Limits,
}

/// ICE-TCP, for peers whose network lets no UDP pass. It is bound to the same address as the UDP ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// One for all shards; 0 = any free one.
    pub port: u16,
    /// Connections at a time. Each may hold 160 KiB here and 256 KiB in the kernel.
    pub connections_max: u32,
}

/// What may be in use at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub sessions_max: u32,
    pub viewers_per_stream_max: u32,
    /// A session that is not connected by then ends.
    pub connect_timeout: Duration,
    /// What a refused client is told to wait.
    pub retry_after_s: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/fanlight/dataplane.sock"),
            shards: 0,
            pin: false,
            bind: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            port_base: 0,
            tcp: Some(Tcp::default()),
            public_addresses: Vec::new(),
            backend: Backend::Auto,
            key_frame_interval: Some(Duration::from_secs(4)),
            catch_up_speed: 4,
            trains: TrainConfig::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self { port: 0, connections_max: 2048 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 20_000,
            viewers_per_stream_max: 20_000,
            connect_timeout: Duration::from_secs(15),
            retry_after_s: 5,
        }
    }
}
