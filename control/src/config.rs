//! Every setting of the server: the same keys, defaults and units as `conf/fanlight.toml`, which a test holds equal.
//!
//! The whole has defaults, so the server runs without any file. [`Config::load`] lays a file and the environment over
//! them and refuses what it does not know; [`Config::check`] does the same for a value that a program made.

mod api;
pub(crate) mod check;
mod https;
mod load;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use api::{AddressRange, Api, ApiToken, Scope};
pub use check::{ConfigFault, ConfigFaults};
pub use https::{CertificateSource, Https};

/// All settings. Sections are those of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub https: Https,
    pub media: Media,
    pub ice: Ice,
    pub apps: Apps,
    pub auth: Auth,
    pub api: Api,
    pub limits: Limits,
    pub control: Control,
    pub log: Log,
}

/// The public HTTP listener: signalling, pages, metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// `::` = IPv6 and IPv4.
    pub bind: IpAddr,
    /// TCP port; 0 = any free one, for tests.
    pub port: u16,
    /// From the first byte of a request's head to its end, seconds; for the first request from the opening of the
    /// connection.
    pub header_timeout_s: u32,
    /// How long a connection may wait for its next request, seconds.
    pub idle_timeout_s: u32,
    /// From the end of the head to the end of the body, seconds.
    pub body_timeout_s: u32,
    /// Longest pause in taking an answer, seconds.
    pub write_timeout_s: u32,
    /// Longest request line and header lines together, bytes.
    pub head_bytes_max: u32,
    /// Longest request body, bytes.
    pub body_bytes_max: u32,
    /// Connections at a time.
    pub connections_max: u32,
    /// Origins whose pages may use the server; `*` = all.
    pub cors_origins: Vec<String>,
    /// Proxies whose word for whom they speak counts.
    pub trusted_proxies: Vec<AddressRange>,
    pub proxy_header: ProxyHeader,
    /// Whether requests by plain HTTP are sent on to HTTPS, those of `/healthz` and `/metrics` apart.
    pub redirect_to_https: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            bind: IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
            port: 8080,
            header_timeout_s: 5,
            idle_timeout_s: 15,
            body_timeout_s: 10,
            write_timeout_s: 30,
            head_bytes_max: 16 * 1024,
            body_bytes_max: 64 * 1024,
            connections_max: 4096,
            cors_origins: vec!["*".to_owned()],
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            redirect_to_https: false,
        }
    }
}

impl Http {
    pub(crate) fn header_timeout(&self) -> Duration {
        seconds(self.header_timeout_s)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        seconds(self.idle_timeout_s)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        seconds(self.body_timeout_s)
    }

    pub(crate) fn write_timeout(&self) -> Duration {
        seconds(self.write_timeout_s)
    }
}

/// Where proxies say for whom they speak. The other header is anybody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// What all apps have in common in letting in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Requests of one address that may be refused in a minute.
    pub refusals_per_minute_max: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Self { refusals_per_minute_max: 60 }
    }
}

/// The dataplane's sockets and threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// `::` = IPv6 and IPv4.
    pub bind: IpAddr,
    /// UDP port of the first shard; each further shard has the next one. 0 = any free ones.
    pub port_base: u16,
    /// Whether peers may come by TCP too (RFC 6544).
    pub tcp: bool,
    /// TCP port for that, one for all shards; 0 = any free one.
    pub tcp_port: u16,
    /// TCP connections of media at a time.
    pub tcp_connections_max: u32,
    /// Candidates offered to peers; empty = the addresses of the interfaces.
    pub public_addresses: Vec<IpAddr>,
    /// Threads that move media; 0 = one a core.
    pub shards: u16,
    /// Bind each shard to a core.
    pub pin: bool,
    pub io: IoChoice,
    /// From the answer to media: ICE and DTLS must be up by then, seconds.
    pub connect_timeout_s: u32,
    /// A publisher that sent no key frame for so long is asked for one, seconds; 0 = only viewers' needs count.
    pub key_frame_interval_s: u32,
    /// How much faster than live a late joiner goes through what it begins with.
    pub catch_up_speed: u32,
    /// Longest time for which a packet waits for others to leave with it, on a shard under load, microseconds; 0 = never.
    pub train_hold_us_max: u32,
    /// Most padding by which packets of video are made equally long, bytes; 0 = none.
    pub train_padding_bytes_max: u8,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            bind: IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
            port_base: 8189,
            tcp: true,
            tcp_port: 8189,
            tcp_connections_max: 2048,
            public_addresses: Vec::new(),
            shards: 0,
            pin: false,
            io: IoChoice::Auto,
            connect_timeout_s: 15,
            key_frame_interval_s: 4,
            catch_up_speed: 4,
            train_hold_us_max: 10_000,
            train_padding_bytes_max: 32,
        }
    }
}

/// Which system calls move the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoChoice {
    /// `io_uring` where the kernel allows it, else plain.
    Auto,
    IoUring,
    Plain,
}

/// ICE servers that peers are told of in `Link` headers (RFC 9725 §4.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ice {
    pub servers: Vec<IceServer>,
}

/// One STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host:port` or `turn:host:port?transport=udp` (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// Empty = none.
    #[serde(default)]
    pub username: String,
    /// Empty = none. Every peer sees it.
    #[serde(default)]
    pub credential: String,
}

/// Which apps exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apps {
    /// Folder of the apps' files, `<name>.toml` each; empty = apps need none.
    pub folder: PathBuf,
    /// Without a folder: first segments of the app paths that are served; empty = every one.
    pub allowed: Vec<String>,
    /// Without a folder: what becomes of a publisher whose name is in use.
    pub on_name_in_use: OnNameInUse,
}

/// What becomes of a publisher whose name is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNameInUse {
    /// It is refused: 409.
    #[default]
    Refuse,
    /// It takes over once it is connected, and viewers go on with it.
    Replace,
}

/// Where growth ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sessions of publishers and viewers together.
    pub sessions_max: u32,
    pub streams_max: u32,
    pub viewers_per_stream_max: u32,
    /// Longest app segment or stream name, bytes of UTF-8.
    pub name_bytes_max: u32,
    /// Most segments of an app path: `live/room1` has two.
    pub app_segments_max: u32,
    /// Requests that wait for the dataplane at a time.
    pub requests_in_flight_max: u32,
    /// Longest wait for an answer of the dataplane, seconds.
    pub dataplane_timeout_s: u32,
    /// What a refused peer is told to wait, seconds.
    pub retry_after_s: u32,
    /// Streams of events (Server-Sent Events) at a time; each holds a connection of the HTTP listener.
    pub event_streams_max: u32,
    /// Ended sessions whose reason is remembered.
    pub endings_max: u32,
    /// How long the reason of an ended session is remembered, seconds.
    pub endings_kept_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 20_000,
            streams_max: 1_000,
            viewers_per_stream_max: 20_000,
            name_bytes_max: 128,
            app_segments_max: 4,
            requests_in_flight_max: 512,
            dataplane_timeout_s: 5,
            retry_after_s: 2,
            event_streams_max: 1024,
            endings_max: 1024,
            endings_kept_s: 60,
        }
    }
}

impl Limits {
    pub(crate) fn dataplane_timeout(&self) -> Duration {
        seconds(self.dataplane_timeout_s)
    }

    pub(crate) fn endings_kept(&self) -> Duration {
        seconds(self.endings_kept_s)
    }
}

/// What control keeps on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Path of the Unix socket to the dataplane; empty = `dataplane-<http.port>.sock` in a private folder of the user.
    pub socket: PathBuf,
    /// Folder of what must outlive a restart; empty = `$STATE_DIRECTORY`, else `fanlight` in the user's folder for state.
    pub state_folder: PathBuf,
}

/// The log, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives: `info,fanlight::http=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Human }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Human,
    Json,
}

const fn seconds(count: u32) -> Duration {
    Duration::from_secs(count as u64)
}
