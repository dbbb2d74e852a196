//! A certificate from an authority (RFC 8555): Pebble, the test server of Let's Encrypt's makers, which proves the name by
//! connecting to the HTTPS port itself (RFC 8737).
//!
//! Needs the Debian package `pebble`; without it this says NOT TESTED.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fanlight::config::CertificateSource;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Certificate, Reply, Scratch, Stage, connect, connect_as};

const NAME: &str = "live.example.org";

/// From the start of the server: Pebble and an order take some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Free now; nobody else on this machine is after it in the next milliseconds.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An authority, and the name server that it asks. Both end with the value.
struct Authority {
    processes: Vec<Child>,
    directory: SocketAddr,
    management: SocketAddr,
    /// By which its own HTTPS is trusted, PEM.
    root: String,
}

impl Authority {
    /// One that looks for everybody on port `https_port` of this machine. None: it is not installed.
    fn start(folder: &Path, https_port: u16) -> Option<Self> {
        let certificate = Certificate::for_days(10);
        certificate.write(folder);
        let [directory, management, names, names_management] =
            [(); 4].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let file = |name: &str| folder.join(name).display().to_string();
        let config = serde_json::json!({"pebble": {
            "listenAddress": directory.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": file("chain.pem"),
            "privateKey": file("key.pem"),
            "httpPort": free_port(),
            "tlsPort": https_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        std::fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
        let mut of_names = Command::new("pebble-challtestsrv");
        of_names.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", &names.to_string()]);
        of_names.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        of_names.args(["-management", &names_management.to_string()]);
        let mut authority = Command::new("pebble");
        authority.args(["-config", &file("pebble.json"), "-dnsserver", &names.to_string()]);
        // By default it waits at random, and refuses a nonce in twenty.
        authority.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        let mut processes = Vec::new();
        for command in [&mut of_names, &mut authority] {
            let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            processes.push(quiet.spawn().ok()?);
        }
        Some(Self { processes, directory, management, root: certificate.chain })
    }

    /// The root of what it issues, PEM.
    async fn issuing_root(&self) -> String {
        let mut stream = connect(self.management, &self.root, &["http/1.1"]).await.unwrap();
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    fn end(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.end();
    }
}

async fn health(address: SocketAddr, root: &str) -> Option<u16> {
    let mut stream = connect_as(NAME, address, root, &["http/1.1"]).await.ok()?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(Reply::read(&mut stream, false).await?.status)
}

/// From nothing but a name to a certificate that a stranger trusts, which outlives a restart without the authority.
#[tokio::test]
async fn a_certificate_is_asked_for_proven_kept_and_shown() {
    let (folder, port) = (Scratch::new(), free_port());
    let Some(mut authority) = Authority::start(folder.path(), port) else {
        println!("NOT TESTED: pebble is not installed");
        return;
    };
    let stage = Stage::with(|config| {
        config.https.certificate = CertificateSource::Acme;
        config.https.bind = "127.0.0.1".parse().unwrap();
        config.https.port = port;
        config.https.acme_domains = vec![NAME.to_owned()];
        config.https.acme_contact = vec!["admin@example.org".to_owned()];
        config.https.acme_directory = format!("https://localhost:{}/dir", authority.directory.port());
        config.https.acme_root_file = folder.path().join("chain.pem");
    })
    .await;
    let address = stage.server.https_address().unwrap();
    let begun = Instant::now();
    let root = loop {
        assert!(begun.elapsed() < PATIENCE, "no certificate came");
        let folder = stage.config.control.state_folder.join("tls");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        if names.into_iter().any(|name| name.to_string_lossy().starts_with("acme-certificate-")) {
            break authority.issuing_root().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(health(address, &root).await, Some(200));
    for entry in std::fs::read_dir(stage.config.control.state_folder.join("tls")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?} holds a key", entry.file_name());
    }
    assert!(stage.metric("fanlight_https_certificate_expires_seconds").await.unwrap() > 1e9);

    authority.end();
    let stage = stage.restart_control().await;
    let begun = Instant::now();
    while health(stage.server.https_address().unwrap(), &root).await != Some(200) {
        assert!(begun.elapsed() < Duration::from_secs(5), "the kept certificate is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The authority may be away for long: plain HTTP is served meanwhile, and nothing is shown that nobody vouches for.
#[tokio::test]
async fn without_an_authority_there_is_no_certificate_and_plain_http_goes_on() {
    let (folder, stranger) = (Scratch::new(), Certificate::for_days(10));
    stranger.write(folder.path());
    let stage = Stage::with(|config| {
        config.https.certificate = CertificateSource::Acme;
        config.https.bind = "127.0.0.1".parse().unwrap();
        config.https.acme_domains = vec![NAME.to_owned()];
        config.https.acme_directory = format!("https://localhost:{}/dir", free_port());
        config.https.acme_root_file = folder.path().join("chain.pem");
    })
    .await;
    assert_eq!(health(stage.server.https_address().unwrap(), &stranger.chain).await, None);
    assert_eq!(stage.get("/healthz").await.status, 200);
    assert_eq!(stage.metric("fanlight_https_certificate_expires_seconds").await, None);
}
