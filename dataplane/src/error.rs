//! Why the dataplane did not start, in words that say what to do.

use std::path::PathBuf;

use fanlight_ring::OpenError;

use crate::secret;

/// Why the dataplane did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("shard {shard}: {cause}")]
    Port { shard: u16, cause: OpenError },
    #[error("TCP port {port}: {cause}; set media.tcp_port to another one, or media.tcp to false")]
    TcpPort { port: u16, cause: std::io::Error },
    #[error("port_base {base} leaves no room for {shards} shards below 65536: choose a lower one")]
    PortBase { base: u16, shards: u16 },
    #[error(transparent)]
    NoRandomness(#[from] secret::NoRandomness),
    #[error("no DTLS certificate could be made")]
    NoCertificate,
    #[error("the addresses of this machine cannot be read ({0}): set public_addresses")]
    Interfaces(std::io::Error),
    #[error("no address to tell clients: set public_addresses")]
    NoAddress,
    #[error("the control socket {path}: {cause}")]
    Socket { path: PathBuf, cause: std::io::Error },
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    #[error("shard {0} ended before it began")]
    Worker(u16),
}
