//! Settings as a tree of TOML with a default for each leaf: what the server's own file and the apps' files have in common.
//!
//! Each value is tried alone, against defaults for all others, so one run finds every fault.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::check::{ConfigFault, ConfigFaults};

/// Bounds of a number: its key, least, most, unit.
pub(crate) type Range = (&'static str, i64, i64, &'static str);

/// A tree of settings.
pub(crate) trait Tree: Serialize + DeserializeOwned + Default {
    const RANGES: &'static [Range];

    /// A rule that the type of `key` alone does not hold. All other keys have defaults.
    fn rule_fault(&self, key: &str) -> Option<String>;
}

/// A value that someone set, and who.
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) source: String,
}

/// The settings in a text.
///
/// # Errors
/// It is not TOML.
pub(crate) fn read(text: &str, source: &str) -> Result<Vec<Setting>, String> {
    // Not the error as it shows itself: it repeats the line, in which a secret may stand.
    let fault = |error: toml::de::Error| {
        let line =
            error.span().map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("the file is not TOML: {place}{}", error.message())
    };
    let table: Table = text.parse().map_err(fault)?;
    let mut found = Vec::new();
    leaves(&table, "", &mut found);
    Ok(found.into_iter().map(|(key, value)| Setting { key, value, source: source.to_owned() }).collect())
}

/// Lays `settings` over the defaults, a later one over an earlier.
///
/// # Errors
/// Every fault: unknown keys (with the nearest known one) and values out of bounds.
pub(crate) fn assemble<T: Tree>(settings: Vec<Setting>) -> Result<T, ConfigFaults> {
    let known = defaults::<T>();
    let mut tree = Table::new();
    let mut faults = Vec::new();
    for Setting { key, value, source } in settings {
        let allowed = if known.iter().any(|(name, _)| *name == key) {
            value_fault::<T>(&key, &value)
        } else {
            Some(unknown(&key, known.iter().map(|(name, _)| name.as_str())))
        };
        match allowed {
            Some(allowed) => faults.push(ConfigFault::new(&key, &value, allowed, source)),
            None => merge(&mut tree, nest(&key, value)),
        }
    }
    if !faults.is_empty() {
        return Err(ConfigFaults(faults));
    }
    T::deserialize(Value::Table(tree)).map_err(|error| {
        let (key, value) = ("the whole".to_owned(), "all keys".to_owned());
        let (allowed, source) = (error.message().to_owned(), "all sources".to_owned());
        ConfigFaults(vec![ConfigFault { key, value, allowed, source }])
    })
}

/// What is wrong with `value` at `key`, a key that exists.
pub(super) fn value_fault<T: Tree>(key: &str, value: &Value) -> Option<String> {
    let range = T::RANGES.iter().find(|(name, ..)| *name == key);
    if let Some((_, least, most, unit)) = range {
        let inside = value.as_integer().is_some_and(|number| (*least..=*most).contains(&number));
        return (!inside).then(|| format!("a whole number from {least} to {most} ({unit})"));
    }
    let alone = nest(key, value.clone());
    match T::deserialize(Value::Table(alone)) {
        Ok(tree) => tree.rule_fault(key),
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
pub(crate) fn leaves(table: &Table, prefix: &str, out: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => leaves(inner, &key, out),
            _ => out.push((key, value.clone())),
        }
    }
}

/// Every key with its default.
pub(crate) fn defaults<T: Tree>() -> Vec<(String, Value)> {
    keys_of(&T::default())
}

pub(super) fn keys_of<T: Tree>(tree: &T) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    // A tree is tables, numbers, texts and lists of them: TOML has them all.
    if let Ok(table) = Table::try_from(tree) {
        leaves(&table, "", &mut out);
    }
    out
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
