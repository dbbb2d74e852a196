//! The token of Red5 Cloud, as its documentation writes it, and what must not pass for one.

use axum::http::HeaderMap;
use fanlight_protocol::StreamPath;

use super::super::{Client, Credentials, Transport};
use super::*;

const SECRET: &str = "q8Zr2Lw5Xv1Nt7Kp";
const FIELDS: &str = "stream1:anna:viewer:key1=value1:live:1800000600";

fn judge(token: &str, action: Action, app: &str, name: &str) -> Verdict {
    let settings =
        Settings { secret_file: PathBuf::new(), ..toml::from_str(&format!("secret = '{SECRET}'")).unwrap() };
    let validator = Digest::new(&settings, Path::new("")).unwrap();
    let stream = StreamPath { app: app.to_owned(), name: name.to_owned() };
    let client = Client { address: [192, 0, 2, 1].into(), agent: String::new() };
    let credentials = Credentials::read(&HeaderMap::new(), Some(&format!("token={token}")));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let (stream, transport, credentials, client) = (&stream, Transport::Whep, &credentials, &client);
    validator.judge(&Ask { stream, action, transport, credentials, client, now })
}

fn token(fields: &str) -> String {
    let whole = format!("{fields}:{SECRET}");
    let hexadecimal: String =
        digest(&SHA256, whole.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{fields}:{hexadecimal}")
}

/// The digest is what `printf '%s' stream1:…:1800000600:q8Zr2Lw5Xv1Nt7Kp | sha256sum` prints.
#[test]
fn a_token_as_red5_cloud_makes_it_opens_its_stream() {
    let told = "de38804ea4dd0e7a9dd2207cf900bbcd231c8ae05a7f725c15a188859e10143c";
    assert_eq!(token(FIELDS), format!("{FIELDS}:{told}"));
    let Verdict::Granted(claim) = judge(&token(FIELDS), Action::Play, "live", "stream1") else {
        panic!("refused")
    };
    assert_eq!((claim.validator.as_str(), claim.subject.as_deref()), ("digest", Some("anna")));
    assert_eq!(claim.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_600)));
    let publisher = token("stream1::streamer::live/room1:1800000600");
    let told = judge(&publisher, Action::Publish, "live/room1", "stream1");
    assert!(matches!(told, Verdict::Granted(Claim { subject: None, .. })), "{told:?}");
}

/// A44, and tokens that are cut, changed or signed by another.
#[test]
fn another_stream_role_app_time_or_digest_is_refused() {
    let good = token(FIELDS);
    for (action, app, name) in [
        (Action::Publish, "live", "stream1"),
        (Action::Play, "live", "stream2"),
        (Action::Play, "live2", "stream1"),
        (Action::Play, "live/room1", "stream1"),
    ] {
        assert_eq!(judge(&good, action, app, name), Verdict::Refused, "{action:?} {app} {name}");
    }
    let zeros = format!("{FIELDS}:{}", "0".repeat(64));
    let upper = good.rsplit_once(':').map(|(fields, digest)| format!("{fields}:{}", digest.to_uppercase()));
    for token in [
        zeros,
        upper.unwrap(),
        good.replace("anna", "bert"),
        good.replace("viewer", "streamer"),
        good.replace("key1", "key2"),
        good.replace("1800000600", "1800009600"),
        token("stream1:anna:viewer:key1=value1:live:1800000000"),
        token("stream1:anna:viewer:key1=value1:live:+1800000600"),
        token("stream1:anna:viewer:key1=value1:live:1e12"),
        token("stream1:anna:viewer:key1=value1:live:"),
        token("stream1:anna:VIEWER:key1=value1:live:1800000600"),
        token("stream1:anna::key1=value1:live:1800000600"),
        token("stream1:anna:viewer:live:1800000600"),
        token("stream1:anna:viewer:a=b:c=d:live:1800000600"),
        token("stream1:an%0Ana:viewer:a=b:live:1800000600"),
        token(&format!("stream1:anna:viewer:{}:live:1800000600", "x".repeat(3_000))),
    ] {
        assert_eq!(judge(&token, Action::Play, "live", "stream1"), Verdict::Refused, "{token}");
    }
    for token in ["abc", "a.b.c", FIELDS, "sk_abc", ":"] {
        assert_eq!(judge(token, Action::Play, "live", "stream1"), Verdict::NotMine, "{token}");
    }
}

/// A47.
#[test]
fn a_secret_that_can_be_guessed_is_refused() {
    for (settings, words) in [
        ("", "no secret"),
        ("secret = 'short'", "shorter than 16"),
        ("secret = 'changemechangeme'", "anybody would try"),
        ("secret_file = '/nowhere/secret'", "cannot be read"),
    ] {
        let told = Digest::new(&toml::from_str(settings).unwrap(), Path::new("")).err().unwrap();
        assert!(told.contains(words), "{told}");
    }
}
