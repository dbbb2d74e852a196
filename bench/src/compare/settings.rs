//! What reports must have in common: the plan's keys, the machine, the version of this program.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::Value;

use super::Warning;
use crate::report::Report;

/// What does not change the load of one run, or is not the machine but its moment.
const WITHOUT_WEIGHT: [&str; 6] =
    ["plan.name", "plan.about", "plan.ramp.", "plan.limits.", "plan.time.join_timeout_s", "machine.load"];

/// Each key of a plan or the like, dotted, and its value as TOML writes it.
pub(crate) fn settings(of: &impl Serialize) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    if let Ok(Value::Table(table)) = Value::try_from(of) {
        flatten("", table, &mut flat);
    }
    flat
}

/// Where the reports are not of one load on one machine.
pub(super) fn differences(reports: &[Report]) -> Vec<Warning> {
    let each: Vec<_> = reports.iter().map(conditions).collect();
    let keys: BTreeSet<_> = each.iter().flat_map(BTreeMap::keys).collect();
    let weighs = |key: &&&String| !WITHOUT_WEIGHT.iter().any(|start| key.starts_with(start));
    let values = |key: &String| -> Vec<String> {
        each.iter().map(|one| one.get(key).cloned().unwrap_or_else(|| "none".to_owned())).collect()
    };
    let all = keys.iter().filter(weighs).map(|key| (key, values(key)));
    let different = all.filter(|(_, values)| values.iter().any(|value| Some(value) != values.first()));
    different.map(|(key, values)| Warning::Differs { key: (**key).clone(), values }).collect()
}

fn conditions(report: &Report) -> BTreeMap<String, String> {
    let named = |of: &str, settings: BTreeMap<String, String>| -> Vec<_> {
        settings.into_iter().map(|(key, value)| (format!("{of}.{key}"), value)).collect()
    };
    let mut all: BTreeMap<_, _> = named("plan", settings(&report.plan)).into_iter().collect();
    all.extend(named("machine", settings(&report.machine)));
    all.insert("fanlight-bench".to_owned(), report.version.clone());
    all
}

fn flatten(before: &str, table: toml::Table, flat: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => flatten(&format!("{before}{key}."), inner, flat),
            value => {
                flat.insert(format!("{before}{key}"), value.to_string());
            }
        }
    }
}
