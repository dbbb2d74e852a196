use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use fanlight_protocol::StreamPath;

use super::*;
use crate::auth::{Client, Credentials, Transport};
use crate::outbound::testing::{Act, Server, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW_UNIX_S: u64 = 1_700_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_UNIX_S)
}

fn settings(server: &Server) -> Settings {
    let secret = serde_json::from_value(SECRET.into()).unwrap();
    Settings { url: server.url("/may"), secret, timeout_ms: 500, allow_private: true, ..Settings::default() }
}

async fn judge(settings: &Settings, action: Action, claim: Claim) -> Verdict {
    let hook = Hook::new(settings, Path::new("/"), &Outbound::of_a_test()).unwrap().unwrap();
    let stream = StreamPath { app: "live/room1".to_owned(), name: "camera".to_owned() };
    let client = Client { address: "192.0.2.7".parse().unwrap(), agent: "OBS/30.2".to_owned() };
    let transport = Transport::Whip;
    let credentials = &Credentials::default();
    hook.judge(&Ask { stream: &stream, action, transport, credentials, client: &client, now: now() }, claim)
        .await
}

fn claim() -> Claim {
    Claim { validator: "users".to_owned(), subject: Some("anna".to_owned()), ..Claim::default() }
}

/// Its owner must be able to tell that it was us who asked, and all that there is to decide by.
#[tokio::test]
async fn the_question_says_who_wants_what_and_is_signed() {
    let server = Server::new(|_| json(200, "{\"allow\":true}")).await;
    assert_eq!(judge(&settings(&server), Action::Publish, claim()).await, Verdict::Granted(claim()));
    let request = server.requests().pop().unwrap();
    let expected = serde_json::json!({
        "app": "live/room1", "stream": "camera", "action": "publish", "transport": "whip", "address": "192.0.2.7",
        "user_agent": "OBS/30.2", "subject": "anna", "validator": "users",
    });
    assert_eq!(request.json(), expected);
    // As its owner would.
    let key = hmac::Key::new(HMAC_SHA256, SECRET.as_bytes());
    let signed = hmac::sign(&key, format!("{NOW_UNIX_S}.{}", request.body).as_bytes());
    let digits: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(request.header("Fanlight-Signature"), Some(format!("t={NOW_UNIX_S},v1={digits}")));
}

/// It has the last word only downwards: what a credential does not allow it cannot give.
#[tokio::test]
async fn it_may_allow_less_and_not_more() {
    let in_s = |seconds| Some(now() + Duration::from_secs(seconds));
    let held = Claim { expires: in_s(100), bitrate_bps_max: Some(1000), ..claim() };
    for (reply, expires, bitrate_bps_max) in [
        ("{\"allow\":true}", in_s(100), Some(1000)),
        ("{\"allow\":true,\"expires_in_s\":5,\"bitrate_bps_max\":7}", in_s(5), Some(7)),
        ("{\"allow\":true,\"expires_in_s\":500,\"bitrate_bps_max\":7000,\"more\":[]}", in_s(100), Some(1000)),
        ("{\"allow\":true,\"expires_in_s\":null,\"bitrate_bps_max\":null}", in_s(100), Some(1000)),
    ] {
        let server = Server::new(move |_| json(201, reply)).await;
        let expected = Claim { expires, bitrate_bps_max, ..claim() };
        assert_eq!(
            judge(&settings(&server), Action::Play, held.clone()).await,
            Verdict::Granted(expected),
            "{reply}"
        );
    }
}

/// Fail closed: only a clear yes is one.
#[tokio::test]
async fn whatever_is_not_a_yes_refuses() {
    let bodies = [
        "",
        "{}",
        "true",
        "[]",
        "[true]",
        "{\"allow\":false}",
        "{\"allow\":\"true\"}",
        "{\"allow\":1}",
        "{\"allow\":null}",
        "{\"allow\":true",
        "{\"allow\":true,\"allow\":true}",
        "{\"Allow\":true}",
        "{\"allow\":true,\"expires_in_s\":0}",
        "{\"allow\":true,\"expires_in_s\":-1}",
        "{\"allow\":true,\"expires_in_s\":1.5}",
        "{\"allow\":true,\"expires_in_s\":18446744073709551615}",
        "{\"allow\":true,\"bitrate_bps_max\":0}",
        "{\"allow\":true,\"bitrate_bps_max\":\"1\"}",
    ];
    let acts = bodies.iter().map(|body| json(200, body));
    let others =
        [json(302, "{\"allow\":true}"), json(403, "{\"allow\":true}"), json(500, "{\"allow\":true}")];
    let refused = acts.chain(others).map(|act| (act, Verdict::Refused));
    let away = [Act::Hang, Act::Close, json(503, "{\"allow\":true}")].map(|act| (act, Verdict::Away));
    for (act, expected) in refused.chain(away) {
        let acting = act.clone();
        let server = Server::new(move |_| acting.clone()).await;
        assert_eq!(judge(&settings(&server), Action::Publish, claim()).await, expected, "{act:?}");
        assert_eq!(server.requests().len(), 1);
    }
}

/// Operators may leave one of the two alone.
#[tokio::test]
async fn it_is_asked_about_what_it_is_set_for_only() {
    let asked = std::sync::Arc::new(AtomicU32::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let server = Server::new(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        json(200, "{\"allow\":false}")
    })
    .await;
    let settings = Settings { on: vec![Action::Publish], ..settings(&server) };
    assert_eq!(judge(&settings, Action::Play, claim()).await, Verdict::Granted(claim()));
    assert_eq!(judge(&settings, Action::Publish, claim()).await, Verdict::Refused);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A section that is half there would be a door that is meant to be guarded and is not.
#[test]
fn a_section_that_is_not_whole_is_refused() {
    let of = |text: &str| {
        let settings: Settings = toml::from_str(text).unwrap();
        Hook::new(&settings, Path::new("/nowhere"), &Outbound::of_a_test()).map(|hook| hook.is_some())
    };
    assert_eq!(of(""), Ok(false));
    assert_eq!(of(&format!("url = 'https://example.com/'\nsecret = '{SECRET}'")), Ok(true));
    for (text, words) in [
        (format!("secret = '{SECRET}'"), "no url"),
        ("url = 'https://example.com/'".to_owned(), "no secret"),
        ("url = 'https://example.com/'\nsecret = 'short'".to_owned(), "shorter than 16"),
        ("url = 'https://example.com/'\nsecret_file = 'missing'".to_owned(), "cannot be read"),
        (format!("url = 'https://example.com/'\nsecret = '{SECRET}'\nsecret_file = 'x'"), "both set"),
        (format!("url = 'http://10.0.0.1/'\nsecret = '{SECRET}'"), "allow_private"),
        (format!("url = 'ftp://example.com/'\nsecret = '{SECRET}'"), "neither http"),
        (format!("url = 'https://example.com/'\nsecret = '{SECRET}'\non = []"), "`on` is empty"),
        (format!("url = 'https://example.com/'\nsecret = '{SECRET}'\nca_file = 'missing.pem'"), "ca_file"),
    ] {
        let told = of(&text).unwrap_err();
        assert!(told.contains(words) && !told.contains(SECRET), "{told}");
    }
    assert!(toml::from_str::<Settings>("on = ['publsih']").is_err());
    let folder = std::env::temp_dir().join(format!("fanlight-admission-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("key"), SECRET).unwrap();
    let settings: Settings = toml::from_str("url = 'https://example.com/'\nsecret_file = 'key'").unwrap();
    assert!(Hook::new(&settings, &folder, &Outbound::of_a_test()).unwrap().is_some());
    assert_eq!(settings.files(&folder), [folder.join("key")]);
    fs::remove_dir_all(&folder).unwrap();
}
