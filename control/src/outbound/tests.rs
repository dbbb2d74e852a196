use std::sync::atomic::Ordering;
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use super::testing::{Act, Server, json};
use super::*;

const TIMEOUT: Duration = Duration::from_millis(500);

fn manner(url: &str, allow_private: bool) -> Manner<'_> {
    Manner { purpose: Purpose::RoundTrip, url, timeout: TIMEOUT, allow_private, ca_file: None }
}

/// An endpoint on this machine.
fn endpoint(outbound: &Outbound, url: &str) -> Endpoint {
    Endpoint::new(outbound, &manner(url, true)).unwrap()
}

async fn ask(endpoint: &Endpoint) -> Result<Value, Fault> {
    endpoint.ask(Message::post(b"{}".to_vec()), 200..=200).await
}

/// What each row of hostile URLs comes to: none may open a connection, whatever is said of it.
#[tokio::test]
async fn no_spelling_and_no_name_of_a_private_address_makes_a_connection() {
    let server = Server::new(|_| json(200, "{}")).await;
    let port = server.address.port();
    let on_v6 = Server::on(format!("[::1]:{port}").parse().unwrap(), None, |_| json(200, "{}")).await.ok();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "0.0.0.0",
        "0",
        "127.255.255.254",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "localhost",
        "LOCALHOST.",
        "ip6-localhost",
        "example.com@127.0.0.1",
        "127.0.0.1#@example.com",
        "127.0.0.1?@example.com",
    ] {
        let url = format!("http://{host}:{port}/");
        let url = if host.contains(['#', '?']) {
            url.replacen("127.0.0.1", &format!("127.0.0.1:{port}/"), 1)
        } else {
            url
        };
        // Names are refused when they are resolved, addresses at once.
        if let Ok(endpoint) = Endpoint::new(&Outbound::of_a_test(), &manner(&url, false)) {
            let fault = ask(&endpoint).await.unwrap_err();
            assert!(matches!(fault, Fault::NotPublic | Fault::NameUnknown), "{url}: {fault}");
        }
    }
    for addresses in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["0.0.0.0"],
        &["169.254.169.254"],
        &["10.1.2.3"],
        &["100.64.0.1"],
        &["fd00::1"],
        &["fe80::1"],
        &["64:ff9b::a00:1"],
        &["2002:a00:1::"],
        &["2001::1"],
    ] {
        let (outbound, _) = Outbound::resolving(&[addresses]);
        let url = format!("http://auth.example.com:{port}/");
        let endpoint = Endpoint::new(&outbound, &manner(&url, false)).unwrap();
        assert_eq!(ask(&endpoint).await, Err(Fault::NotPublic), "{addresses:?}");
    }
    assert_eq!(server.connections() + on_v6.as_ref().map_or(0, Server::connections), 0);
    // The server would have been found.
    assert_eq!(ask(&endpoint(&Outbound::of_a_test(), &server.url("/"))).await, Ok(json_of("{}")));
    assert_eq!(server.connections(), 1);
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// DNS rebinding: the name says one thing when it is checked and another when it is connected to.
#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_checked_and_no_later_answer_counts() {
    let close = |_: &testing::Request| {
        Act::Send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_vec())
    };
    let first = Server::new(close).await;
    let port = first.address.port();
    let second = Server::on(format!("127.0.0.2:{port}").parse().unwrap(), None, close).await.unwrap();
    let (outbound, asked) = Outbound::resolving(&[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.2"]]);
    let endpoint = endpoint(&outbound, &format!("http://rebind.example:{port}/"));
    assert_eq!(ask(&endpoint).await, Ok(json_of("{}")));
    assert_eq!((asked.load(Ordering::SeqCst), first.connections(), second.connections()), (1, 1, 0));
    assert_eq!(
        ask(&endpoint).await,
        Err(Fault::NotPublic),
        "the metadata of a cloud, even where private is allowed"
    );
    assert_eq!(ask(&endpoint).await, Ok(json_of("{}")));
    assert_eq!((asked.load(Ordering::SeqCst), first.connections(), second.connections()), (3, 1, 1));
    assert!(first.requests()[0].head.contains("host: rebind.example"));
}

/// A connection that one endpoint may have must not serve another that may not.
#[tokio::test]
async fn allow_private_is_of_one_endpoint_alone() {
    let server = Server::new(|_| json(200, "{}")).await;
    let (outbound, _) = Outbound::resolving(&[&["127.0.0.1"]]);
    let url = format!("http://auth.example.com:{}/", server.address.port());
    assert_eq!(ask(&endpoint(&outbound, &url)).await, Ok(json_of("{}")));
    let public = Endpoint::new(&outbound, &manner(&url, false)).unwrap();
    assert_eq!(ask(&public).await, Err(Fault::NotPublic));
    assert_eq!((server.connections(), server.requests().len()), (1, 1));
}

/// Servers that are broken or mean harm: each costs a bounded time and memory, and is told by name.
#[tokio::test]
async fn answers_that_are_late_endless_compressed_or_none_are_refused_by_name() {
    let inside = Server::new(|_| json(200, "{\"result\":true}")).await;
    let found = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        inside.url("/latest/meta-data")
    );
    let gzip = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\x08".to_vec();
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\n{more}\r\n").into_bytes();
    let zeros = || vec![b'0'; 16 * 1024];
    let chunk = [b"4000\r\n".to_vec(), zeros(), b"\r\n".to_vec()].concat();
    let headers = (0..65).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let answer = |text: &str| Act::Send(text.as_bytes().to_vec());
    for (act, expected) in [
        (Act::Hang, Fault::TimedOut),
        (Act::Late(Duration::from_secs(5), head("content-length: 2\r\n")), Fault::TimedOut),
        (Act::Drip(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), Duration::from_millis(20)), Fault::TimedOut),
        (Act::Drip(head("content-length: 1000\r\n"), Duration::from_millis(20)), Fault::TimedOut),
        (Act::Endless(head("content-length: 99999999\r\n"), zeros()), Fault::TooLarge),
        (Act::Endless(head("transfer-encoding: chunked\r\n"), chunk), Fault::TooLarge),
        (Act::Endless(head(""), zeros()), Fault::TooLarge),
        (Act::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), zeros()), Fault::Broken),
        (Act::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(1000)), Fault::Broken),
        (Act::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)), Fault::TimedOut),
        (Act::Send(head(&headers)), Fault::Broken),
        (Act::Send(gzip), Fault::Encoded),
        (
            answer("HTTP/1.1 200 OK\r\ncontent-encoding: identity, br\r\ncontent-length: 2\r\n\r\n{}"),
            Fault::Encoded,
        ),
        (Act::Send(found.into_bytes()), Fault::Status(302)),
        (json(500, "{\"result\":true}"), Fault::Status(500)),
        (json(201, "{\"result\":true}"), Fault::Status(201)),
        (json(200, ""), Fault::BadReply),
        (json(200, "<html>"), Fault::BadReply),
        (json(200, "{} {}"), Fault::BadReply),
        (json(200, &"[".repeat(60_000)), Fault::BadReply),
        (answer("{\"result\":true}\r\n\r\n"), Fault::Broken),
        (answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"), Fault::Broken),
        (answer("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}"), Fault::Broken),
        (Act::Close, Fault::Broken),
    ] {
        let acting = act.clone();
        let server = Server::new(move |_| acting.clone()).await;
        let begun = Instant::now();
        let outcome = ask(&endpoint(&Outbound::of_a_test(), &server.url("/"))).await;
        let told: String = format!("{act:?}").chars().take(200).collect();
        assert_eq!(outcome, Err(expected), "{told}");
        assert!(begun.elapsed() < TIMEOUT + Duration::from_secs(2), "{told}");
    }
    assert_eq!(inside.connections(), 0, "a redirect was followed");
}

/// What a server is sent is what its operator expects, and nothing that one request brought is in the next.
#[tokio::test]
async fn a_request_says_what_it_wants_and_keeps_no_cookie() {
    let server = Server::new(|_| {
        Act::Send(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}".to_vec())
    })
    .await;
    let outbound = Outbound::of_a_test();
    let endpoint = endpoint(&outbound, &server.url("/check?key=k"));
    for _ in 0..2 {
        ask(&endpoint).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!((requests.len(), server.connections()), (2, 1), "a connection is used again");
    for request in requests {
        assert!(request.head.starts_with("POST /check?key=k HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(request.header("accept").as_deref(), Some("application/json"));
        assert_eq!(request.header("accept-encoding").as_deref(), Some("identity"));
        assert_eq!((request.header("cookie"), request.header("referer")), (None, None));
    }
    assert_eq!(outbound.tally(), [("round_trip", "answered", 2)]);
}

/// Nothing about requests grows with those who cause them.
#[tokio::test]
async fn a_few_requests_are_under_way_some_wait_and_the_rest_is_told_at_once() {
    let server = Server::new(|_| {
        Act::Late(Duration::from_millis(20), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec())
    })
    .await;
    let mut long = manner("", true);
    let url = server.url("/");
    (long.url, long.timeout) = (&url, TIMEOUT_MAX);
    let endpoint = Arc::new(Endpoint::new(&Outbound::of_a_test(), &long).unwrap());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..1200 {
        let endpoint = Arc::clone(&endpoint);
        asking.spawn(async move { ask(&endpoint).await });
    }
    let outcomes = asking.join_all().await;
    let count = |wanted: &dyn Fn(&Result<Value, Fault>) -> bool| {
        outcomes.iter().filter(|outcome| wanted(outcome)).count()
    };
    assert_eq!(
        count(&|outcome| *outcome == Err(Fault::Busy)),
        1200 - line::UNDER_WAY_MAX - line::WAITING_MAX
    );
    assert_eq!(count(&Result::is_ok), line::UNDER_WAY_MAX + line::WAITING_MAX);
    assert!(server.connections() <= line::UNDER_WAY_MAX, "{}", server.connections());
}

/// A server that is down must not cost each newcomer the whole time-out, and is found again when it is back.
#[tokio::test]
async fn a_server_that_is_down_is_told_at_once_and_tried_again() {
    let is_up = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let server = Server::new({
        let is_up = Arc::clone(&is_up);
        move |_| if is_up.load(Ordering::SeqCst) { json(200, "{}") } else { Act::Close }
    })
    .await;
    let outbound = Outbound::of_a_test();
    let endpoint = endpoint(&outbound, &server.url("/"));
    for _ in 0..5 {
        assert_eq!(ask(&endpoint).await, Err(Fault::Broken));
    }
    let (begun, connections) = (Instant::now(), server.connections());
    for _ in 0..1000 {
        assert_eq!(ask(&endpoint).await, Err(Fault::Down));
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(server.connections(), connections);
    is_up.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ask(&endpoint).await, Ok(json_of("{}")));
    assert_eq!(ask(&endpoint).await, Ok(json_of("{}")));
    assert_eq!(
        outbound.tally(),
        [("round_trip", "answered", 2), ("round_trip", "broken", 5), ("round_trip", "down", 1000)]
    );
}

/// Nobody may close the door to others by credentials that a back end chokes on.
#[tokio::test]
async fn errors_of_the_server_over_one_request_do_not_count_as_an_outage() {
    let server = Server::new(|_| json(500, "oops")).await;
    let endpoint = endpoint(&Outbound::of_a_test(), &server.url("/"));
    for _ in 0..20 {
        assert_eq!(ask(&endpoint).await, Err(Fault::Status(500)));
    }
}

/// HTTPS is checked: against the operator's own authority if one is named, else against the system's.
#[tokio::test]
async fn a_certificate_must_be_trusted_and_of_the_name() {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["auth.example.com".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let server = Server::on("127.0.0.1:0".parse().unwrap(), Some(tls), |_| json(200, "{}")).await.unwrap();
    let ca_file = std::env::temp_dir().join(format!("fanlight-ca-{}.pem", std::process::id()));
    fs::write(&ca_file, authority.pem()).unwrap();
    let (outbound, _) = Outbound::resolving(&[&["127.0.0.1"]]);
    let port = server.address.port();
    for (name, ca_file, expected) in [
        ("auth.example.com", Some(ca_file.as_path()), Ok(json_of("{}"))),
        ("other.example.com", Some(ca_file.as_path()), Err(Fault::Tls)),
        ("auth.example.com", None, Err(Fault::Tls)),
    ] {
        let url = format!("https://{name}:{port}/");
        let manner = Manner { ca_file, ..manner(&url, true) };
        // Without certificates on the machine it is not even made.
        let Ok(endpoint) = Endpoint::new(&outbound, &manner) else { continue };
        assert_eq!(ask(&endpoint).await, expected, "{name}");
    }
    assert_eq!(server.requests().len(), 1);
    fs::write(&ca_file, "no certificate").unwrap();
    let manner = Manner { ca_file: Some(&ca_file), ..manner("https://auth.example.com/", true) };
    assert!(Endpoint::new(&outbound, &manner).err().unwrap().contains("holds no certificate"));
    fs::remove_file(&ca_file).unwrap();
}

/// What an operator reads must not hold what he must keep secret.
#[test]
fn faults_of_configuration_and_of_requests_show_no_url() {
    for url in [
        "http://user:s3cret@example.com/",
        "http://10.0.0.1/?key=s3cret",
        "s3cret",
        "http://example.com:0/s3cret",
    ] {
        let told = Endpoint::new(&Outbound::of_a_test(), &manner(url, false)).err().unwrap();
        assert!(told.starts_with("its url: ") && !told.contains("s3cret"), "{told}");
    }
}
