//! What a value may be, and how a fault is told: key, value, what is allowed, and where it came from.

use std::fmt;

use toml::Value;

use super::https::joint_faults;
use super::tree::{Range, Tree, keys_of, value_fault};
use super::{Config, IceServer, api};

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

impl ConfigFault {
    pub(crate) fn new(key: &str, value: &Value, allowed: String, source: String) -> Self {
        Self { key: key.to_owned(), value: told(key, value), allowed, source }
    }
}

/// The value as TOML, but not if it is a secret: the fault goes to logs.
fn told(key: &str, value: &Value) -> String {
    let is_secret = ["secret", "password", "token", "credential"].iter().any(|word| key.contains(word));
    // Of keys a field may be misspelt that holds the secret.
    let is_list = value.is_array() && (key.ends_with(".keys") || value.to_string().contains("secret"));
    if is_secret || is_list { "(not shown)".to_owned() } else { value.to_string() }
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

/// Bounds of the numbers.
const RANGES: &[Range] = &[
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
    ("https.port", 0, 65_535, "a TCP port; 0 = any free one"),
    ("media.port_base", 0, 65_535, "a UDP port; 0 = any free ones"),
    ("media.tcp_port", 0, 65_535, "a TCP port; 0 = any free one"),
    ("media.tcp_connections_max", 1, 1 << 16, "connections"),
    ("media.shards", 0, 256, "threads; 0 = one a core"),
    ("media.connect_timeout_s", 1, 300, "seconds"),
    ("media.key_frame_interval_s", 0, 3_600, "seconds; 0 = never"),
    ("media.catch_up_speed", 2, 20, "times the speed of live"),
    ("media.train_hold_us_max", 0, 20_000, "microseconds; 0 = never"),
    ("media.train_padding_bytes_max", 0, 255, "bytes; 0 = none"),
    ("auth.refusals_per_minute_max", 1, 1_000_000, "refused requests"),
    ("api.port", 0, 65_535, "a TCP port; 0 = any free one"),
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
pub(super) fn quotable(text: &str) -> bool {
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

impl Tree for Config {
    const RANGES: &'static [Range] = RANGES;

    fn rule_fault(&self, key: &str) -> Option<String> {
        match key {
            "api.tokens" => api::tokens_fault(&self.api.tokens),
            "api.allow" => api::allow_fault(&self.api.allow),
            "ice.servers" => self.ice.servers.iter().find_map(ice_server_fault),
            "http.cors_origins" => origins_fault(&self.http.cors_origins),
            _ => self.https.rule_fault(key.strip_prefix("https.")?),
        }
    }
}

/// What is wrong with a list of origins.
pub(crate) fn origins_fault(origins: &[String]) -> Option<String> {
    let well_formed = |origin: &String| {
        origin == "*" || (origin.starts_with("http://") || origin.starts_with("https://")) && quotable(origin)
    };
    let text = "\"*\", or origins such as \"https://example.org\" (scheme and host, no path)";
    let no_path = |origin: &String| origin.matches('/').count() <= 2;
    let sound = origins.iter().all(|origin| well_formed(origin) && no_path(origin));
    (!sound).then(|| text.to_owned())
}

impl Config {
    /// Checks a configuration that a program made; [`Config::load`] has done so already.
    ///
    /// # Errors
    /// Every value that is out of its bounds, or does not fit another.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        const SOURCE: &str = "the program";
        let mut faults: Vec<ConfigFault> = keys_of(self)
            .into_iter()
            .filter_map(|(key, value)| {
                let allowed = value_fault::<Self>(&key, &value)?;
                Some(ConfigFault::new(&key, &value, allowed, SOURCE.to_owned()))
            })
            .collect();
        faults.extend(joint_faults(self, SOURCE));
        if faults.is_empty() { Ok(()) } else { Err(ConfigFaults(faults)) }
    }
}
