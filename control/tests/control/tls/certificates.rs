//! Which certificate is shown, and when none is.

use std::os::unix::fs::PermissionsExt;

use fanlight::config::CertificateSource;
use fanlight::{Config, Server};
use tokio::io::AsyncWriteExt;

use super::{Secure, show_files};
use crate::support::{Certificate, Reply, Scratch, Stage, connect, connect_by, get_by_tls, request, until};

/// Whether the server shows this certificate now.
async fn shows(secure: &Secure, certificate: &Certificate) -> bool {
    connect(secure.address(), &certificate.chain, &[]).await.is_ok()
}

/// Old and new clients, with and without ALPN: all get the same answers as by plain HTTP.
#[tokio::test]
async fn the_certificate_in_the_files_is_shown_by_tls_1_2_and_1_3() {
    let secure = Secure::new().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for protocols in [&[][..], &["http/1.1"], &["spdy/1", "http/1.1"]] {
            let mut stream = connect_by(&[version], secure.address(), &secure.root, protocols).await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            assert_eq!(Reply::read(&mut stream, false).await.unwrap().status, 200, "{protocols:?}");
        }
        let stream = connect_by(&[version], secure.address(), &secure.root, &["http/1.1", "h2"]).await;
        assert_eq!(stream.unwrap().get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    }
    let (plain, by_tls) =
        (secure.stage.get("/publish").await, get_by_tls(secure.address(), &secure.root, "/publish").await);
    assert_eq!((plain.status, plain.body), (by_tls.status, by_tls.body));
    let ends = secure.stage.metric("fanlight_https_certificate_expires_seconds").await.unwrap();
    let days = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() / 86_400.0;
    assert!((8.9..9.1).contains(&(ends / 86_400.0 - days)), "{ends}");
}

/// What would show an error page, or nothing, must not look as if it worked (threat A47): the server does not start, and says which
/// key of the configuration is to be mended.
#[tokio::test]
async fn files_that_cannot_be_served_keep_the_server_from_starting() {
    let (good, other, old) = (Certificate::for_days(10), Certificate::for_days(10), Certificate::for_days(1));
    let none = String::new();
    for (what, chain, key, told) in [
        ("no certificate", &none, &good.key, "https.certificate_file"),
        ("no key", &good.chain, &none, "https.key_file"),
        ("another's key", &good.chain, &other.key, "belongs to another certificate"),
        ("an old certificate", &old.chain, &old.key, "expired"),
        ("a key for a certificate", &good.key, &good.key, "holds no certificate"),
    ] {
        let folder = Scratch::new();
        std::fs::write(folder.path().join("chain.pem"), chain).unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let fault = fault_of(&folder, |_| {}).await;
        assert!(fault.contains(told) && fault.contains("HTTPS cannot be served"), "{what}: {fault}");
        assert!(!fault.contains("-----BEGIN PRIVATE KEY-----\nM"), "{what}: {fault}");
    }
    let folder = Scratch::new();
    let fault = fault_of(&folder, |_| {}).await;
    assert!(fault.contains("https.certificate_file") && fault.contains("cannot be read"), "{fault}");
    good.write(folder.path());
    let fault = fault_of(&folder, |config| config.https.key_file = "".into()).await;
    assert!(fault.contains("https.key_file"), "{fault}");
}

/// What a server with those files, adjusted, says instead of starting.
async fn fault_of(folder: &Scratch, adjust: impl FnOnce(&mut Config)) -> String {
    let mut config = Config::default();
    config.http.bind = "127.0.0.1".parse().unwrap();
    config.http.port = 0;
    config.https.port = 0;
    config.control.socket = folder.path().join("dataplane.sock");
    show_files(&mut config, folder);
    adjust(&mut config);
    Server::start(config).await.unwrap_err().to_string()
}

/// Certificates last for weeks, servers for months: a renewal by another program takes effect by itself, and one that went wrong
/// changes nothing.
#[tokio::test]
async fn renewed_files_are_taken_and_broken_ones_leave_the_old_in_use() {
    let secure = Secure::new().await;
    let first = Certificate { chain: secure.root.clone(), key: String::new() };
    assert!(shows(&secure, &first).await);
    let mut old_connection = connect(secure.address(), &secure.root, &["http/1.1"]).await.unwrap();

    let second = Certificate::for_days(30);
    second.write(secure.folder.path());
    until("the new certificate", || async { shows(&secure, &second).await }).await;
    old_connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(Reply::read(&mut old_connection, false).await.unwrap().status, 200, "connections go on");

    let (third, key_of_another) = (Certificate::for_days(30), Certificate::for_days(30).key);
    Certificate { chain: third.chain.clone(), key: key_of_another }.write(secure.folder.path());
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert!(shows(&secure, &second).await, "the broken pair is not taken");
    std::fs::write(secure.folder.path().join("key.pem"), &third.key).unwrap();
    until("the mended pair", || async { shows(&secure, &third).await }).await;
}

/// Out of the box: a browser's exception is for one certificate, so it must be the same after a restart, and its key nobody else's.
#[tokio::test]
async fn a_development_certificate_is_made_once() {
    let stage = Stage::with(|config| {
        config.https.certificate = CertificateSource::Development;
        config.https.bind = "127.0.0.1".parse().unwrap();
    })
    .await;
    let folder = stage.config.control.state_folder.join("tls");
    let shown = std::fs::read_to_string(folder.join("development-certificate.pem")).unwrap();
    let key = std::fs::metadata(folder.join("development-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let address = stage.server.https_address().unwrap();
    assert_eq!(get_by_tls(address, &shown, "/healthz").await.status, 200);
    let stage = stage.restart_control().await;
    let reply = get_by_tls(stage.server.https_address().unwrap(), &shown, "/healthz").await;
    assert_eq!((reply.status, reply.header("strict-transport-security")), (200, None));
}

/// A service without a place to keep things serves all the same.
#[tokio::test]
async fn a_development_certificate_needs_no_folder() {
    let stage = Stage::with(|config| {
        config.https.certificate = CertificateSource::Development;
        config.https.bind = "127.0.0.1".parse().unwrap();
        config.control.state_folder = "/proc/nowhere".into();
    })
    .await;
    let stranger = Certificate::for_days(10);
    let refused = connect(stage.server.https_address().unwrap(), &stranger.chain, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "it shows one, which is not ours: {refused}");
}

/// Where all are to come by HTTPS, all but those who look after the server are sent there, with what they brought.
#[tokio::test]
async fn plain_requests_are_sent_on_if_that_is_wished() {
    let secure = Secure::with(|config| config.http.redirect_to_https = true).await;
    let port = secure.address().port();
    let reply = secure.stage.get("/watch?stream=a").await;
    let target = format!("https://localhost:{port}/watch?stream=a");
    assert_eq!((reply.status, reply.header("location")), (308, Some(target.as_str())));
    let reply = secure.stage.publish("a").await;
    let target = format!("https://localhost:{port}/live/whip/endpoint/a");
    assert_eq!((reply.status, reply.header("location")), (308, Some(target.as_str())));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "pages of others may follow");
    assert_eq!(secure.stage.get("/healthz").await.status, 200);
    assert_eq!(secure.stage.get("/metrics").await.status, 200);
    let reply = get_by_tls(secure.address(), &secure.root, "/watch?stream=a").await;
    assert_eq!((reply.status, reply.header("strict-transport-security")), (200, None), "unusual ports");
}

/// Who comes by the wrong protocol is told the right port.
#[tokio::test]
async fn who_speaks_tls_to_the_plain_port_is_told_where_tls_is() {
    let secure = Secure::new().await;
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x0a, 0x0d];
    let reply = crate::support::exchange(secure.stage.address(), &hello).await.unwrap();
    assert_eq!((reply.status, reply.reason().as_str()), (400, "tls"));
    assert!(reply.body.contains(&format!("port {}", secure.address().port())), "{reply:?}");
    let reply = request(secure.address(), "GET", "/streams", &[], "").await;
    assert_eq!((reply.status, reply.reason().as_str()), (400, "not_tls"));
    assert!(reply.body.contains("https://"), "{reply:?}");
}
