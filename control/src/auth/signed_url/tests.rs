//! Signed URLs that open, and what becomes of those that somebody has changed.

use std::net::IpAddr;

use axum::http::HeaderMap;

use super::super::{Client, Credentials, Transport};
use super::*;

const SECRET: &[u8] = b"Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE";
const NOW_S: u64 = 1_800_000_000;

fn urls() -> SignedUrls {
    let settings = "keys = [{ id = 'web', secret = 'Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE' }, { id = 'app', secret = \
                    'Zk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE' }]\nttl_s_max = 3600";
    SignedUrls::new(&toml::from_str(settings).unwrap(), Path::new("")).unwrap()
}

fn path(app: &str, name: &str) -> StreamPath {
    StreamPath { app: app.to_owned(), name: name.to_owned() }
}

fn judge(query: &str, action: Action, stream: &StreamPath, address: &str) -> Verdict {
    let client = Client { address: address.parse::<IpAddr>().unwrap(), agent: String::new() };
    let credentials = Credentials::read(&HeaderMap::new(), Some(query));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S);
    let (transport, credentials, client) = (Transport::Whip, &credentials, &client);
    urls().judge(&Ask { stream, action, transport, credentials, client, now })
}

/// Whoever signs in another language goes by the text at the head of the file: here it is once, with what OpenSSL makes of it
/// (`printf 'fanlight-url-1\nplay\nlive/room1\ncam 1\n1800000600\nweb\nanna\n192.0.2.0/24\n2500000' | openssl dgst -sha256
/// -hmac …`, in base64url).
#[test]
fn the_signature_is_that_of_the_text_in_the_documentation() {
    let stream = path("live/room1", "cam 1");
    let key = UrlKey::new("web", SECRET).unwrap();
    let terms = Terms {
        action: Action::Play,
        stream: &stream,
        expires: "1800000600",
        user: "anna",
        ip: "192.0.2.0/24",
        bps: "2500000",
    };
    assert_eq!(
        key.text(&terms),
        "fanlight-url-1\nplay\nlive/room1\ncam 1\n1800000600\nweb\nanna\n192.0.2.0/24\n2500000"
    );
    let signature = key.sign(&terms);
    assert_eq!(signature, "Ord6timwGCKn9Bdtsf30DF8lMkISevNerC7f9f3htEk");
    let query = format!(
        "expires=1800000600&key=web&user=anna&ip=192.0.2.0%2F24&bps=2500000&signature={signature}&other=x"
    );
    let Verdict::Granted(claim) = judge(&query, Action::Play, &stream, "192.0.2.77") else {
        panic!("refused")
    };
    assert_eq!((claim.validator.as_str(), claim.subject.as_deref()), ("signed_urls", Some("anna")));
    assert_eq!(claim.expires, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S + 600)));
    assert_eq!(claim.bitrate_bps_max, Some(2_500_000));
    let credential = claim.credential.unwrap();
    assert!(
        credential.starts_with("url_") && credential.len() == 20 && !signature.contains(&credential[4..])
    );
    assert_eq!(judge(&query, Action::Play, &stream, "198.51.100.1"), Verdict::Refused, "another address");
    assert!(matches!(judge(&query, Action::Play, &stream, "::ffff:192.0.2.1"), Verdict::Granted(_)));
}

/// A44: whatever is changed, left out, added or said twice makes another URL, which nobody signed.
#[test]
fn a_url_that_was_changed_in_anything_opens_nothing() {
    let stream = path("live", "cam");
    let key = UrlKey::new("web", SECRET).unwrap();
    let with = |expires: &str, ip: &str, bps: &str| {
        let terms = Terms { action: Action::Publish, stream: &stream, expires, user: "anna", ip, bps };
        key.sign(&terms)
    };
    let good = with("1800000600", "", "1000");
    let query = format!("expires=1800000600&key=web&user=anna&bps=1000&signature={good}");
    let opens = |query: &str, action, stream: &StreamPath| {
        matches!(judge(query, action, stream, "192.0.2.1"), Verdict::Granted(_))
    };
    assert!(opens(&query, Action::Publish, &stream));
    assert!(!opens(&query, Action::Play, &stream));
    for other in [
        path("live", "cam2"),
        path("live", "Cam"),
        path("live/room1", "cam"),
        path("live2", "cam"),
        path("live\ncam", ""),
    ] {
        assert!(!opens(&query, Action::Publish, &other), "{other}");
    }
    for (from, to) in [
        ("expires=1800000600", "expires=1800000601"),
        ("expires=1800000600", "expires=01800000600"),
        ("expires=1800000600", "expires=%2B1800000600"),
        ("expires=1800000600", "expires="),
        ("expires=1800000600&", ""),
        ("expires=1800000600&", "expires=1800000600&expires=1800000600&"),
        ("key=web", "key=app"),
        ("key=web", "key="),
        ("key=web", "key=..%2Fweb"),
        ("user=anna", "user=bert"),
        ("user=anna", "user=undefined"),
        ("user=anna&", ""),
        ("user=anna", "user=anna%0A"),
        ("user=anna", "user=anna&user=anna"),
        ("bps=1000", "bps=1001"),
        ("bps=1000", "bps=1000&ip=192.0.2.1"),
        ("&bps=1000", ""),
        ("signature=", "signature=A"),
        ("signature=", "x="),
        (good.as_str(), ""),
        (&good[1..], ""),
        (good.as_str(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let changed = query.replacen(from, to, 1);
        assert_ne!(changed, query);
        assert!(!opens(&changed, Action::Publish, &stream), "{changed}");
    }
    // Signed, but for a time or in words that are none.
    for (expires, ip, bps) in [
        ("1800000000", "", ""),
        ("1700000000", "", ""),
        ("1800003601", "", ""),
        ("99999999999999999999", "", ""),
        ("18446744073709551615", "", ""),
        ("soon", "", ""),
        ("", "", ""),
        ("1800000600", "192.0.2.2", ""),
        ("1800000600", "example.org", ""),
        ("1800000600", "0", ""),
        ("1800000600", "", "0"),
        ("1800000600", "", "-1"),
        ("1800000600", "", "fast"),
    ] {
        let signature = with(expires, ip, bps);
        let query = format!("expires={expires}&key=web&user=anna&ip={ip}&bps={bps}&signature={signature}");
        assert!(!opens(&query, Action::Publish, &stream), "{query}");
    }
    assert_eq!(judge("token=a.b.c", Action::Publish, &stream, "192.0.2.1"), Verdict::NotMine);
}

/// A47.
#[test]
fn keys_that_cannot_be_meant_are_refused_with_words() {
    let secret = "secret = 'Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE'";
    let many: Vec<String> = (0..17).map(|number| format!("{{ id = 'k{number}', {secret} }}")).collect();
    for (keys, words) in [
        (String::new(), "it has no key"),
        ("{ id = 'web' }".to_owned(), "has no secret"),
        ("{ id = 'web', secret = 'short' }".to_owned(), "shorter than 32"),
        ("{ id = 'web', secret = 'passwordpasswordpasswordpassword' }".to_owned(), "anybody would try"),
        ("{ id = 'web', secret_file = '/nowhere/secret' }".to_owned(), "cannot be read"),
        (format!("{{ id = '', {secret} }}"), "its id is"),
        (format!("{{ id = 'a b', {secret} }}"), "its id is"),
        (format!("{{ id = 'a', {secret} }}, {{ id = 'a', {secret} }}"), "two keys"),
        (many.join(","), "more than 16"),
    ] {
        let settings = toml::from_str(&format!("keys = [{keys}]")).unwrap();
        let told = SignedUrls::new(&settings, Path::new("")).err().unwrap();
        assert!(told.contains(words) && !told.contains("Xk3v"), "{told}");
    }
}
