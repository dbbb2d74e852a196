//! The tables of a report that have many columns: times, costs, and the window piece by piece.

use super::element::Element;
use super::number::{bytes, count, digits, float, ms, share, size};
use super::table::{row, scrolled, table, wide};
use crate::latency::Quantiles;
use crate::report::{Cost, Report};

/// All that was timed.
pub(super) fn times(report: &Report) -> Element {
    let (join, generator) = (&report.join, &report.generator);
    let rows = [
        ("Latency", &report.latency),
        ("Jitter", &report.jitter),
        ("Join: answered", &join.answered),
        ("Join: connected", &join.connected),
        ("Join: first packet", &join.first_packet),
        ("Join: first whole frame", &join.first_frame),
        ("Generator: from look to look", &generator.round),
        ("Generator: sent late by", &generator.lateness),
    ];
    let heads = ["", "samples", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "longest"];
    let rows = rows.into_iter().filter_map(|(name, times)| Some(row(name, times_of(times.as_ref()?))));
    wide("Times", "Milliseconds, unless they are seconds.", &heads, rows)
}

fn times_of(times: &Quantiles) -> Vec<String> {
    let Quantiles { mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, p9999_ms, max_ms, .. } = times;
    let all = [mean_ms, p50_ms, p90_ms, p99_ms, p999_ms, p9999_ms, max_ms].map(|value| {
        let text = ms(*value);
        text.strip_suffix(" ms").map_or(text.clone(), str::to_owned)
    });
    std::iter::once(count(times.samples)).chain(all).collect()
}

/// What the server used. Without its process it says how to know.
pub(super) fn costs(report: &Report) -> Element {
    let Some(server) = &report.server else {
        let text = "Not measured: name the server’s process with --server-pid.";
        let title = Element::new("h2").text("What it cost the server");
        return Element::of("section", "wide").add(title).add(Element::of("p", "about").text(text));
    };
    let parts = [
        ("all processes", Some(&server.all)),
        ("dataplane", server.dataplane.as_ref()),
        ("shards", server.shards.as_ref()),
    ];
    let heads = ["", "ns a packet", "in the kernel", "cores", "voluntary switches", "involuntary"];
    let rows = parts.into_iter().filter_map(|(name, cost)| Some(row(name, cost_of(cost?))));
    let about = "CPU time over all packets that viewers got; the kernel’s part is good to some per cent.";
    wide("What it cost the server", about, &heads, rows)
}

fn cost_of(cost: &Cost) -> Vec<String> {
    vec![
        digits(cost.cpu_ns_a_packet),
        share(cost.kernel_share),
        digits(cost.cores),
        count(cost.voluntary_switches),
        count(cost.involuntary_switches),
    ]
}

/// What the plots are drawn from, for those who do not see them or want the numbers.
pub(super) fn moments(report: &Report) -> Element {
    let heads = [
        "at, s",
        "watching",
        "packets a second",
        "missing",
        "p50",
        "p99",
        "longest",
        "cores",
        "memory",
        "descriptors",
    ];
    let told = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let rows = report.moments.iter().map(|moment| {
        let missing = moment.packets_missing.to_string();
        row(
            &digits(moment.at_s),
            vec![
                size(moment.watching),
                digits(moment.packets_per_second),
                missing,
                told(moment.p50_ms.map(ms)),
                told(moment.p99_ms.map(ms)),
                told(moment.max_ms.map(ms)),
                told(moment.server_cores.map(digits)),
                told(moment.server_resident_bytes.map(|value| bytes(float(value)))),
                told(moment.server_descriptors.map(count)),
            ],
        )
    });
    let table = scrolled("The window, piece by piece", table(&heads, rows));
    Element::new("details")
        .add(Element::new("summary").text("The numbers behind the plots over time"))
        .add(table)
}
