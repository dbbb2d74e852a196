//! Defaults, then the file, then the environment: the later wins, value by value.
//!
//! A variable is `FANLIGHT_`, the section, two underscores and the key: `FANLIGHT_HTTP__PORT=9000`. Its text is read as
//! a TOML value, and as a plain text where it is none: `FANLIGHT_LOG__LEVEL=debug`, `FANLIGHT_MEDIA__PIN=false`,
//! `FANLIGHT_MEDIA__PUBLIC_ADDRESSES='["192.0.2.1"]'`.

use std::path::Path;

use toml::{Table, Value};

use super::Config;
use super::check::{ConfigFault, ConfigFaults};
use super::https::joint_faults;
use super::tree::{self, Setting};

const PREFIX: &str = "FANLIGHT_";

/// Keys whose paths are relative to the file that they stand in.
const PATHS: &[&str] = &[
    "apps.folder",
    "https.certificate_file",
    "https.key_file",
    "https.acme_root_file",
    "control.state_folder",
];

/// Names the file itself (the same as `--config`), so it is no key.
const FILE_VARIABLE: &str = "FANLIGHT_CONFIG";

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
        let config = tree::assemble(settings)?;
        let faults = joint_faults(&config, "all sources");
        if faults.is_empty() { Ok(config) } else { Err(ConfigFaults(faults)) }
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
    let mut settings = tree::read(&text, &path.display().to_string()).map_err(fault)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for setting in settings.iter_mut().filter(|setting| PATHS.contains(&setting.key.as_str())) {
        if let Some(path) = setting.value.as_str().filter(|path| !path.is_empty()) {
            setting.value = Value::String(folder.join(path).display().to_string());
        }
    }
    Ok(settings)
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
