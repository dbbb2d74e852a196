//! Defaults, then the file, then the environment: the later wins, value by value.
//!
//! A variable is `FANLIGHT_`, the section, two underscores and the key: `FANLIGHT_HTTP__PORT=9000`. Its text is read as
//! a TOML value, and as a plain text where it is none: `FANLIGHT_LOG__LEVEL=debug`, `FANLIGHT_MEDIA__PIN=false`,
//! `FANLIGHT_MEDIA__PUBLIC_ADDRESSES='["192.0.2.1"]'`.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use super::check::{ConfigFault, ConfigFaults, defaults, leaves, nest, value_fault};

const PREFIX: &str = "FANLIGHT_";

/// Names the file itself (the same as `--config`), so it is no key.
const FILE_VARIABLE: &str = "FANLIGHT_CONFIG";

/// A value that someone set, and who.
struct Setting {
    key: String,
    value: Value,
    source: String,
}

impl Config {
    /// Reads the configuration: `file` if given, then the variables of `environment` that begin with `FANLIGHT_`.
    ///
    /// # Errors
    /// Every fault at once: an unreadable file, unknown keys (with the nearest known one), values out of bounds.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigFaults> {
        let mut settings = Vec::new();
        if let Some(path) = file {
            settings.extend(from_file(path).map_err(|fault| ConfigFaults(vec![fault]))?);
        }
        settings.extend(environment.into_iter().filter_map(|(name, text)| from_variable(&name, &text)));
        assemble(settings)
    }
}

fn from_file(path: &Path) -> Result<Vec<Setting>, ConfigFault> {
    let fault = |allowed: String| ConfigFault {
        key: "--config".to_owned(),
        value: format!("{:?}", path.display().to_string()),
        allowed,
        source: "the command line or FANLIGHT_CONFIG".to_owned(),
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| fault(format!("the file cannot be read: {error}")))?;
    let table: Table = text.parse().map_err(|error| fault(format!("the file is not TOML: {error}")))?;
    let mut found = Vec::new();
    leaves(&table, "", &mut found);
    let source = path.display().to_string();
    Ok(found.into_iter().map(|(key, value)| Setting { key, value, source: source.clone() }).collect())
}

fn from_variable(name: &str, text: &str) -> Option<Setting> {
    let rest = name.strip_prefix(PREFIX)?;
    if name == FILE_VARIABLE {
        return None;
    }
    let key = rest.to_ascii_lowercase().replace("__", ".");
    let as_toml = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = as_toml.unwrap_or_else(|| Value::String(text.to_owned()));
    Some(Setting { key, value, source: name.to_owned() })
}

fn assemble(settings: Vec<Setting>) -> Result<Config, ConfigFaults> {
    let known = defaults();
    let mut tree = Table::new();
    let mut faults = Vec::new();
    for Setting { key, value, source } in settings {
        let allowed = if known.iter().any(|(name, _)| *name == key) {
            value_fault(&key, &value)
        } else {
            Some(unknown(&key, known.iter().map(|(name, _)| name.as_str())))
        };
        match allowed {
            Some(allowed) => faults.push(ConfigFault { key, value: value.to_string(), allowed, source }),
            None => merge(&mut tree, nest(&key, value)),
        }
    }
    if !faults.is_empty() {
        return Err(ConfigFaults(faults));
    }
    Config::deserialize(Value::Table(tree)).map_err(|error| {
        let key = "the whole".to_owned();
        let (value, source) = ("all keys".to_owned(), "all sources".to_owned());
        ConfigFaults(vec![ConfigFault { key, value, allowed: error.message().to_owned(), source }])
    })
}

fn merge(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    // The last part weighs too: `prot` is nearest to `http.port` wherever it stands.
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |candidate: &str| {
        strsim::jaro_winkler(key, candidate).max(0.95 * strsim::jaro_winkler(&last(key), &last(candidate)))
    };
    let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    format!("there is no such key; the nearest is {nearest}")
}
