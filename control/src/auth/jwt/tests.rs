//! Tokens of every algorithm, and those that must not pass (A43, A44). A chain answers, as it does for a request.

use std::fs;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanlight_protocol::StreamPath;
use jsonwebtoken::EncodingKey;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};

use super::super::{Action, Chain, Client, Credentials, Transport};
use super::*;
use crate::fault::Fault;

const SECRET: &str = "Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE";
const NOW_S: u64 = 1_800_000_000;

/// Keys are dear to make.
static RSA: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap());
static P256: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
static P384: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap());
static ED25519: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_for(&PKCS_ED25519).unwrap());

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fanlight-jwt-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        for (name, key) in [("rsa", &*RSA), ("p256", &P256), ("p384", &P384), ("ed25519", &ED25519)] {
            fs::write(path.join(format!("{name}.pem")), key.public_key_pem()).unwrap();
        }
        fs::write(path.join("private.pem"), P256.serialize_pem()).unwrap();
        fs::write(path.join("secret"), format!("{SECRET}\n")).unwrap();
        Self(path)
    }

    /// Of an app that only tokens open, with this `[auth.jwt]`.
    fn chain(&self, jwt: &str) -> Result<Chain, String> {
        let mut text = "publish = ['jwt']\nplay = ['jwt']\n[jwt]\n".to_owned();
        text += jwt;
        let settings = toml::from_str(&text).map_err(|error| error.to_string())?;
        Chain::new(&settings, &self.0).map_err(|faults| format!("{faults:?}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a caller with `query` is told.
async fn asked(chain: &Chain, query: &str, action: Action, path: &str) -> Result<Claim, Fault> {
    let (app, name) = path.rsplit_once('/').unwrap();
    let stream = StreamPath { app: app.to_owned(), name: name.to_owned() };
    let client = Client { address: [192, 0, 2, 1].into(), agent: String::new() };
    let transport = match action {
        Action::Publish => Transport::Whip,
        Action::Play => Transport::Whep,
    };
    let credentials = Credentials::read(&HeaderMap::new(), Some(query));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S);
    let (stream, credentials, client) = (&stream, &credentials, &client);
    chain.judge(&Ask { stream, action, transport, credentials, client, now }).await
}

async fn publishes(chain: &Chain, token: &str) -> Result<Claim, Fault> {
    asked(chain, &format!("token={token}"), Action::Publish, "live/cam").await
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn signed(header: &str, payload: impl AsRef<[u8]>, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(payload));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// By the right secret.
fn hs256(header: &str, payload: impl AsRef<[u8]>) -> String {
    signed(header, payload, &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256)
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT","kid":"main"}"#;

/// `{"exp":…,"iss":"https://id.example","aud":"fanlight"` and what else is said.
fn payload(more: &str) -> String {
    format!(r#"{{"exp":{},"iss":"https://id.example","aud":"fanlight"{more}}}"#, NOW_S + 600)
}

const STRICT: &str = "issuer = 'https://id.example'\naudience = 'fanlight'\nttl_s_max = 3600\n\
    keys = [{ id = 'main', algorithm = 'HS256', secret_file = 'secret' }, \
    { id = 'rsa', algorithm = 'RS256', public_key_file = 'rsa.pem' }]";

/// A back end signs with what it has.
#[tokio::test]
async fn a_token_of_each_algorithm_opens_with_its_key_and_with_no_other() {
    let folder = Folder::new("each");
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let pem = |key: &KeyPair, read: fn(&[u8]) -> jsonwebtoken::errors::Result<EncodingKey>| {
        read(key.serialize_pem().as_bytes()).unwrap()
    };
    let rsa = pem(&RSA, EncodingKey::from_rsa_pem);
    let keys = [
        (Algorithm::HS256, "secret_file = 'secret'", secret.clone()),
        (Algorithm::HS384, "secret_file = 'secret'", secret.clone()),
        (Algorithm::HS512, "secret_file = 'secret'", secret),
        (Algorithm::RS256, "public_key_file = 'rsa.pem'", rsa.clone()),
        (Algorithm::RS384, "public_key_file = 'rsa.pem'", rsa.clone()),
        (Algorithm::RS512, "public_key_file = 'rsa.pem'", rsa.clone()),
        (Algorithm::PS256, "public_key_file = 'rsa.pem'", rsa.clone()),
        (Algorithm::PS384, "public_key_file = 'rsa.pem'", rsa.clone()),
        (Algorithm::PS512, "public_key_file = 'rsa.pem'", rsa),
        (Algorithm::ES256, "public_key_file = 'p256.pem'", pem(&P256, EncodingKey::from_ec_pem)),
        (Algorithm::ES384, "public_key_file = 'p384.pem'", pem(&P384, EncodingKey::from_ec_pem)),
        (Algorithm::EdDSA, "public_key_file = 'ed25519.pem'", pem(&ED25519, EncodingKey::from_ed_pem)),
    ];
    let tokens = keys.iter().map(|(algorithm, _, key)| {
        let header = format!(r#"{{"alg":"{algorithm:?}"}}"#);
        let payload = format!(r#"{{"exp":{},"sub":"anna","jti":"t1","bps":2500000}}"#, NOW_S + 60);
        signed(&header, payload, key, *algorithm)
    });
    let tokens: Vec<String> = tokens.collect();
    for (at, (algorithm, key, _)) in keys.iter().enumerate() {
        let chain = folder.chain(&format!("keys = [{{ algorithm = '{algorithm:?}', {key} }}]")).unwrap();
        for (other, token) in tokens.iter().enumerate() {
            let told = publishes(&chain, token).await;
            assert_eq!(told.is_ok(), at == other, "{algorithm:?} {token}");
        }
        let claim = publishes(&chain, &tokens[at]).await.unwrap();
        assert_eq!((claim.validator.as_str(), claim.subject.as_deref()), ("jwt", Some("anna")));
        assert_eq!((claim.credential.as_deref(), claim.bitrate_bps_max), (Some("t1"), Some(2_500_000)));
        let ends = claim.expires.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(ends.as_secs(), NOW_S + 65, "with the leeway, as at the door");
    }
}

/// Every case of `tokens` must be refused, in the same words.
async fn refused(chain: &Chain, tokens: Vec<String>) -> (usize, usize) {
    let total = tokens.len();
    let mut refused = 0;
    for token in tokens {
        let told = publishes(chain, &token).await;
        assert_eq!(told, Err(Fault::NotAllowed), "{}", token.get(..300).unwrap_or(&token));
        refused += 1;
    }
    (refused, total)
}

/// A43: what the header says must choose nothing but a key. Cases refused / total.
#[tokio::test]
async fn no_header_chooses_how_it_is_verified() {
    let folder = Folder::new("header");
    let chain = folder.chain(STRICT).unwrap();
    let good = payload("");
    assert!(
        publishes(&chain, &hs256(HEADER, &good)).await.is_ok(),
        "the others are refused for what they say"
    );
    let by =
        |key: &[u8], header: &str| signed(header, &good, &EncodingKey::from_secret(key), Algorithm::HS256);
    let mut tokens = Vec::new();
    for none in ["none", "None", "NONE", "nOnE", "none ", "", "HS256,none", "null"] {
        let header = format!(r#"{{"alg":"{none}","kid":"main"}}"#);
        tokens.push(format!("{}.{}.", encoded(&header), encoded(&good)));
        tokens.push(hs256(&header, &good));
    }
    // The public key as a secret.
    let pem = RSA.public_key_pem();
    for header in [
        r#"{"alg":"HS256","kid":"rsa"}"#,
        r#"{"alg":"HS256"}"#,
        HEADER,
        r#"{"alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"RS256","kid":"main"}"#,
    ] {
        tokens.extend([by(pem.as_bytes(), header), by(pem.trim().as_bytes(), header)]);
        tokens.extend([by(RSA.public_key_raw(), header), by(b"", header), by(&[0; 32], header)]);
    }
    let whole = hs256(HEADER, &good);
    let (message, signature) = whole.rsplit_once('.').unwrap();
    let other = encoded([7; 32]);
    for signature in ["", "=", "AA", &signature[1..], &signature[..42], &format!("{signature}A"), &other] {
        tokens.push(format!("{message}.{signature}"));
    }
    tokens.push(format!("{message}.{signature}="));
    tokens.push(message.to_owned());
    tokens.push(format!("{whole}."));
    tokens.push(format!("{whole}.{signature}"));
    tokens.push(format!(".{whole}"));
    for kid in [
        r#""../../../dev/null""#,
        r#""/etc/passwd""#,
        r#""main' OR '1'='1""#,
        r#""x; DROP TABLE keys""#,
        r#""MAIN""#,
        r#""main\u0000""#,
        r#"" main""#,
        r#""""#,
        r#""old""#,
        "null",
        "1",
        "[\"main\"]",
        "{\"a\":1}",
        "true",
        &format!("\"{}\"", "k".repeat(300)),
    ] {
        tokens.push(hs256(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#), &good));
    }
    for more in [
        r#""jku":"https://evil.example/keys""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""x5c":["MIIB"]"#,
        r#""jwk":{"kty":"oct","k":"AAAA"}"#,
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""alg":"HS256""#,
        r#""alg":"none""#,
        r#""kid":"main""#,
        r#""typ":"logout+jwt""#,
        r#""typ":1"#,
        r#""cty":1"#,
        r#""x5t":null"#,
        r#""nonce":"a""#,
    ] {
        tokens.push(hs256(&format!(r#"{{"alg":"HS256","kid":"main",{more}}}"#), &good));
    }
    for header in [
        r#"{"kid":"main"}"#,
        r#"{"alg":256,"kid":"main"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS384","kid":"main"}"#,
        "[]",
        "\"HS256\"",
        "{}",
        "",
        "{",
        r#"{"alg":"HS256"}{}"#,
        r#"{"alg":"HS256"}x"#,
    ] {
        tokens.push(hs256(header, &good));
    }
    assert_eq!(refused(&chain, tokens).await, (98, 98));
}

/// A43: an issuer that errs, or one of somebody else, lets nobody in. Cases refused / total.
#[tokio::test]
async fn claims_that_are_late_foreign_doubled_or_not_understood_refuse() {
    let folder = Folder::new("claims");
    let chain = folder.chain(STRICT).unwrap();
    let head = r#""iss":"https://id.example","aud":"fanlight""#;
    let exp = NOW_S + 600;
    let mut payloads = vec![format!("{{{head}}}"), format!(r#"{{"exp":{exp}}}"#)];
    for date in [
        "null",
        "true",
        "\"1800000600\"",
        "-1",
        "0",
        "1e300",
        "[1800000600]",
        "1799999995",
        "1799999994",
        "1800003606",
        "18446744073709551615",
        "1800000600,\"exp\":1800000600",
        "1700000000,\"exp\":1800000600",
    ] {
        payloads.push(format!(r#"{{{head},"exp":{date}}}"#));
    }
    for more in [
        r#""nbf":1800000006"#,
        r#""nbf":"1""#,
        r#""iat":1800000006"#,
        r#""iat":null"#,
        r#""nbf":-1"#,
        // Of what stands already.
        r#""iss":"https://id.example""#,
        r#""aud":"fanlight""#,
        r#""x":1,"x":1"#,
        r#""sub":"a","sub":"b""#,
        r#""app":"live","\u0061pp":"live""#,
        r#""app":1"#,
        r#""app":null"#,
        r#""app":["live",1]"#,
        r#""app":"""#,
        r#""app":[]"#,
        r#""app":{}"#,
        r#""app":"/""#,
        r#""app":"Live""#,
        r#""stream":1"#,
        r#""stream":"""#,
        r#""stream":[]"#,
        r#""stream":["cam",null]"#,
        r#""stream":"**cam""#,
        r#""stream":"live/cam""#,
        r#""can":1"#,
        r#""can":"admin""#,
        r#""can":["publish","admin"]"#,
        r#""can":"publish,play""#,
        r#""can":[]"#,
        r#""can":"Publish""#,
        r#""bps":"1""#,
        r#""bps":0"#,
        r#""bps":-1"#,
        r#""bps":1.5"#,
        r#""bps":null"#,
        r#""bps":1e300"#,
        r#""sub":1"#,
        r#""sub":"""#,
        r#""sub":"a\nb""#,
        r#""sub":null"#,
        r#""jti":7"#,
        r#""jti":"""#,
        r#""jti":"\u0000""#,
        r#""name":[]"#,
        r#""roles":1"#,
        r#""roles":"viewer""#,
        r#""roles":["admin"]"#,
        r#""roles":"RED5-PUBLISHER""#,
        r#""roles":[1]"#,
        r#""red5-transport":1"#,
        r#""red5-transport":"RTMP,RTSP""#,
        r#""red5-transport":"""#,
        r#""red5-transport":[]"#,
        r#""red5-room":1"#,
        r#""red5-room":"room1""#,
        r#""red5-room":"""#,
        r#""red5-room":[]"#,
    ] {
        payloads.push(payload(&format!(",{more}")));
    }
    payloads.push(payload(&format!(r#","sub":"{}""#, "n".repeat(129))));
    payloads.push(payload(&format!(r#","x":{}1{}"#, "[".repeat(200), "]".repeat(200))));
    payloads.push(payload(&format!(r#","x":{}"#, "[".repeat(2_000))));
    payloads.push(payload(&format!(r#","x":{}1{}"#, "{\"a\":".repeat(200), "}".repeat(200))));
    let many: Vec<String> = (0..200).map(|number| format!(r#""x{number}":1"#)).collect();
    payloads.push(payload(&format!(",{}", many.join(","))));
    payloads.push(payload(&format!(r#","x":"{}""#, "x".repeat(8_000))));
    payloads.push(payload(&format!(r#","x":"{}""#, "x".repeat(1_000_000))));
    for (issuer, audience) in [
        (r#""iss":"https://other.example""#, r#""aud":"fanlight""#),
        (r#""iss":"HTTPS://ID.EXAMPLE""#, r#""aud":"fanlight""#),
        (r#""iss":"https://id.example/""#, r#""aud":"fanlight""#),
        (r#""iss":["https://id.example"]"#, r#""aud":"fanlight""#),
        (r#""iss":null"#, r#""aud":"fanlight""#),
        (r#""x":1"#, r#""aud":"fanlight""#),
        (r#""iss":"https://id.example""#, r#""aud":"other""#),
        (r#""iss":"https://id.example""#, r#""aud":["other","fanlight2"]"#),
        (r#""iss":"https://id.example""#, r#""aud":[]"#),
        (r#""iss":"https://id.example""#, r#""aud":1"#),
        (r#""iss":"https://id.example""#, r#""aud":["fanlight",1]"#),
        (r#""iss":"https://id.example""#, r#""x":1"#),
    ] {
        payloads.push(format!(r#"{{"exp":{exp},{issuer},{audience}}}"#));
    }
    for text in ["", "null", "[]", "{", "1800000600", &(payload("") + "x"), &(payload("") + "{}")] {
        payloads.push(text.to_owned());
    }
    let mut tokens: Vec<String> = payloads.iter().map(|payload| hs256(HEADER, payload)).collect();
    tokens.push(hs256(HEADER, b"{\"exp\":1800000600,\"iss\":\"\xff\"}"));
    assert_eq!(refused(&chain, tokens).await, (99, 99));
}

/// Clocks differ, issuers write dates and lists in more than one way, and some send more than is needed.
#[tokio::test]
async fn honest_tokens_at_the_edges_pass() {
    let folder = Folder::new("edges");
    let chain = folder.chain(STRICT).unwrap();
    let head = r#""iss":"https://id.example","aud":"fanlight""#;
    for payload in [
        format!(r#"{{{head},"exp":1799999996}}"#),
        format!(r#"{{{head},"exp":1800003605}}"#),
        format!(r#"{{{head},"exp":1800000600.5,"iat":1800000005,"nbf":1800000005}}"#),
        payload(r#","roles":"","can":["publish","play"],"app":["other","live"],"stream":["x","c*"]"#),
        payload(r#","roles":" red5-subscriber , red5-publisher ","red5-transport":"rtmp, whip"#)
            .replace("whip", "whip\""),
        payload(r#","realm_access":{"roles":["a"]},"scope":"openid","name":"Anna Ö""#),
        r#"{"iss":"https://id.example","aud":["other","fanlight"],"exp":1800000600}"#.to_owned(),
    ] {
        assert!(publishes(&chain, &hs256(HEADER, &payload)).await.is_ok(), "{payload}");
    }
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"main"}"#,
        r#"{"alg":"HS256","x5t":"abc","cty":"x","kid":"main"}"#,
    ] {
        assert!(publishes(&chain, &hs256(header, payload(""))).await.is_ok(), "{header}");
    }
    let red5 = format!("username=jwt&password=jwt&token={}", hs256(HEADER, payload(r#","name":"anna""#)));
    let claim = asked(&chain, &red5, Action::Play, "live/cam").await.unwrap();
    assert_eq!((claim.subject.as_deref(), claim.credential), (Some("anna"), None));
    // A key without an id is any token's, and without an audience nobody's token is ours.
    let free = folder.chain("keys = [{ algorithm = 'HS256', secret_file = 'secret' }]").unwrap();
    let exp = r#"{"exp":1800000600}"#;
    assert!(publishes(&free, &hs256(r#"{"alg":"HS256","kid":"theirs"}"#, exp)).await.is_ok());
    assert_eq!(publishes(&free, &hs256(HEADER, payload(""))).await, Err(Fault::NotAllowed));
    assert_eq!(publishes(&free, "opaque").await, Err(Fault::NotAllowed));
}

/// A44: a token of one room, stream or action in another.
#[tokio::test]
async fn a_token_opens_what_it_names_and_nothing_else() {
    let folder = Folder::new("grants");
    let chain = folder.chain(STRICT).unwrap();
    use Action::{Play, Publish};
    for (claims, action, path, opens) in [
        (r#""can":"play""#, Play, "live/cam", true),
        (r#""can":"play""#, Publish, "live/cam", false),
        (r#""can":["publish"]"#, Play, "live/cam", false),
        (r#""roles":"red5-subscriber""#, Play, "live/cam", true),
        (r#""roles":"red5-subscriber""#, Publish, "live/cam", false),
        (r#""roles":["red5-publisher"]"#, Play, "live/cam", false),
        (r#""roles":"red5-publisher","can":"play""#, Publish, "live/cam", false),
        (r#""red5-transport":"WHEP""#, Play, "live/cam", true),
        (r#""red5-transport":"WHEP""#, Publish, "live/cam", false),
        (r#""red5-room":"room1""#, Play, "live/room1/cam", true),
        (r#""red5-room":"room1""#, Play, "live/room2/cam", false),
        (r#""red5-room":"room1""#, Play, "live/Room1/cam", false),
        (r#""red5-room":"room1""#, Play, "live/room1/inner/cam", false),
        (r#""red5-room":"room1""#, Play, "live/cam", false),
        (r#""red5-room":["room1","room1/inner"]"#, Play, "live/room1/inner/cam", true),
        (r#""app":"live""#, Play, "live/cam", true),
        (r#""app":"live""#, Play, "live/room1/cam", true),
        (r#""app":"live""#, Play, "live2/cam", false),
        (r#""app":"liv""#, Play, "live/cam", false),
        (r#""app":"live/room1""#, Play, "live/room1/cam", true),
        (r#""app":"live/room1""#, Play, "live/room1/inner/cam", true),
        (r#""app":"live/room1""#, Play, "live/room10/cam", false),
        (r#""app":"live/room1""#, Play, "live/room2/cam", false),
        (r#""app":"live/room1""#, Play, "live/cam", false),
        (r#""app":"live/room1","stream":"cam""#, Play, "live/room1/cam", true),
        (r#""app":"live/room1","stream":"cam""#, Play, "live/room1/inner/cam", false),
        (r#""app":"live/room1","stream":"cam""#, Play, "live/room1/cam2", false),
        (r#""stream":"cam""#, Publish, "live/cam", true),
        (r#""stream":"cam""#, Publish, "live/cam2", false),
        (r#""stream":"cam""#, Publish, "live/room1/cam", false),
        (r#""stream":"cam*""#, Publish, "live/cam2", true),
        (r#""stream":"cam*""#, Publish, "live/xcam", false),
        (r#""stream":"room1/cam""#, Publish, "live/room1/cam", true),
        (r#""stream":"room1/*""#, Publish, "live/room2/cam", false),
        (r#""stream":["a","room1/*"]"#, Publish, "live/room1/x", true),
    ] {
        let token = hs256(HEADER, payload(&format!(",{claims}")));
        let told = asked(&chain, &format!("token={token}"), action, path).await;
        assert_eq!(told.is_ok(), opens, "{claims} {action:?} {path}");
    }
}

/// A47: a key that everybody knows, or can guess, lets in everybody. The text says what to mend, and no secret.
#[test]
fn keys_that_would_open_to_others_are_refused_with_words() {
    let folder = Folder::new("keys");
    let short = &SECRET[..31];
    let weak = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDStKYwAXiXlWQlcjH4Er5wcLBz\n\
        H0dSxVHVQMyuI7dtj+3fvU320SahU89JY0gd8tRDsLN14HmmeGAjwPCEnpXLNIeC\n\
        T3S+YSnQGgzxMLubsivc7jYWB86G7JsZtXmEsjIRQqTDVr0r/WjnOjzq9IBNlnhQ\n\
        fvu1W9m87Eb1pWDXGwIDAQAB\n-----END PUBLIC KEY-----\n";
    fs::write(folder.0.join("weak.pem"), weak).unwrap();
    fs::write(folder.0.join("empty"), "\n").unwrap();
    let key = |fields: &str| format!("keys = [{{ id = 'main', {fields} }}]");
    let twice = "{ id = 'main', algorithm = 'HS256', secret_file = 'secret' }";
    let many = ["{ algorithm = 'HS256', secret_file = 'secret' }"; 17].join(",");
    for (settings, words) in [
        (String::new(), "it has no key"),
        (key("algorithm = 'HS256'"), "has no secret"),
        (key("algorithm = 'HS256', secret = ''"), "has no secret"),
        (key("algorithm = 'HS256', secret_file = 'empty'"), "shorter than 32"),
        (key("algorithm = 'HS256', secret_file = 'missing'"), "cannot be read"),
        (key(&format!("algorithm = 'HS256', secret = '{short}'")), "shorter than 32"),
        (key(&format!("algorithm = 'HS256', secret = '{SECRET}', secret_file = 'secret'")), "both set"),
        (key(&format!("algorithm = 'HS512', secret = '{}'", "secret".repeat(8))), "anybody would try"),
        (key(&format!("algorithm = 'HS256', secret = '{}'", "changeme".repeat(4))), "anybody would try"),
        (key("algorithm = 'HS256', public_key_file = 'rsa.pem'"), "known to everybody"),
        (key(&format!("algorithm = 'RS256', secret = '{SECRET}'")), "takes public_key_file"),
        (key("algorithm = 'RS256'"), "no public_key_file"),
        (key("algorithm = 'RS256', public_key_file = 'missing'"), "cannot be read"),
        (key("algorithm = 'RS256', public_key_file = 'secret'"), "no public key for RS256"),
        (key("algorithm = 'RS256', public_key_file = 'p256.pem'"), "no public key for RS256"),
        (key("algorithm = 'RS256', public_key_file = 'weak.pem'"), "no public key for RS256"),
        (key("algorithm = 'ES256', public_key_file = 'private.pem'"), "private key"),
        (key("algorithm = 'ES256', public_key_file = 'p384.pem'"), "no public key for ES256"),
        (key("algorithm = 'ES384', public_key_file = 'p256.pem'"), "no public key for ES384"),
        (key("algorithm = 'ES256', public_key_file = 'ed25519.pem'"), "no public key for ES256"),
        (key("algorithm = 'EdDSA', public_key_file = 'rsa.pem'"), "no public key for EdDSA"),
        (key("algorithm = 'none'"), "unknown variant"),
        (key("algorithm = 'hs256', secret_file = 'secret'"), "unknown variant"),
        (key("secret_file = 'secret'"), "missing field `algorithm`"),
        (key("algorithm = 'HS256', secret_flie = 'secret'"), "unknown field"),
        (format!("keys = [{twice}, {twice}]"), "two keys"),
        (format!("keys = [{many}]"), "more than 16"),
        (format!("keys = [{twice}]\njwks_algorithms = ['HS256']"), "jwks_algorithms has one of HS256"),
        (
            "jwks_algorithms = []\njwks = { url = 'https://id.example/keys' }".to_owned(),
            "jwks_algorithms is empty",
        ),
    ] {
        let told = folder.chain(&settings).err().unwrap_or_else(|| panic!("it was taken: {settings}"));
        assert!(told.contains(words), "{settings}: {told}");
        assert!(words == "unknown field" || !told.contains(short), "{told}");
    }
}
