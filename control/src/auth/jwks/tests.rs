use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jsonwebtoken::{EncodingKey, Header, Validation, decode, encode};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};

use super::*;
use crate::outbound::testing::{Act, Server, json as answer};

/// One key of an issuer.
struct Issuer {
    key: EncodingKey,
    jwk: Value,
}

impl Issuer {
    fn new(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = base64_url(pair.public_key_raw());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x});
        Self { key: EncodingKey::from_ed_der(&pair.serialize_der()), jwk }
    }

    /// Whether `key` verifies what this one signs.
    fn is_verified_by(&self, key: &DecodingKey) -> bool {
        let token =
            encode(&Header::new(Algorithm::EdDSA), &json!({"exp": 9_999_999_999_u64}), &self.key).unwrap();
        decode::<Value>(&token, key, &Validation::new(Algorithm::EdDSA)).is_ok()
    }
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn settings(server: &Server) -> Settings {
    Settings { url: server.url("/jwks.json"), allow_private: true, timeout_ms: 1000, ..Settings::default() }
}

fn set(settings: &Settings, unknown_key_interval: Duration) -> JwkSet {
    JwkSet::with(settings, Path::new("/"), &Outbound::of_a_test(), unknown_key_interval).unwrap()
}

fn document(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

const EDDSA: Algorithm = Algorithm::EdDSA;

/// The first token comes before the keys do, and nobody who is right must be refused for that.
#[tokio::test]
async fn the_first_token_waits_for_the_keys_and_later_ones_find_them() {
    let issuer = Issuer::new("one");
    let keys = document(&[&issuer.jwk]);
    let server = Server::new(move |_| answer(200, &keys)).await;
    let set = set(&settings(&server), UNKNOWN_KEY_INTERVAL);
    let found = set.find(Some("one"), EDDSA).await.unwrap();
    assert!(issuer.is_verified_by(&found));
    assert!(!Issuer::new("one").is_verified_by(&found));
    assert!(set.find(None, EDDSA).await.is_some(), "the only one of its algorithm");
    assert!(set.find(Some("one"), Algorithm::RS256).await.is_none(), "a key has one algorithm");
    assert!(set.find(Some("one"), Algorithm::HS256).await.is_none());
    assert!(server.requests()[0].head.starts_with("GET /jwks.json HTTP/1.1\r\n"));
    assert_eq!(server.requests().len(), 1);
}

/// Issuers change their keys; whoever guesses ids must not make us ask them all the time.
#[tokio::test]
async fn a_key_that_is_new_is_fetched_and_ids_that_nobody_has_are_not() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let documents = [document(&[&old.jwk]), document(&[&old.jwk, &new.jwk])];
    let rotated = Arc::new(AtomicBool::new(false));
    let server = Server::new({
        let rotated = Arc::clone(&rotated);
        move |_| answer(200, &documents[usize::from(rotated.load(Ordering::SeqCst))])
    })
    .await;
    let interval = Duration::from_millis(600);
    let set = Arc::new(set(&settings(&server), interval));
    assert!(set.find(Some("old"), EDDSA).await.is_some());
    rotated.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    for number in 0..1000 {
        assert!(set.find(Some(&format!("guess-{number}")), EDDSA).await.is_none());
    }
    assert!(begun.elapsed() < interval, "the rest of this test means nothing");
    assert_eq!(server.requests().len(), 1, "one fetch in so long");
    sleep(interval).await;
    let mut finding = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let set = Arc::clone(&set);
        finding.spawn(async move { set.find(Some("new"), EDDSA).await });
    }
    let found = finding.join_all().await;
    assert!(found.iter().all(|key| key.as_ref().is_some_and(|key| new.is_verified_by(key))));
    assert_eq!(server.requests().len(), 2, "a hundred who wait are one fetch");
    assert!(set.find(None, EDDSA).await.is_none(), "it is not known which of two is meant");
}

/// The issuer being away for a while must not close the server, and for ever must.
#[tokio::test]
async fn keys_outlive_their_server_for_a_bounded_time() {
    let issuer = Issuer::new("one");
    let keys = document(&[&issuer.jwk]);
    let is_up = Arc::new(AtomicBool::new(true));
    let server = Server::new({
        let is_up = Arc::clone(&is_up);
        move |_| if is_up.load(Ordering::SeqCst) { answer(200, &keys) } else { answer(500, "{\"keys\":[]}") }
    })
    .await;
    let set = set(&Settings { cache_s: 1, stale_s: 3, ..settings(&server) }, UNKNOWN_KEY_INTERVAL);
    assert!(set.find(Some("one"), EDDSA).await.is_some());
    is_up.store(false, Ordering::SeqCst);
    sleep(Duration::from_millis(1500)).await;
    assert!(server.requests().len() >= 2, "it was asked in vain");
    assert!(set.find(Some("one"), EDDSA).await.is_some());
    sleep(Duration::from_millis(2500)).await;
    assert!(set.find(Some("one"), EDDSA).await.is_none(), "too long ago");
    let asked = server.requests().len();
    drop(set);
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(server.requests().len(), asked, "whoever is dropped asks no more");
}

/// A server that is not there yet is asked again, and until then nobody gets in.
#[tokio::test]
async fn without_keys_there_are_none() {
    let issuer = Issuer::new("one");
    let keys = document(&[&issuer.jwk]);
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::new({
        let asked = Arc::clone(&asked);
        move |_| if asked.fetch_add(1, Ordering::SeqCst) == 0 { Act::Close } else { answer(200, &keys) }
    })
    .await;
    let set = set(&settings(&server), UNKNOWN_KEY_INTERVAL);
    assert!(set.find(Some("one"), EDDSA).await.is_none());
    assert!(set.find(Some("one"), EDDSA).await.is_none());
    sleep(Duration::from_millis(1500)).await;
    assert!(set.find(Some("one"), EDDSA).await.is_some());
}

/// What must not verify a token, or not by that algorithm, is left out; the others are taken all the same.
#[test]
fn only_public_keys_for_signatures_are_taken_each_with_its_algorithm() {
    let (n, short) = ("w".repeat(342), "w".repeat(171));
    let (x, y) =
        ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    let ed = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let document = json!({"keys": [
        {"kid": "rsa", "kty": "RSA", "n": n, "e": "AQAB"},
        {"kid": "pss", "kty": "RSA", "n": n, "e": "AQAB", "alg": "PS512", "use": "sig"},
        {"kid": "p256", "kty": "EC", "crv": "P-256", "x": x, "y": y, "key_ops": ["verify"]},
        {"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": ed},
        {"kid": "secret", "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"},
        {"kid": "confused", "kty": "RSA", "n": n, "e": "AQAB", "alg": "HS256"},
        {"kid": "crossed", "kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "RS256"},
        {"kid": "short", "kty": "RSA", "n": short, "e": "AQAB"},
        {"kid": "encrypts", "kty": "RSA", "n": n, "e": "AQAB", "use": "enc"},
        {"kid": "oaep", "kty": "RSA", "n": n, "e": "AQAB", "alg": "RSA-OAEP"},
        {"kid": "signs", "kty": "RSA", "n": n, "e": "AQAB", "key_ops": ["sign"]},
        {"kid": "none", "kty": "RSA", "n": n, "e": "AQAB", "alg": "none"},
        {"kid": "curve", "kty": "EC", "crv": "secp256k1", "x": x, "y": y},
        {"kid": "x25519", "kty": "OKP", "crv": "X25519", "x": ed},
        {"kid": "letters", "kty": "RSA", "n": n.replace('w', "!"), "e": "AQAB"},
        {"kid": "kind", "kty": "AKP", "pub": "x"},
        {"kid": 7, "kty": "OKP", "crv": "Ed25519", "x": ed},
        "no object", null, [],
    ]});
    let document: Document = serde_json::from_value(document).unwrap();
    let keys = document.keys();
    let taken: HashSet<_> =
        keys.iter().map(|key| (key.id.as_deref().unwrap(), format!("{:?}", key.algorithm))).collect();
    let expected = [("rsa", "RS256"), ("pss", "PS512"), ("p256", "ES256"), ("ed", "EdDSA")];
    assert_eq!(taken, expected.map(|(id, algorithm)| (id, algorithm.to_owned())).into());
    let many = Document { keys: vec![json!({"kty": "OKP", "crv": "Ed25519", "x": ed}); 100] };
    assert_eq!(many.keys().len(), KEYS_MAX);
}
