//! Every setting of an app: the same keys, defaults and units as `conf/apps/_defaults.toml`, which a test holds equal.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::auth;
use crate::config::OnNameInUse;
use crate::config::check::origins_fault;
use crate::config::tree::{Range, Tree};

/// What stands in an app's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) auth: auth::Settings,
    pub(crate) publish: Publish,
    pub(crate) limits: Limits,
    pub(crate) http: Http,
    pub(crate) recording: Switch,
    pub(crate) hls: Switch,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Publish {
    /// What becomes of a publisher whose name is in use.
    pub(crate) on_name_in_use: OnNameInUse,
}

/// Bounds beside those of the server; 0 = only the server's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) streams_max: u32,
    /// Of all streams together.
    pub(crate) viewers_max: u32,
    pub(crate) viewers_per_stream_max: u32,
    /// Media bits a second from one publisher.
    pub(crate) publisher_bps_max: u64,
    /// Media bits a second to one viewer.
    pub(crate) viewer_bps_max: u64,
    /// A session ends after so many seconds.
    pub(crate) session_s_max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    /// Origins whose pages may use the app; `*` = all.
    pub(crate) cors_origins: Vec<String>,
    /// Whether everybody may list what is live.
    pub(crate) listing: bool,
    /// Folder of files that are served below the app's path; empty = none.
    pub(crate) pages: PathBuf,
}

impl Default for Http {
    fn default() -> Self {
        Self { cors_origins: vec!["*".to_owned()], listing: true, pages: PathBuf::new() }
    }
}

/// Something that is on or off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switch {
    pub(crate) enabled: bool,
}

/// Far beyond what a server carries; a larger number is a mistake.
const BPS_MAX: i64 = 100_000_000_000;

impl Tree for Settings {
    const RANGES: &'static [Range] = &[
        ("auth.jwt.ttl_s_max", 1, 31_622_400, "seconds"),
        ("auth.jwt.leeway_s", 0, 300, "seconds"),
        ("auth.jwt.jwks.cache_s", 10, 86_400, "seconds"),
        ("auth.jwt.jwks.stale_s", 10, 31_622_400, "seconds"),
        ("auth.jwt.jwks.timeout_ms", 100, 9_000, "ms"),
        ("auth.signed_urls.ttl_s_max", 1, 31_622_400, "seconds"),
        ("auth.round_trip.timeout_ms", 100, 9_000, "ms"),
        ("auth.round_trip.cache_s", 0, 3_600, "seconds; 0 = nothing is kept"),
        ("auth.admission.timeout_ms", 100, 9_000, "ms"),
        ("limits.streams_max", 0, 50_000, "streams; 0 = only the server's limit"),
        ("limits.viewers_max", 0, 50_000, "viewers; 0 = only the server's limit"),
        ("limits.viewers_per_stream_max", 0, 50_000, "viewers; 0 = only the server's limit"),
        ("limits.publisher_bps_max", 0, BPS_MAX, "bits a second; 0 = as many as come"),
        ("limits.viewer_bps_max", 0, BPS_MAX, "bits a second; 0 = as many as fit"),
        ("limits.session_s_max", 0, 31_536_000, "seconds; 0 = as long as it likes"),
    ];

    fn rule_fault(&self, key: &str) -> Option<String> {
        // A switch that does nothing would be a promise not kept.
        let not_built = |what: &str| Some(format!("this version has no {what} yet; leave it false"));
        match key {
            "http.cors_origins" => origins_fault(&self.http.cors_origins),
            "recording.enabled" if self.recording.enabled => not_built("recorder"),
            "hls.enabled" if self.hls.enabled => not_built("HLS"),
            _ => None,
        }
    }
}
