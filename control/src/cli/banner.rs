//! The one thing that the supervisor prints: where to go.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use fanlight::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PROBE_PAUSE: Duration = Duration::from_millis(100);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Prints the banner once the server is well. Never resolves.
pub(super) async fn show_when_ready(config: &Config) -> Infallible {
    // A free port is known to control alone, which logs it.
    if config.http.port != 0 {
        let probe = SocketAddr::new(reachable(config.http.bind), config.http.port);
        while !matches!(timeout(PROBE_TIMEOUT, is_well(probe)).await, Ok(Ok(true))) {
            sleep(PROBE_PAUSE).await;
        }
        // If standard output is closed there is nobody to tell.
        let _ = io::stdout().write_all(text(config).as_bytes());
    }
    pending().await
}

/// The address at which this machine reaches what is bound to `bind`.
fn reachable(bind: IpAddr) -> IpAddr {
    match bind {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        other => other,
    }
}

async fn is_well(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(&status == b"HTTP/1.1 200")
}

fn text(config: &Config) -> String {
    let port = config.http.port;
    let mut lines = Vec::new();
    if config.http.bind.is_unspecified() || config.http.bind.is_loopback() {
        lines.push(format!("    on this machine   http://localhost:{port}/"));
    }
    if !config.http.bind.is_loopback() {
        let others = if config.media.public_addresses.is_empty() {
            own_address(config.http.bind).into_iter().collect()
        } else {
            config.media.public_addresses.clone()
        };
        lines.extend(
            others
                .iter()
                .map(|address| format!("    from elsewhere    http://{}/", SocketAddr::new(*address, port))),
        );
        lines.push(
            "                      (browsers give a camera to localhost and to https pages only)".to_owned(),
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    format!("\n  Fanlight {version} is running.\n\n{}\n\n  Ctrl-C ends it.\n\n", lines.join("\n"))
}

/// The address that this machine would use towards the outside; asking for it sends nothing.
fn own_address(bind: IpAddr) -> Option<IpAddr> {
    if !bind.is_unspecified() {
        return Some(bind);
    }
    // Documentation addresses (RFC 5737, RFC 3849): routed like any other, owned by nobody.
    let ways: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    ways.into_iter().find_map(|(from, to)| {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
        socket.connect(SocketAddr::new(to, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
    })
}
