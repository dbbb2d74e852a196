//! Users, stream keys and the budget of refusals, over real sockets.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fanlight::roster::{Entry, Key, PasswordHash, Rights, Secret};
use fanlight::{Config, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::apps::stage;
use crate::support::{OFFER, Reply, SDP, Scratch, Stage, exchange, request, until};

const USERS: &str = "[auth]\npublish = ['users']\nplay = ['users']\n[auth.users]\nfile = 'users'\n";
const KEYS: &str =
    "[auth]\npublish = ['stream_keys']\nplay = ['stream_keys']\n[auth.stream_keys]\nfile = 'keys'\n";

fn user(name: &str, may: Rights, streams: &str, password: &str) -> String {
    let mut entry = Entry::new(name, may, Secret::Password(PasswordHash::of(password).unwrap())).unwrap();
    entry.limit_streams(streams).unwrap();
    format!("{entry}\n")
}

async fn post(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> Reply {
    let headers = [&[SDP], headers].concat();
    request(stage.address(), "POST", path, &headers, OFFER).await
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// Passwords open WHIP and WHEP alike, for what the line says; all else is one refusal, whatever was wrong (A44).
#[tokio::test]
async fn users_publish_and_play_what_their_lines_say() {
    let users = user("alice", Rights::Both, "**", "correct horse")
        + &user("bob", Rights::Play, "cam*", "battery staple");
    let (stage, _folder) = stage(&[("live.toml", USERS), ("users", &users)]).await;
    let alice = basic("alice", "correct horse");
    let published = post(&stage, "/live/whip/endpoint/cam1", &[("Authorization", &alice)]).await;
    assert_eq!(published.status, 201, "{published:?}");
    let query = "username=bob&password=battery%20staple";
    assert_eq!(post(&stage, &format!("/live/whep/endpoint/cam1?{query}"), &[]).await.status, 201);
    let other = post(&stage, "/live/room/whip/endpoint/cam1", &[("Authorization", &alice)]).await;
    assert_eq!(other.status, 201);

    let mut refusals = Vec::new();
    for (path, authorization) in [
        (format!("/live/whip/endpoint/cam2?{query}"), String::new()),
        (format!("/live/whep/endpoint/other?{query}"), String::new()),
        (format!("/live/room/whep/endpoint/cam1?{query}"), String::new()),
        ("/live/whep/endpoint/cam1?username=bob&password=wrong".to_owned(), String::new()),
        ("/live/whep/endpoint/cam1?username=carol&password=battery%20staple".to_owned(), String::new()),
        ("/live/whep/endpoint/cam1?username=bob&password=".to_owned(), String::new()),
        ("/live/whep/endpoint/cam1".to_owned(), basic("bob", "correct horse")),
        ("/live/whep/endpoint/cam1".to_owned(), "Bearer battery staple".to_owned()),
        ("/live/whep/endpoint/cam1".to_owned(), String::new()),
    ] {
        let header = [("Authorization", authorization.as_str())];
        let headers = if authorization.is_empty() { &[][..] } else { &header };
        let refused = post(&stage, &path, headers).await;
        assert_eq!(refused.status, 401, "{path}");
        refusals.push(refused.body);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "one refusal, whatever was wrong: {refusals:?}");
    assert_eq!(stage.dataplane.sessions().len(), 3);
}

/// OBS sends its key as a bearer token, other encoders in the query.
#[tokio::test]
async fn stream_keys_open_their_streams() {
    let (key, other) = (Key::make().unwrap(), Key::make().unwrap());
    let mut entry = Entry::new("obs", Rights::Publish, key.secret()).unwrap();
    entry.limit_streams("show").unwrap();
    let (stage, _folder) = stage(&[("live.toml", KEYS), ("keys", &format!("{entry}\n"))]).await;
    let (key, other) = (key.text(), other.text());
    for (path, status) in [
        (format!("/live/whip/endpoint/show?key={other}"), 401),
        (format!("/live/whip/endpoint/other?key={key}"), 401),
        (format!("/live/whep/endpoint/show?key={key}"), 401),
        (format!("/live/whip/endpoint/show?key={key}"), 201),
    ] {
        assert_eq!(post(&stage, &path, &[]).await.status, status, "{path}");
    }
    let bearer = format!("Bearer {key}");
    let taken = post(&stage, "/live/whip/endpoint/show", &[("Authorization", &bearer)]).await;
    assert_eq!(taken.reason(), "name_in_use", "let in, and told more");
}

/// An operator takes a user out of the file of a server that runs: newcomers with that login are refused within a second or so,
/// though it was proved just before, and who is there stays.
#[tokio::test]
async fn a_user_who_is_removed_comes_in_no_more() {
    let alice = user("alice", Rights::Both, "**", "correct horse");
    let bob = user("bob", Rights::Both, "**", "battery staple");
    let both = format!("{alice}{bob}");
    let (stage, folder) = stage(&[("live.toml", USERS), ("users", &both)]).await;
    let (alice, path) = (basic("alice", "correct horse"), "/live/whip/endpoint/a");
    let published = post(&stage, path, &[("Authorization", &alice)]).await;
    stage.dataplane.connect_all();
    fs::write(folder.join("users"), &bob).unwrap();
    until("her end", || async {
        post(&stage, "/live/whep/endpoint/a", &[("Authorization", &alice)]).await.status == 401
    })
    .await;
    assert_eq!(stage.state(published.location()).await.status, 200);
    // A slip in the file keeps what was in force.
    fs::write(folder.join("users"), format!("{bob}mallory publish hunter2\n")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let bob = basic("bob", "battery staple");
    assert_eq!(post(&stage, "/live/whep/endpoint/a", &[("Authorization", &bob)]).await.status, 201);
}

/// A41: whoever is refused again and again is sent away before his credentials are looked at, right or wrong, and nobody else is.
/// Behind a proxy the addresses are those that it tells.
#[tokio::test]
async fn an_address_that_is_refused_too_often_is_sent_away_and_others_are_not() {
    let users = user("alice", Rights::Both, "**", "correct horse");
    let scratch = Scratch::new();
    fs::write(scratch.path().join("live.toml"), USERS).unwrap();
    fs::write(scratch.path().join("users"), users).unwrap();
    let stage = Stage::with(|config| {
        config.apps.folder = scratch.path().to_owned();
        config.auth.refusals_per_minute_max = 5;
        config.http.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
    })
    .await;
    let (alice, path) = (basic("alice", "correct horse"), "/live/whep/endpoint/a");
    let from = |address: &'static str| ("X-Forwarded-For", address);
    for _ in 0..5 {
        assert_eq!(post(&stage, path, &[from("10.9.9.9, 192.0.2.1")]).await.status, 401);
    }
    for headers in [&[from("192.0.2.1")][..], &[from("192.0.2.1"), ("Authorization", &alice)]] {
        let sent_away = post(&stage, path, headers).await;
        assert_eq!((sent_away.status, sent_away.reason().as_str()), (429, "too_many_refusals"));
        let seconds: u32 = sent_away.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=13).contains(&seconds), "{seconds}");
    }
    let other = post(&stage, path, &[from("192.0.2.1, 192.0.2.2"), ("Authorization", &alice)]).await;
    assert_eq!(other.reason(), "not_live", "let in");
    // What the address has besides goes on: pages, and sessions by their own URLs.
    assert_eq!(request(stage.address(), "GET", "/", &[from("192.0.2.1")], "").await.status, 200);
}

/// A41: a refusal leaves its connection whole: what was the body of the refused request is never read as another request.
#[tokio::test]
async fn the_body_of_a_refused_request_is_no_request() {
    let (stage, _folder) = stage(&[("live.toml", "")]).await;
    let inner = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for body_bytes in [inner.len(), 60_000] {
        let head = format!(
            "POST /live/whip/endpoint/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
             Content-Length: {body_bytes}\r\n\r\n"
        );
        let mut stream = TcpStream::connect(stage.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let refused = Reply::read(&mut stream, false).await.expect("an answer before the body");
        assert_eq!(refused.status, 401);
        // The body that was announced, and a request behind it.
        let mut rest = inner.repeat(body_bytes.div_ceil(inner.len()))[..body_bytes].to_owned();
        rest += "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        // The server may have closed.
        let _ = stream.write_all(rest.as_bytes()).await;
        if let Some(next) = Reply::read(&mut stream, false).await {
            assert!(next.body.contains("# TYPE"), "the body was read as a request: {next:?}");
        }
    }
    assert!(stage.dataplane.sessions().is_empty());
    assert_eq!(exchange(stage.address(), inner.as_bytes()).await.unwrap().status, 200);
}

/// A47: an app that would let in more than was meant, or nobody by mistake, keeps the server from starting, and says what to mend
/// without telling what may be a secret.
#[tokio::test]
async fn what_would_fail_open_does_not_start() {
    let alice = user("alice", Rights::Both, "**", "correct horse");
    let key = Key::make().unwrap();
    let obs = format!("{}\n", Entry::new("obs", Rights::Publish, key.secret()).unwrap());
    let dear = alice.replace("m=19456", "m=4194304");
    let cheap = alice.replace("m=19456,t=2", "m=8,t=1");
    let twice = format!("{alice}{alice}");
    let users_misspelt = USERS.replace("['users']", "['Users']");
    let unlisted = "[auth]\npublish = ['open']\nplay = ['open']\n[auth.users]\nfile = 'users'\n";
    let unnamed = "[auth]\npublish = ['users']\n";
    let misspelt_key = "[auth]\npublish = ['users']\n[auth.users]\nfiel = 'users'\n";
    let with_open = USERS.replace("['users']", "['users', 'open']");
    let cases: Vec<(&str, &str, &str, &str)> = vec![
        (USERS, "other", "", "cannot be read"),
        (USERS, "users", "", "nobody could come in"),
        (USERS, "users", "alice publish hunter2\n", "line 1: here stands no hash"),
        (USERS, "users", "alice:hunter2\n", "line 1: a line is a name"),
        (USERS, "users", &twice, "line 2: alice is on line 1 already"),
        (USERS, "users", &dear, "costs too much"),
        (USERS, "users", &cheap, "too cheap"),
        (USERS, "users", &obs, "obs is a stream key"),
        (KEYS, "keys", &alice, "alice has a password"),
        (KEYS, "keys", "obs publish sk_hunter2\n", "a stream key itself"),
        (KEYS, "other", "", "cannot be read"),
        (&users_misspelt, "users", &alice, "unknown variant `Users`"),
        (unlisted, "users", &alice, "neither auth.publish nor auth.play lists"),
        (unnamed, "users", &alice, "no file is named"),
        (misspelt_key, "users", &alice, "the nearest is"),
        (&with_open, "users", &alice, "it stands alone"),
    ];
    for (app, name, text, words) in &cases {
        let scratch = Scratch::new();
        fs::write(scratch.path().join("live.toml"), app).unwrap();
        fs::write(scratch.path().join(name), text).unwrap();
        let mut config = Config::default();
        config.http.port = 0;
        config.apps.folder = scratch.path().to_owned();
        config.control.socket = scratch.path().join("dataplane.sock");
        let told = Server::start(config).await.unwrap_err().to_string();
        assert!(told.contains(words), "{app}{text}\n{told}");
        assert!(!told.contains("hunter2") && !told.contains("$argon2"), "{told}");
    }
    assert_eq!(cases.len(), 16);
}
