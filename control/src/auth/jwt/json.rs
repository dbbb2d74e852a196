//! A JSON object read strictly: no name twice, nothing after its end. Names are asked for with the type that is expected.
//!
//! Each accessor tells three things apart: `None`, there but of another type; `Some(None)`, not there; `Some(Some(…))`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// Members of one object. Issuers write some twenty.
const MEMBERS_MAX: usize = 128;

/// See the file's head.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object(BTreeMap<String, Value>);

impl Object {
    /// Out of base64url without padding (RFC 7515 §2).
    pub(crate) fn of_base64(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<Option<&str>> {
        self.get(name).map_or(Some(None), |value| value.as_str().map(Some))
    }

    /// A text, or a list of texts.
    pub(crate) fn texts(&self, name: &str) -> Option<Option<Vec<&str>>> {
        match self.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(vec![text])),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(Some),
            Some(_) => None,
        }
    }

    /// A text of parts between commas, as Red5 writes lists, or a list of texts.
    pub(crate) fn parts(&self, name: &str) -> Option<Option<Vec<&str>>> {
        match self.get(name) {
            Some(Value::String(text)) => Some(Some(text.split(',').map(str::trim).collect())),
            _ => self.texts(name),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Option<Option<u64>> {
        self.get(name).map_or(Some(None), |value| value.as_u64().map(Some))
    }

    /// A `NumericDate` (RFC 7519 §2), which may have a fraction.
    pub(crate) fn date(&self, name: &str) -> Option<Option<SystemTime>> {
        let Some(value) = self.get(name) else { return Some(None) };
        let since = match value.as_u64() {
            Some(seconds) => Duration::from_secs(seconds),
            None => Duration::try_from_secs_f64(value.as_f64()?).ok()?,
        };
        SystemTime::UNIX_EPOCH.checked_add(since).map(Some)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            // Of two it is not known which is meant (RFC 7515 §4).
            if members.insert(name, value).is_some() || members.len() > MEMBERS_MAX {
                return Err(A::Error::custom("a name twice, or too many"));
            }
        }
        Ok(Object(members))
    }
}
