//! The one thing that the supervisor prints: where to go.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use fanlight::config::CertificateSource;
use fanlight::{Config, tls};
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
    let version = env!("CARGO_PKG_VERSION");
    let lines = lines(config, own_address).join("\n");
    format!("\n  Fanlight {version} is running.\n\n{lines}\n\n  Ctrl-C ends it.\n\n")
}

/// Where to go. `own` finds the address of this machine behind one that is bound.
fn lines(config: &Config, own: impl Fn(IpAddr) -> Option<IpAddr>) -> Vec<String> {
    let (http, https) = (&config.http, &config.https);
    let mut lines = Vec::new();
    if http.bind.is_unspecified() || http.bind.is_loopback() {
        lines.push(format!("    on this machine   http://localhost:{}/", http.port));
    }
    let addresses = |bind: IpAddr| -> Vec<IpAddr> {
        match &config.media.public_addresses[..] {
            _ if bind.is_loopback() => Vec::new(),
            [] => own(bind).into_iter().collect(),
            public => public.to_vec(),
        }
    };
    let mut elsewhere = Vec::new();
    if https.is_on() {
        let port = if https.port == 443 { String::new() } else { format!(":{}", https.port) };
        elsewhere = tls::names(config).iter().map(|name| format!("https://{name}{port}/")).collect();
        if elsewhere.is_empty() {
            let of = |address| format!("https://{}/", SocketAddr::new(address, https.port));
            elsewhere = addresses(https.bind).into_iter().map(of).collect();
        }
    }
    let is_secure = !elsewhere.is_empty();
    if !is_secure {
        let of = |address| format!("http://{}/", SocketAddr::new(address, http.port));
        elsewhere = addresses(http.bind).into_iter().map(of).collect();
    }
    let is_alone = elsewhere.is_empty();
    lines.extend(elsewhere.iter().map(|url| format!("    from elsewhere    {url}")));
    let note = match https.certificate {
        _ if is_alone => return lines,
        CertificateSource::Development if is_secure => "browsers warn of its own certificate once: go on",
        _ if is_secure => return lines,
        _ => "browsers give a camera to localhost and to https pages only",
    };
    lines.push(format!("                      ({note})"));
    lines
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        lines(&config, |bind| Some(if bind.is_unspecified() { [192, 0, 2, 5].into() } else { bind }))
            .join("\n")
    }

    /// Other machines are shown the one address at which a browser gives them a camera, wherever there is one.
    #[test]
    fn the_address_for_other_machines_is_the_one_that_works_with_a_camera() {
        let text = shown(|_| {});
        assert!(
            text.contains("http://localhost:8080/") && text.contains("https://192.0.2.5:8443/"),
            "{text}"
        );
        assert!(text.contains("warn") && !text.contains("http://192"), "{text}");
        let text = shown(|config| config.https.certificate = CertificateSource::Off);
        assert!(text.contains("http://192.0.2.5:8080/") && text.contains("https pages only"), "{text}");
        let text = shown(|config| {
            config.https.certificate = CertificateSource::Acme;
            config.https.port = 443;
            config.https.acme_domains = vec!["live.example.org".to_owned()];
        });
        assert!(text.contains("https://live.example.org/") && !text.contains('('), "{text}");
        let text = shown(|config| {
            config.http.bind = Ipv4Addr::LOCALHOST.into();
            config.https.bind = Ipv4Addr::LOCALHOST.into();
        });
        assert!(!text.contains("elsewhere"), "{text}");
        let text = shown(|config| config.media.public_addresses = vec![[198, 51, 100, 7].into()]);
        assert!(text.contains("https://198.51.100.7:8443/"), "{text}");
    }
}
