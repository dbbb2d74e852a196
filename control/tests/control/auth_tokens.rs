//! Tokens and signed URLs over real sockets, made by `fanlight token`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::apps::stage;
use crate::support::{OFFER, Reply, SDP, Scratch, Stage, request, until};

const LIVE: &str = "[auth]\npublish = ['jwt', 'signed_urls']\nplay = ['jwt', 'signed_urls']\n\
    [auth.jwt]\nissuer = 'https://id.example'\nttl_s_max = 7200\nleeway_s = 0\n\
    keys = [{ id = 'main', algorithm = 'HS256', secret_file = 'secret' }]\n\
    [auth.signed_urls]\nkeys = [{ id = 'web', secret_file = 'secret' }]\n";
const SECRET: &str = "Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE\n";

/// `fanlight token` with the apps of `folder`.
fn token(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.arg("token").args(arguments).stdin(Stdio::null()).env_remove("FANLIGHT_CONFIG");
    command.env("FANLIGHT_APPS__FOLDER", folder);
    command.output().unwrap()
}

/// What stands on standard output, by itself.
fn made(folder: &Path, arguments: &[&str]) -> String {
    let output = token(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.contains(['\n', ' ']), "{line}");
    line.to_owned()
}

/// What the command says that cannot do it.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = token(folder, arguments);
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn post(stage: &Stage, path: &str, bearer: &str) -> Reply {
    let authorization = format!("Bearer {bearer}");
    let headers = [SDP, ("Authorization", authorization.as_str())];
    let headers = if bearer.is_empty() { &headers[..1] } else { &headers };
    request(stage.address(), "POST", path, headers, OFFER).await
}

/// A script has a token made, and it opens what was asked for: by WHIP and by WHEP, in the header and in the query.
#[tokio::test]
async fn tokens_that_the_command_makes_open_what_they_say() {
    let (stage, folder) = stage(&[("live.toml", LIVE), ("secret", SECRET)]).await;
    let publisher = made(&folder, &["jwt", "live/cam", "--may", "publish", "--user", "anna"]);
    let viewer = made(&folder, &["jwt", "live/c*", "--ttl-s", "60"]);
    assert_eq!(post(&stage, "/live/whip/endpoint/cam", &publisher).await.status, 201);
    assert_eq!(post(&stage, "/live/whep/endpoint/cam", &viewer).await.status, 201);
    let red5 = format!("/live/whep/endpoint/cam?username=jwt&password=jwt&token={viewer}");
    assert_eq!(post(&stage, &red5, "").await.status, 201);
    let room = made(&folder, &["jwt", "live/room1/**", "--may", "publish,play"]);
    assert_eq!(post(&stage, "/live/room1/whip/endpoint/cam", &room).await.status, 201);
    let mut bodies = Vec::new();
    for (path, token) in [
        ("/live/whip/endpoint/cam2", viewer.as_str()),
        ("/live/whip/endpoint/cam2", &publisher),
        ("/live/whep/endpoint/cam", &publisher),
        ("/live/room1/whep/endpoint/cam", &viewer),
        ("/live/room2/whep/endpoint/cam", &room),
        ("/live/whep/endpoint/cam", &room),
        ("/live/whep/endpoint/cam", &viewer[1..]),
        ("/live/whep/endpoint/cam", ""),
    ] {
        let reply = post(&stage, path, token).await;
        assert_eq!(reply.status, 401, "{path}");
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one refusal, whatever was wrong");
}

/// `--url` prints what somebody opens; what is changed in it opens nothing, and the session ends with it.
#[tokio::test]
async fn signed_urls_open_one_stream_until_they_expire() {
    let (stage, folder) = stage(&[("live.toml", LIVE), ("secret", SECRET)]).await;
    let base = format!("http://{}", stage.address());
    let url = |path: &str, more: &[&str]| {
        let url = made(&folder, &[&["url", path, "--url", &base], more].concat());
        url.strip_prefix(&base).unwrap().to_owned()
    };
    let whip = url("live/cam 1", &["--may", "publish", "--user", "anna b", "--bitrate-bps-max", "900000"]);
    assert!(whip.starts_with("/live/whip/endpoint/cam%201?expires="), "{whip}");
    assert_eq!(post(&stage, &whip, "").await.status, 201);
    let whep = url("live/cam 1", &["--ip", "127.0.0.0/8", "--ttl-s", "2"]);
    assert_eq!(post(&stage, &whep, "").await.status, 201);
    for changed in [
        whep.replace("whep", "whip"),
        whep.replace("cam%201", "cam%202"),
        whep.replace("live/", "live/room/"),
        whep.replace("&ip=127%2E0%2E0%2E0%2F8", ""),
        format!("{whep}&user=bert"),
        whip.replace("900000", "9000000"),
        url("live/cam 1", &["--ip", "192.0.2.1"]),
    ] {
        assert_eq!(post(&stage, &changed, "").await.status, 401, "{changed}");
    }
    assert_eq!(stage.dataplane.sessions().len(), 2);
    until("the end of the URL", || async { stage.dataplane.sessions().len() == 1 }).await;
    assert_eq!(post(&stage, &whep, "").await.status, 401);
    let page = made(&folder, &["url", "live/cam 1", "--url", "https://live.example/", "--page"]);
    assert!(page.starts_with("https://live.example/watch?app=live&stream=cam%201&expires="), "{page}");
}

/// A secret that was made is one that the configuration takes, and an access token comes with its line.
#[test]
fn secrets_and_access_tokens_are_made_to_be_put_into_the_configuration() {
    let scratch = Scratch::new();
    let secret = made(scratch.path(), &["secret"]);
    assert_eq!(secret.len(), 43);
    assert_ne!(secret, made(scratch.path(), &["secret"]));
    fs::write(scratch.path().join("live.toml"), LIVE).unwrap();
    fs::write(scratch.path().join("secret"), secret).unwrap();
    assert_eq!(made(scratch.path(), &["jwt", "live"]).split('.').count(), 3);
    let output = token(scratch.path(), &["api", "--name", "grafana", "--scope", "read,control"]);
    let (token, told) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(token.starts_with("flt_") && token.trim().len() == 47, "{token}");
    assert!(
        told.contains("{ name = \"grafana\", sha256 = \"")
            && told.contains("scopes = [\"read\", \"control\"] }"),
        "{told}"
    );
    assert!(!told.contains(token.trim()));
}

/// Whoever is told no must be told what to do.
#[test]
fn what_cannot_be_made_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    let folder = scratch.path();
    let public = "[auth]\nplay = ['jwt']\n[auth.jwt]\nkeys = [{ id = 'k', algorithm = 'ES256', public_key_file = 'k.pem' }]\n";
    for (name, text) in [
        ("live.toml", LIVE),
        ("secret", SECRET),
        ("short", "abc"),
        ("public.toml", public),
        ("bare.toml", ""),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let short = folder.join("short");
    let short = short.to_str().unwrap();
    for (arguments, words) in [
        (&["jwt", "live", "--ttl-s", "7201"][..], "auth.jwt.ttl_s_max"),
        (&["jwt", "live", "--key", "other"], "has no key other"),
        (&["jwt", "live/a//b"], "empty segment"),
        (&["jwt", "bare"], "no secret to sign with"),
        (&["jwt", "public"], "--key-file"),
        (&["jwt", "public", "--key", "k"], "--key-file"),
        (&["jwt", "missing"], "missing.toml"),
        (&["jwt", "live", "--secret-file", short], "fewer than 32 bytes"),
        (&["jwt", "live", "--secret-file", "/nowhere/s"], "cannot be read"),
        (&["jwt", "live", "--key-file", short, "--algorithm", "none"], "is no algorithm"),
        (&["jwt", "live", "--key-file", short, "--algorithm", "RS256"], "holds no private key"),
        (&["jwt", "live/c*", "--url", "http://a.example"], "is a pattern"),
        (&["jwt", "live/c", "--may", "publish,play", "--url", "http://a.example"], "one thing"),
        (&["url", "live/c", "--url", "a.example"], "no address of a server"),
        (&["url", "live/c", "--ip", "example.org"], "neither an IP address"),
        (&["url", "live"], "names no stream"),
        (&["url", "live/c", "--secret-file", short], "--key"),
        (&["api", "--name", "a b", "--scope", "read"], "printable ASCII"),
    ] {
        let told = refused(folder, arguments);
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}
