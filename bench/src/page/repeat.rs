//! What it takes to do it again: the command, the plan, the machine.

use super::element::Element;
use super::number::{bytes, float, size};
use crate::compare::settings;
use crate::plan::{self, Plan};
use crate::report::{Machine, Report};

/// Of one of this program's commands.
pub(super) fn section(name: &str, report: &Report) -> Element {
    let (command, is_built_in) = command(name, report);
    let about = if is_built_in {
        "The server is named as it was reached then. Headers, tokens and the generator’s cores are not kept in a report: \
         add them as they were."
    } else {
        "Save the plan below as plan.toml first. The server is named as it was reached then; headers, tokens and the \
         generator’s cores are not kept in a report."
    };
    let plan = toml::to_string(&report.plan).unwrap_or_else(|error| error.to_string());
    Element::of("section", "repeat")
        .add(Element::new("h2").text("To repeat it"))
        .add(code(command))
        .add(Element::of("p", "about").text(about))
        .add(Element::new("h3").text("The machine"))
        .add(machine(&report.machine))
        .add(Element::new("h3").text("The whole plan"))
        .add(code(plan))
        .add(Element::of("p", "about").text(format!(
            "Made by fanlight-bench {}; report format {}; measured from {}.",
            report.version, report.format, report.began
        )))
}

/// The command, and whether its plan is one that the program has inside.
pub(super) fn command(name: &str, report: &Report) -> (String, bool) {
    // Its own names alone: a report must not make this program read a file.
    let inside = plan::names().into_iter().find(|name| *name == report.plan.name);
    let built_in = inside.and_then(|name| Plan::load(name, &[]).ok());
    let is_built_in = built_in.is_some();
    let mut parts = vec![format!("fanlight-bench {name}")];
    match built_in {
        Some(plan) => {
            parts.push(format!("--plan {}", quoted(&plan.name)));
            let before = settings(&plan);
            let changed =
                settings(&report.plan).into_iter().filter(|(key, value)| before.get(key) != Some(value));
            parts.extend(changed.map(|(key, value)| format!("--set {}", quoted(&format!("{key}={value}")))));
        }
        None => parts.push("--plan plan.toml".to_owned()),
    }
    let [whip, whep] = &report.target;
    parts.extend([format!("--whip {}", quoted(whip)), format!("--whep {}", quoted(whep))]);
    parts.extend(report.server.is_some().then(|| "--server-pid PID".to_owned()));
    parts.push("--json report.json --html report.html".to_owned());
    (parts.join(" \\\n  "), is_built_in)
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.=/:".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn machine(machine: &Machine) -> Element {
    let known = |text: &str| if text.is_empty() { "not told".to_owned() } else { text.to_owned() };
    let entries = [
        ("Processor", known(&machine.processor)),
        ("Cores", size(machine.cores)),
        ("Memory", bytes(float(machine.memory_bytes))),
        ("Kernel", known(&machine.kernel)),
        ("Load in the minute before", known(&machine.load)),
    ];
    Element::of("dl", "machine").add_all(entries.into_iter().map(|(name, value)| {
        Element::new("div").add(Element::new("dt").text(name)).add(Element::new("dd").text(value))
    }))
}

fn code(text: String) -> Element {
    // By keys, too.
    Element::new("pre").set("tabindex", 0).add(Element::new("code").text(text))
}
