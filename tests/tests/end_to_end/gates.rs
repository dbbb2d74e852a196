//! Each way to prove oneself, from the command that mints the credential to media that flows; and what ends it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fanlight_tests::client::{Endpoint, Faults, PublisherOptions, ViewerOptions};
use fanlight_tests::http;
use fanlight_tests::server::{Server, Settings, command};
use fanlight_tests::{TemporaryFolder, TestResult};
use serde_json::json;

use crate::scene::{SOON, Scene};

const SECRET: &str = "a secret of the end to end tests alone, 48 letters";
const API_TOKEN: &str = "an access token of the end to end tests, long enough";

/// A server of the operator's that knows `ann` and her password.
struct RoundTrip {
    address: SocketAddr,
    is_up: Arc<AtomicBool>,
    questions: Arc<AtomicUsize>,
}

impl RoundTrip {
    fn start() -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (is_up, questions) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (up, count) = (Arc::clone(&is_up), Arc::clone(&questions));
        // Ends with the test's process; what comes after the test finds nobody who asks.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                if up.load(Ordering::Relaxed) {
                    let _ = answer(stream);
                }
            }
        });
        Ok(Self { address, is_up, questions })
    }
}

fn answer(mut stream: std::net::TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    // The body is JSON without braces inside.
    while !request.ends_with(b"}") {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        request.extend(chunk.iter().take(count));
    }
    let text = String::from_utf8_lossy(&request);
    let is_right = text.contains("\"username\":\"ann\"") && text.contains("\"password\":\"right\"");
    let body = json!({ "result": is_right }).to_string();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    write!(stream, "{head}Connection: close\r\n\r\n{body}")
}

/// What opens an app's door, and what must not.
struct Gate {
    app: &'static str,
    publish: String,
    play: String,
    wrong: Vec<String>,
}

/// The files of the apps, and the server that they name.
fn apps(round_trip: &RoundTrip) -> TestResult<(Vec<(&'static str, String)>, String)> {
    let folder = TemporaryFolder::new("gates")?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    command(&["user", "add", "ann", "--password-stdin", "--file", &path("users")], "correct horse battery")?;
    let key = command(&["user", "key", "add", "obs", "--may", "publish,play", "--file", &path("keys")], "")?;
    let app = |validator: &str, more: &str| {
        format!("[auth]\npublish = ['{validator}']\nplay = ['{validator}']\n[auth.{validator}]\n{more}\n")
    };
    let keys = format!("keys = [{{ id = 'k', secret = '{SECRET}' }}]");
    let url = format!("url = 'http://{}/validateCredentials'\nallow_private = true", round_trip.address);
    let files = vec![
        ("users.list", std::fs::read_to_string(path("users"))?),
        ("keys.list", std::fs::read_to_string(path("keys"))?),
        ("users.toml", app("users", "file = 'users.list'")),
        ("keys.toml", app("stream_keys", "file = 'keys.list'")),
        ("jwt.toml", app("jwt", &keys.replace("id = 'k'", "id = 'k', algorithm = 'HS256'"))),
        ("signed.toml", app("signed_urls", &keys)),
        ("round.toml", app("round_trip", &url)),
    ];
    Ok((files, key))
}

fn gates(server: &Server, key: &str) -> TestResult<Vec<Gate>> {
    let mint = |arguments: &[&str]| server.run(arguments);
    let jwt = |may: &str| mint(&["token", "jwt", "jwt/a", "--may", may, "--user", "ann"]);
    let (publish, play) = (jwt("publish")?, jwt("play")?);
    let signed = |may: &str, path: &str| mint(&["token", "url", path, "--may", may]);
    let other_room = mint(&["token", "jwt", "jwt/room/a", "--may", "publish,play"])?;
    Ok(vec![
        Gate {
            app: "users",
            publish: "username=ann&password=correct%20horse%20battery".to_owned(),
            play: "username=ann&password=correct%20horse%20battery".to_owned(),
            wrong: vec![
                "username=ann&password=wrong".to_owned(),
                "username=bob&password=correct%20horse%20battery".to_owned(),
            ],
        },
        Gate {
            app: "keys",
            publish: format!("token={key}"),
            play: format!("key={key}"),
            wrong: vec![format!("token={key}x"), "token=obs".to_owned()],
        },
        Gate {
            app: "jwt",
            publish: format!("token={publish}"),
            play: format!("token={play}"),
            wrong: vec![
                format!("token={other_room}"),
                format!("token={}", publish.replace('.', "-")),
                "token=x.y.z".to_owned(),
            ],
        },
        Gate {
            app: "signed",
            publish: signed("publish", "signed/a")?,
            play: signed("play", "signed/a")?,
            wrong: vec![signed("publish", "signed/b")?, signed("play", "signed/room/a")?],
        },
        Gate {
            app: "round",
            publish: "username=ann&password=right".to_owned(),
            play: "username=ann&password=right&token=x".to_owned(),
            wrong: vec!["username=ann&password=wrong".to_owned(), "username=ann".to_owned()],
        },
    ])
}

fn status(endpoint: &Endpoint) -> Option<u16> {
    endpoint.post("v=0\r\n").err().and_then(|refusal| refusal.status())
}

fn start(round_trip: &RoundTrip) -> TestResult<(Scene, String)> {
    let (apps, key) = apps(round_trip)?;
    let scene = Scene::start(&Settings { apps, more: API, ..Settings::default() })?;
    Ok((scene, key))
}

/// The token by its SHA-256.
const API: &str = "[api]\nport = 0\non_public = true\ntokens = [{ name = \"test\", scopes = [\"read\", \"control\", \"admin\"], \
                   sha256 = \"e33f3d159c0e57451f480a2f5669bd905065a43888314b1762248ea01c267ab8\" }]\n";

fn api(server: &Server, method: &str, path: &str, body: &str) -> TestResult<http::Response> {
    let authorization = format!("Bearer {API_TOKEN}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    Ok(http::request(server.address(), method, path, &headers, body)?)
}

/// The same credentials open WHIP and WHEP, others neither, and whoever is refused learns nothing.
#[test]
fn each_validator_lets_in_whom_it_should_and_media_flows() -> TestResult {
    let round_trip = RoundTrip::start()?;
    let (mut scene, key) = start(&round_trip)?;
    for (number, gate) in gates(&scene.server, &key)?.into_iter().enumerate() {
        let app = gate.app;
        let whip = || scene.server.endpoint(&format!("{app}/whip"), "a");
        let whep = || scene.server.endpoint(&format!("{app}/whep"), "a");
        for query in gate.wrong.iter().chain([&String::new()]) {
            assert_eq!(status(&whip().with_query(query)), Some(401), "{app} {query}");
            assert_eq!(status(&whep().with_query(query)), Some(401), "{app} {query}");
        }
        let (whip, whep) = (whip().with_query(&gate.publish), whep().with_query(&gate.play));
        let stream = u32::try_from(number + 1)?;
        scene.publish_at(&whip, PublisherOptions { stream, ..PublisherOptions::default() })?;
        scene.watch_at(&whep, ViewerOptions { stream, ..ViewerOptions::default() })?;
    }
    // What may be watched may not be published.
    let play = scene.server.run(&["token", "jwt", "jwt/b", "--may", "play"])?;
    assert_eq!(status(&scene.server.endpoint("jwt/whip", "b").with_bearer(&play)), Some(401));
    scene.run_until_packets(30)
}

/// The server that is asked goes down: newcomers are refused, and whoever is there does not notice.
#[test]
fn an_authentication_server_that_is_down_costs_newcomers_only() -> TestResult {
    let round_trip = RoundTrip::start()?;
    let (mut scene, _key) = start(&round_trip)?;
    let right = "username=ann&password=right";
    let door = |server: &Server, protocol: &str| server.endpoint(protocol, "a").with_query(right);
    scene.publish_at(&door(&scene.server, "round/whip"), PublisherOptions::default())?;
    scene.watch_at(&door(&scene.server, "round/whep"), ViewerOptions::default())?;
    scene.run_until_packets(10)?;
    round_trip.is_up.store(false, Ordering::Relaxed);
    assert_eq!(status(&door(&scene.server, "round/whep")), Some(503), "nobody is there who could say yes");
    scene.stage.run_for(Duration::from_secs(2))?;
    scene.run_until_complete()?;
    for seen in scene.stage.viewers[0].tracks() {
        assert_eq!((seen.missing(), &seen.faults), (0, &Faults::default()), "{}", scene.stage);
    }
    round_trip.is_up.store(true, Ordering::Relaxed);
    let whep = door(&scene.server, "round/whep");
    scene.run_until_server("it lets in again", |_| status(&whep) != Some(503))?;
    assert!(round_trip.questions.load(Ordering::Relaxed) >= 3);
    Ok(())
}

/// A token runs out, and an operator takes another one back: those sessions end, and say why.
#[test]
fn expiry_and_revocation_end_live_sessions() -> TestResult {
    let round_trip = RoundTrip::start()?;
    let (mut scene, _key) = start(&round_trip)?;
    let token = |user: &str, ttl_s: &str| {
        scene.server.run(&[
            "token",
            "jwt",
            "jwt/a",
            "--may",
            "publish,play",
            "--user",
            user,
            "--ttl-s",
            ttl_s,
        ])
    };
    let (long, short, other) = (token("ann", "600")?, token("bob", "6")?, token("eve", "600")?);
    let door =
        |server: &Server, protocol: &str, token: &str| server.endpoint(protocol, "a").with_bearer(token);
    scene.publish_at(&door(&scene.server, "jwt/whip", &long), PublisherOptions::default())?;
    for token in [&long, &short, &other] {
        scene.watch_at(&door(&scene.server, "jwt/whep", token), ViewerOptions::default())?;
    }
    let revoked = api(&scene.server, "POST", "/api/v2/revocations", "{\"user\": \"eve\", \"app\": \"jwt\"}")?;
    assert!((200..=201).contains(&revoked.status), "{revoked:?}");
    scene.stage.run_until("both are told", SOON, |stage| {
        stage.viewers[1].end().is_some() && stage.viewers[2].end().is_some()
    })?;
    assert_eq!(scene.stage.viewers[1].resource().ending()?, "expired");
    assert_eq!(scene.stage.viewers[2].resource().ending()?, "revoked");
    assert_eq!(status(&door(&scene.server, "jwt/whep", &short)), Some(401));
    assert_eq!(status(&door(&scene.server, "jwt/whep", &other)), Some(401));
    // Whoever was shut out stays out, though control has forgotten everything else.
    let dead = scene.server.process("control")?;
    scene.server.kill("control")?;
    scene.run_until_server("control is back", |server| {
        server.process("control").is_ok_and(|process| process != dead) && server.is_healthy()
    })?;
    assert_eq!(status(&door(&scene.server, "jwt/whep", &other)), Some(401));
    scene.stage.run_for(Duration::from_secs(1))?;
    for seen in scene.stage.viewers[0].tracks() {
        assert_eq!((seen.missing(), &seen.faults), (0, &Faults::default()), "{}", scene.stage);
    }
    assert_eq!((scene.stage.publishers[0].end(), scene.stage.viewers[0].end()), (None, None));
    Ok(())
}
