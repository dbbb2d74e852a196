//! What a value may be, and how a fault is told: key, value, what is allowed, and where it came from.
//!
//! Each value is tried alone, against defaults for all others, so one run finds every fault.

use std::fmt;

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, IceServer};

/// One fault of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// `http.port`.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// What the key takes, or which key was probably meant.
    pub allowed: String,
    /// The file or the variable it came from.
    pub source: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} (from {}): {}", self.key, self.value, self.source, self.allowed)
    }
}

/// All faults of a configuration: at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ConfigFault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Bounds of the numbers: key, least, most, unit.
const RANGES: &[(&str, i64, i64, &str)] = &[
    ("http.port", 0, 65_535, "a TCP port; 0 = any free one"),
    ("http.header_timeout_s", 1, 300, "seconds"),
    ("http.idle_timeout_s", 1, 3_600, "seconds"),
    ("http.body_timeout_s", 1, 300, "seconds"),
    ("http.write_timeout_s", 1, 300, "seconds"),
    // hyper refuses a smaller buffer.
    ("http.head_bytes_max", 8_192, 1 << 20, "bytes"),
    // Below 4 KiB no browser's offer fits; the dataplane's frame ends at 32 MiB.
    ("http.body_bytes_max", 4_096, 1 << 20, "bytes"),
    ("http.connections_max", 1, 1 << 20, "connections"),
    ("media.port_base", 0, 65_535, "a UDP port; 0 = any free ones"),
    ("media.tcp_port", 0, 65_535, "a TCP port; 0 = any free one"),
    ("media.tcp_connections_max", 1, 1 << 16, "connections"),
    ("media.shards", 0, 256, "threads; 0 = one a core"),
    ("media.connect_timeout_s", 1, 300, "seconds"),
    ("media.key_frame_interval_s", 0, 3_600, "seconds; 0 = never"),
    ("media.catch_up_speed", 2, 20, "times the speed of live"),
    ("media.train_hold_us_max", 0, 20_000, "microseconds; 0 = never"),
    ("media.train_padding_bytes_max", 0, 255, "bytes; 0 = none"),
    ("limits.sessions_max", 1, 50_000, "sessions"),
    ("limits.streams_max", 1, 50_000, "streams"),
    ("limits.viewers_per_stream_max", 1, 50_000, "viewers"),
    ("limits.name_bytes_max", 1, 255, "bytes"),
    ("limits.app_segments_max", 1, 8, "segments"),
    ("limits.requests_in_flight_max", 1, 1 << 16, "requests"),
    ("limits.dataplane_timeout_s", 1, 60, "seconds"),
    ("limits.retry_after_s", 1, 3_600, "seconds"),
    ("limits.event_streams_max", 1, 1 << 20, "streams of events"),
    ("limits.endings_max", 1, 1 << 16, "ended sessions"),
    ("limits.endings_kept_s", 1, 3_600, "seconds"),
];

/// The text as it stands in a header, so nothing that could end its quotes or the header.
fn quotable(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c) && c != '"' && c != '\\')
}

fn ice_server_fault(server: &IceServer) -> Option<String> {
    let schemes = ["stun:", "stuns:", "turn:", "turns:"];
    if server.urls.is_empty() {
        return Some("each server needs at least one entry in urls".to_owned());
    }
    for url in &server.urls {
        let known =
            schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|host| !host.is_empty()));
        let clean = url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\\'));
        if !known || !clean {
            return Some(format!(
                "{url:?} is not a URL such as stun:host:port or turn:host:port?transport=udp"
            ));
        }
    }
    if !quotable(&server.username) || !quotable(&server.credential) {
        return Some("username and credential are printable ASCII without quotes and backslashes".to_owned());
    }
    None
}

/// A rule that the type alone does not hold. `config` has defaults at all other keys.
fn rule_fault(key: &str, config: &Config) -> Option<String> {
    match key {
        "ice.servers" => config.ice.servers.iter().find_map(ice_server_fault),
        "http.cors_origins" => {
            let well_formed = |origin: &String| {
                origin == "*"
                    || (origin.starts_with("http://") || origin.starts_with("https://")) && quotable(origin)
            };
            let text = "\"*\", or origins such as \"https://example.org\" (scheme and host, no path)";
            let no_path = |origin: &String| origin.matches('/').count() <= 2;
            let sound = config.http.cors_origins.iter().all(|origin| well_formed(origin) && no_path(origin));
            (!sound).then(|| text.to_owned())
        }
        _ => None,
    }
}

/// What is wrong with `value` at `key`, a key that exists.
pub(super) fn value_fault(key: &str, value: &Value) -> Option<String> {
    let range = RANGES.iter().find(|(name, ..)| *name == key);
    if let Some((_, least, most, unit)) = range {
        let inside = value.as_integer().is_some_and(|number| (*least..=*most).contains(&number));
        return (!inside).then(|| format!("a whole number from {least} to {most} ({unit})"));
    }
    let alone = nest(key, value.clone());
    match Config::deserialize(Value::Table(alone)) {
        Ok(config) => rule_fault(key, &config),
        Err(fault) => Some(fault.message().to_owned()),
    }
}

/// `a.b` and a value as the table `{ a = { b = value } }`.
pub(super) fn nest(key: &str, value: Value) -> Table {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let inner = match rest {
        Some(rest) => Value::Table(nest(rest, value)),
        None => value,
    };
    Table::from_iter([(first.to_owned(), inner)])
}

/// The leaves of a tree, by dotted key. Arrays are leaves.
pub(super) fn leaves(table: &Table, prefix: &str, out: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => leaves(inner, &key, out),
            _ => out.push((key, value.clone())),
        }
    }
}

/// Every key with its default.
pub(super) fn defaults() -> Vec<(String, Value)> {
    keys_of(&Config::default())
}

fn keys_of(config: &Config) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    // A Config is tables, numbers, texts and lists of them: TOML has them all.
    if let Ok(table) = Table::try_from(config) {
        leaves(&table, "", &mut out);
    }
    out
}

impl Config {
    /// Checks a configuration that a program made; [`Config::load`] has done so already.
    ///
    /// # Errors
    /// Every value that is out of its bounds.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        let faults: Vec<ConfigFault> = keys_of(self)
            .into_iter()
            .filter_map(|(key, value)| {
                let allowed = value_fault(&key, &value)?;
                Some(ConfigFault { key, value: value.to_string(), allowed, source: "the program".to_owned() })
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(ConfigFaults(faults)) }
    }
}
