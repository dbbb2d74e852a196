use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use fanlight::fuzzing::{Granted, Tokens};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, decode};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

const SECRET: &str = "Xk3vQ9nS1pZ7rT5wB2yD8fH6jL4mC0aE";
const NOW_S: u64 = 1_800_000_000;

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let key = format!("keys = [{{ id = 'main', algorithm = 'HS256', secret = '{SECRET}' }}]\nleeway_s = 5");
    Tokens::new(&key).unwrap()
});

/// JSON Web Tokens (RFC 7519).
///
/// A token is text as it came, or a header and a payload between which a line ends, signed by the right key. One that opens
/// anything is authentic by the library's own reading with the one algorithm, says nothing twice at its outer level, is in time, and
/// what the grant says stands in the payload. One that says `can` opens no more than that.
pub fn jwt(data: &[u8]) {
    let token = match data.split_first() {
        Some((b'=', rest)) => signed(rest),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    let publishes = TOKENS.judge(&token, true, "live", "cam", NOW_S);
    let plays = TOKENS.judge(&token, false, "live", "cam", NOW_S);
    for (granted, action) in [(publishes, "publish"), (plays, "play")] {
        if let Some(granted) = granted {
            check(token.trim(), &granted, action);
        }
    }
}

fn signed(data: &[u8]) -> String {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn check(token: &str, granted: &Granted, action: &str) {
    // The library's clock is the machine's, ours is not.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let decoded = decode::<Once>(token, &key, &validation).expect("the library reads it too");
    let Once(payload) = decoded.claims;
    assert_eq!(decoded.header.alg, Algorithm::HS256);
    assert!(decoded.header.crit.is_none() && decoded.header.jku.is_none() && decoded.header.jwk.is_none());
    let expires = payload.get("exp").and_then(Value::as_f64).expect("exp is a number");
    assert!(expires > (NOW_S - 6) as f64 && expires < (NOW_S + 86_400 + 6) as f64, "{expires}");
    let ends = granted.expires.unwrap();
    let latest = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(expires + 5.001);
    assert!(ends <= latest && ends > SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S));
    let text = |name: &str| payload.get(name).map(|value| value.as_str().expect("a text").to_owned());
    assert_eq!(granted.subject, text("sub").or_else(|| text("name")));
    assert_eq!(granted.credential, text("jti"));
    assert_eq!(granted.bitrate_bps_max, payload.get("bps").map(|value| value.as_u64().expect("a number")));
    match payload.get("can") {
        None => {}
        Some(Value::String(one)) => assert_eq!(one, action),
        Some(Value::Array(list)) => assert!(list.iter().any(|one| one == action)),
        Some(other) => panic!("{other} opens nothing"),
    }
    if let Some(Value::String(app)) = payload.get("app") {
        assert_eq!(app, "live");
    }
}

/// RFC 4648 §5 without padding, bit by bit.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let letter = |six: &[u8]| {
        let number = (0..6).fold(0, |number, bit| number << 1 | usize::from(six.get(bit).copied().unwrap_or(0)));
        char::from(LETTERS[number])
    };
    bits.chunks(6).map(letter).collect()
}

/// An object in which no name stands twice.
struct Once(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Once;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
                let mut found = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    assert!(found.insert(name, value).is_none(), "a name twice");
                }
                Ok(Once(found))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
