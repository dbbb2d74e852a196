//! A plan: what a server is loaded with, for how long, and what counts as too much.
//!
//! Plans are TOML; those in `bench/plans` are also inside the binary, by name. Every key has a default, the one that stands
//! here; names carry their units. A key that is not known is an error, so that a slip of the pen does not measure another load.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Plans by name, as they are in `bench/plans`.
const BUILT_IN: [(&str, &str); 8] = [
    ("webinar", include_str!("../plans/webinar.toml")),
    ("conference", include_str!("../plans/conference.toml")),
    ("low-rate", include_str!("../plans/low-rate.toml")),
    ("audio", include_str!("../plans/audio.toml")),
    ("join-storm", include_str!("../plans/join-storm.toml")),
    ("churn", include_str!("../plans/churn.toml")),
    ("lossy", include_str!("../plans/lossy.toml")),
    ("simulcast", include_str!("../plans/simulcast.toml")),
];

/// See the file's head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    pub name: String,
    /// A sentence for the report.
    pub about: String,
    /// Of everything that is left to chance: sizes of frames, losses, who leaves.
    pub seed: u64,
    pub publishers: Publishers,
    pub viewers: Viewers,
    pub feedback: Feedback,
    pub road: Road,
    pub time: Times,
    pub ramp: Ramp,
    pub limits: Limits,
}

/// Who sends, and what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publishers {
    /// Each has a stream of its own.
    pub count: usize,
    pub codec: Codec,
    /// Pictures without key frames, which come on top; of the largest layer. 0: no pictures.
    pub video_kbit_per_second: u32,
    pub frames_per_second: u32,
    /// Key frames come at least so often; earlier if the server asks.
    pub key_interval_s: f64,
    /// A key frame has so many times the bytes of another frame.
    pub key_frame_factor: u32,
    /// Sizes of frames vary by so many per cent, up and down.
    pub size_spread_percent: u32,
    /// 1: no simulcast. With 2 or 3 each layer has a quarter of the bit rate of the one above.
    pub layers: usize,
    /// Opus, 50 packets a second. 0: no sound.
    pub sound_kbit_per_second: u32,
}

/// Who watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Viewers {
    /// Of each stream. In a conference of n: n - 1.
    pub per_publisher: usize,
    /// How many of all open and check every packet; the others count headers.
    pub sampled: usize,
    /// 0: all at once.
    pub joins_per_second: f64,
    /// Viewers that leave each second of the window, each replaced by a new one.
    pub leaves_per_second: f64,
    /// Take trains in one piece (`UDP_GRO`), as cheaply as can be; else datagram by datagram, as most clients do.
    pub trains: bool,
}

/// Whose feedback the server gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feedback {
    /// A receiver report a second, and a PLI while there is no picture.
    pub reports: Whom,
    /// Requests for what is missing. Without them a gap is a loss.
    pub nack: Whom,
    /// Transport-wide feedback each 100 ms. It is offered by those alone who give it.
    pub twcc: Whom,
}

/// Which viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whom {
    All,
    Sample,
    None,
}

/// Impairment between the server and some viewers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Road {
    /// So many of a hundred viewers are on it. 0: nobody is.
    pub share_percent: f64,
    /// From the server to the viewer.
    pub down: Lane,
    /// From the viewer to the server.
    pub up: Lane,
}

/// One direction of a road. Connectivity checks and handshakes pass it as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lane {
    pub loss_percent: f64,
    /// Mean length of a run of losses; 1: each falls by itself.
    pub loss_burst_packets: f64,
    pub delay_ms: f64,
    /// Added to the delay, evenly from 0. Packets keep their order.
    pub jitter_ms: f64,
    /// So many are held back for `reorder_ms` while others overtake.
    pub reorder_percent: f64,
    pub reorder_ms: f64,
    /// 0: no limit.
    pub rate_kbit_per_second: u32,
    /// What the limit's queue holds; a packet that would wait longer is lost.
    pub queue_ms: f64,
}

/// The phases of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// For the publishers to connect, and for the viewers to see a picture after the last was asked to join.
    pub join_timeout_s: f64,
    /// From the last viewer's first picture to the window.
    pub settle_s: f64,
    /// What is measured.
    pub window_s: f64,
}

/// The steps of `capacity`, in viewers of all streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ramp {
    pub from_viewers: usize,
    /// From one step to the next, until a limit breaks; then the gap is halved.
    pub factor: f64,
    pub to_viewers: usize,
    /// The gap is not halved below so many per cent of the viewers.
    pub resolution_percent: f64,
}

/// What is too much. A load that breaks a limit is not sustained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub loss_percent: f64,
    /// Of the one-way latency.
    pub p99_ms: f64,
    /// Of the server, where its process is known. 0: no limit.
    pub server_cores: f64,
    pub failed_joins_percent: f64,
}

/// A video codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// A plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0} is neither a file nor a plan of this program, which are: {names}", names = names().join(", "))]
    Unknown(String),
    #[error("{0}: {1}")]
    Read(String, #[source] std::io::Error),
    #[error("{0}: {1}")]
    Parse(String, #[source] Box<toml::de::Error>),
    #[error("--set {0}: write it as key=value with a key of the plan, as in viewers.per_publisher=100")]
    Setting(String),
    #[error("{key} = {value}: {wanted}")]
    Value { key: &'static str, value: String, wanted: &'static str },
}

/// The names of the plans inside the binary.
#[must_use]
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}

impl Plan {
    /// Reads a plan by its file or name and changes what `settings` say, each a `key=value` with a dotted key.
    ///
    /// # Errors
    /// [`PlanError`]: it says which key and what is wanted.
    pub fn load(plan: &str, settings: &[String]) -> Result<Self, PlanError> {
        let text = match BUILT_IN.iter().find(|(name, _)| *name == plan) {
            Some((_, text)) => (*text).to_owned(),
            None if !Path::new(plan).exists() => return Err(PlanError::Unknown(plan.to_owned())),
            None => fs::read_to_string(plan).map_err(|cause| PlanError::Read(plan.to_owned(), cause))?,
        };
        Self::parse(plan, &text, settings)
    }

    /// As [`Plan::load`], of the text itself; `named` is for errors.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn parse(named: &str, text: &str, settings: &[String]) -> Result<Self, PlanError> {
        let failed = |cause| PlanError::Parse(named.to_owned(), Box::new(cause));
        // Once as it stands, so that an error shows its line.
        let _: Self = toml::from_str(text).map_err(failed)?;
        let mut table: toml::Table = toml::from_str(text).map_err(failed)?;
        for setting in settings {
            set(&mut table, setting).ok_or_else(|| PlanError::Setting(setting.clone()))?;
        }
        let plan: Self = table.try_into().map_err(failed)?;
        plan.check()?;
        Ok(plan)
    }

    /// Viewers of all streams.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.publishers.count * self.viewers.per_publisher
    }

    fn check(&self) -> Result<(), PlanError> {
        let Self { publishers, viewers, road, time, ramp, .. } = self;
        let fault = |key, value: String, wanted| Err(PlanError::Value { key, value, wanted });
        let range = |key, value: usize, from: usize, to: usize, wanted| {
            if (from..=to).contains(&value) { Ok(()) } else { fault(key, value.to_string(), wanted) }
        };
        range("publishers.count", publishers.count, 1, 1_000, "from 1 to 1,000")?;
        range("publishers.layers", publishers.layers, 1, 3, "from 1 to 3")?;
        range("viewers (of all streams)", self.viewers(), 1, 50_000, "from 1 to 50,000")?;
        range("ramp.from_viewers", ramp.from_viewers, 1, ramp.to_viewers, "from 1 to ramp.to_viewers")?;
        let rate = usize::try_from(publishers.frames_per_second).unwrap_or(usize::MAX);
        range("publishers.frames_per_second", rate, 1, 240, "from 1 to 240")?;
        let rates = [publishers.video_kbit_per_second, publishers.sound_kbit_per_second];
        if rates == [0, 0] {
            return fault("publishers.video_kbit_per_second", "0".to_owned(), "more than 0, or sound");
        }
        if publishers.video_kbit_per_second > 200_000 {
            return fault("publishers.video_kbit_per_second", rates[0].to_string(), "at most 200,000");
        }
        if publishers.sound_kbit_per_second != 0 && !(14..=400).contains(&rates[1]) {
            return fault("publishers.sound_kbit_per_second", rates[1].to_string(), "0, or from 14 to 400");
        }
        let numbers = [
            ("publishers.key_interval_s", publishers.key_interval_s, 0.1, 86_400.0),
            ("viewers.joins_per_second", viewers.joins_per_second, 0.0, 1e6),
            ("viewers.leaves_per_second", viewers.leaves_per_second, 0.0, 1e4),
            ("road.share_percent", road.share_percent, 0.0, 100.0),
            ("time.window_s", time.window_s, 0.5, 604_800.0),
            ("time.settle_s", time.settle_s, 0.0, 3_600.0),
            ("time.join_timeout_s", time.join_timeout_s, 1.0, 3_600.0),
            ("ramp.factor", ramp.factor, 1.01, 100.0),
            ("ramp.resolution_percent", ramp.resolution_percent, 1.0, 100.0),
        ];
        let lanes = [&road.down, &road.up].into_iter().flat_map(Lane::numbers);
        for (key, value, least, most) in numbers.into_iter().chain(lanes) {
            if !(least..=most).contains(&value) {
                return fault(key, format!("{value}"), "out of the range that makes sense");
            }
        }
        Ok(())
    }
}

impl Lane {
    fn numbers(&self) -> [(&'static str, f64, f64, f64); 7] {
        [
            ("road.*.loss_percent", self.loss_percent, 0.0, 100.0),
            ("road.*.loss_burst_packets", self.loss_burst_packets, 1.0, 1e4),
            ("road.*.delay_ms", self.delay_ms, 0.0, 1e4),
            ("road.*.jitter_ms", self.jitter_ms, 0.0, 1e4),
            ("road.*.reorder_percent", self.reorder_percent, 0.0, 100.0),
            ("road.*.reorder_ms", self.reorder_ms, 0.0, 1e4),
            ("road.*.queue_ms", self.queue_ms, 0.0, 1e5),
        ]
    }
}

/// Sets the value at a dotted key. A value that is no TOML is a string: `codec=h264` needs no quotes.
fn set(table: &mut toml::Table, setting: &str) -> Option<()> {
    let (key, value) = setting.split_once('=')?;
    let value = value.trim();
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}")).ok();
    let value = parsed
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let (tables, last) = match key.trim().rsplit_once('.') {
        Some((tables, last)) => (tables.split('.').collect(), last),
        None => (Vec::new(), key.trim()),
    };
    let mut table = table;
    for name in tables {
        table = table.entry(name).or_insert_with(|| toml::Table::new().into()).as_table_mut()?;
    }
    table.insert(last.to_owned(), value);
    Some(())
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            about: String::new(),
            seed: 1,
            publishers: Publishers::default(),
            viewers: Viewers::default(),
            feedback: Feedback::default(),
            road: Road::default(),
            time: Times::default(),
            ramp: Ramp::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Publishers {
    fn default() -> Self {
        Self {
            count: 1,
            codec: Codec::Vp8,
            video_kbit_per_second: 2_500,
            frames_per_second: 30,
            key_interval_s: 10.0,
            key_frame_factor: 4,
            size_spread_percent: 20,
            layers: 1,
            sound_kbit_per_second: 32,
        }
    }
}

impl Default for Viewers {
    fn default() -> Self {
        Self { per_publisher: 50, sampled: 5, joins_per_second: 100.0, leaves_per_second: 0.0, trains: true }
    }
}

impl Default for Feedback {
    fn default() -> Self {
        Self { reports: Whom::All, nack: Whom::None, twcc: Whom::None }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            loss_percent: 0.0,
            loss_burst_packets: 1.0,
            delay_ms: 0.0,
            jitter_ms: 0.0,
            reorder_percent: 0.0,
            reorder_ms: 10.0,
            rate_kbit_per_second: 0,
            queue_ms: 200.0,
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self { join_timeout_s: 30.0, settle_s: 2.0, window_s: 10.0 }
    }
}

impl Default for Ramp {
    fn default() -> Self {
        Self { from_viewers: 50, factor: 2.0, to_viewers: 5_000, resolution_percent: 10.0 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { loss_percent: 0.1, p99_ms: 50.0, server_cores: 0.0, failed_joins_percent: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plan that does not load is found here and not by a user.
    #[test]
    fn every_plan_inside_the_binary_can_be_used_and_bears_its_name() {
        for name in names() {
            let plan = Plan::load(name, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(plan.name, name);
            assert!(!plan.about.is_empty(), "{name} says what it is");
        }
    }

    /// `--set` is how a plan is changed without a file: numbers, words and tables that the plan left out.
    #[test]
    fn settings_change_single_keys() {
        let settings = ["viewers.per_publisher=7", "publishers.codec = av1", "road.down.loss_percent=2.5"];
        let plan = Plan::parse("p", "[viewers]\nsampled = 2", &settings.map(str::to_owned)).unwrap();
        assert_eq!((plan.viewers.per_publisher, plan.viewers.sampled), (7, 2));
        assert_eq!((plan.publishers.codec, plan.road.down.loss_percent), (Codec::Av1, 2.5));
    }

    /// A load that nobody meant must not be measured.
    #[test]
    fn what_is_unknown_or_senseless_is_refused_by_name() {
        let refused = |text: &str, settings: &[&str]| {
            let settings: Vec<_> = settings.iter().map(|one| (*one).to_owned()).collect();
            Plan::parse("p", text, &settings).unwrap_err().to_string()
        };
        assert!(refused("viewer = 3", &[]).contains("viewer"));
        assert!(refused("", &["viewers.per_publisher"]).contains("key=value"));
        assert!(refused("", &["publishers.codec=h263"]).contains("h264"));
        assert!(refused("", &["viewers.per_publisher=0"]).contains("from 1"));
        assert!(refused("", &["time.window_s=-1"]).contains("time.window_s"));
        assert!(Plan::load("nowhere.toml", &[]).unwrap_err().to_string().contains("webinar"));
    }
}
