//! The tables of a report that have one column: everything that was counted, each number with what it means.

use super::element::Element;
use super::number::{bytes, count, digits, float, ms, percent, share, size};
use super::table::{Entry, entries, entry, fault, titled};
use crate::report::{FloorRatio, Generator, Report, Server, Slopes};

/// Tables of names and values, those that there are.
pub(super) fn all(report: &Report) -> impl Iterator<Item = Element> {
    [
        Some(viewers(report)),
        failures(report),
        Some(delivery(report)),
        Some(sample(report)),
        Some(published(report)),
        Some(feedback(report)),
        road(report),
        report.server.as_ref().map(memory),
        report.floor.as_ref().map(floor),
        report.slopes.as_ref().map(slopes),
        Some(generator(&report.generator)),
    ]
    .into_iter()
    .flatten()
}

fn viewers(report: &Report) -> Element {
    let viewers = &report.viewers;
    entries(
        "Viewers",
        vec![
            entry("asked to join", size(viewers.asked), ""),
            entry("joined", size(viewers.joined), "before the measurement began"),
            entry("steady", size(viewers.steady), "there all the time: losses and costs are of these"),
            entry("came", size(viewers.came), "while it was measured"),
            entry("left", size(viewers.left), ""),
            fault("lost", viewers.lost as u64, "closed by the server, or saw nothing any more"),
        ],
    )
}

/// What the server or the generator said, and how often.
fn failures(report: &Report) -> Option<Element> {
    let failures = &report.viewers.failures;
    let row = |(cause, count): &(String, usize)| {
        let cause = Element::new("th").set("scope", "row").text(cause);
        Element::new("tr").add(cause).add(Element::new("td").text(size(*count)))
    };
    (!failures.is_empty()).then(|| titled("Why viewers did not join", failures.iter().map(row)))
}

fn delivery(report: &Report) -> Element {
    let delivery = &report.delivery;
    let lost = delivery.packets_expected.saturating_sub(delivery.packets_delivered);
    entries(
        "Delivered, by number",
        vec![
            entry(
                "expected",
                count(delivery.packets_expected),
                "published in the window, for each steady viewer",
            ),
            entry("delivered", count(delivery.packets_delivered), "different ones, resent ones included"),
            fault("lost", lost, "expected and not delivered"),
            Entry { is_fault: lost > 0, ..entry("loss", percent(delivery.loss_percent), "") },
            entry("a second", digits(delivery.packets_per_second), ""),
            fault("missing", delivery.packets_missing, "numbers left out between the first and the newest"),
            entry("recovered", count(delivery.packets_recovered), "resent, and filled a gap"),
            entry("duplicated", count(delivery.packets_duplicated), ""),
            entry("overtaken", count(delivery.packets_overtaken), "came behind a newer one"),
            entry("late", count(delivery.packets_late), "more than 1,024 behind the newest"),
            entry("other", count(delivery.packets_other), "of none of the streams: probes"),
        ],
    )
}

fn sample(report: &Report) -> Element {
    let sample = &report.sample;
    entries(
        "Opened and checked",
        vec![
            entry("viewers that open all", size(sample.viewers), ""),
            entry("intact", count(sample.packets_intact), "what the publisher sent, in its place"),
            fault("not authentic", sample.packets_not_authentic, "do not open with the session’s key"),
            fault("damaged", sample.packets_damaged, "authentic, but not what the publisher sent"),
            fault(
                "displaced",
                sample.packets_displaced,
                "numbered as if another stood between or were left out",
            ),
        ],
    )
}

fn published(report: &Report) -> Element {
    let published = &report.published;
    entries(
        "Published",
        vec![
            entry("streams", size(published.streams), ""),
            entry("packets", count(published.packets), "of sound and the largest layer"),
            entry(
                "payload",
                format!("{} Mbit/s", digits(published.bits_per_second / 1e6)),
                "all tracks and layers",
            ),
            entry("packets a frame", digits(published.packets_a_frame), "what a train could have"),
            entry("key frames", count(published.key_frames), ""),
            entry(
                "key frames wished",
                count(published.key_frame_requests),
                "PLI and FIR that the server sent",
            ),
        ],
    )
}

fn feedback(report: &Report) -> Element {
    let feedback = &report.feedback;
    entries(
        "Feedback",
        vec![
            entry("viewers that report", size(feedback.reporting_viewers), "RR each second"),
            entry("viewers that ask", size(feedback.asking_viewers), "NACK for what is missing"),
            entry("viewers that estimate", size(feedback.estimating_viewers), "TWCC each 100 ms"),
            entry("packets asked for", count(feedback.packets_requested), "repetitions included"),
            entry("packets resent", count(feedback.packets_resent), "needed or not"),
            entry("transport feedbacks", count(feedback.transport_feedbacks), "sent"),
        ],
    )
}

fn road(report: &Report) -> Option<Element> {
    let road = report.road.as_ref()?;
    Some(entries(
        "The bad road (the harness’s own doing)",
        vec![
            entry("passed", count(road.passed), ""),
            entry(
                "lost by chance",
                count(road.lost),
                "both are part of what is missing above, unless resent",
            ),
            entry("lost in the queue", count(road.overflowed), "of the rate limit"),
            entry("overtaken", count(road.overtaken), ""),
        ],
    ))
}

fn memory(server: &Server) -> Element {
    entries(
        "The server’s memory",
        vec![
            entry("before joins", bytes(float(server.resident_bytes_before_joins)), "resident"),
            entry("at the end", bytes(float(server.resident_bytes)), ""),
            entry("a viewer", bytes(server.resident_bytes_a_viewer), "what was added, by viewers at the end"),
            entry("descriptors", count(server.descriptors), "open files and sockets"),
        ],
    )
}

fn floor(floor: &FloorRatio) -> Element {
    entries(
        "Against what this machine allows",
        vec![
            entry(
                "the tightest loop",
                format!("{} ns a packet", digits(floor.floor_ns_a_packet)),
                "rewrite, seal, send",
            ),
            entry("its trains", format!("{} packets", digits(floor.train_packets)), ""),
            entry("the server takes", format!("{} times as much", digits(floor.ratio)), ""),
        ],
    )
}

fn slopes(slopes: &Slopes) -> Element {
    let resident = slopes.resident_percent_an_hour;
    entries(
        "Growth an hour",
        vec![
            entry(
                "memory",
                bytes(slopes.resident_bytes_an_hour),
                "the straight line through the second half",
            ),
            entry("of what is resident", format!("{} %", digits(resident)), ""),
            entry("descriptors", digits(slopes.descriptors_an_hour), ""),
            entry("threads", digits(slopes.threads_an_hour), ""),
            entry("p99 of latency", ms(slopes.p99_ms_an_hour), ""),
        ],
    )
}

fn generator(generator: &Generator) -> Element {
    let mut table = vec![
        entry("threads", size(generator.threads), "they never sleep while media flows"),
        entry("cores", digits(generator.cores), "of the whole process, waiting included"),
        entry("busy", share(generator.busy_share), "of its threads’ time there was something to do"),
        entry("a datagram", format!("{} ns", digits(generator.busy_ns_a_datagram)), "of that time"),
        fault("full sockets", generator.receive_buffer_errors, "datagrams lost there, the server’s included"),
    ];
    if !generator.faults.is_empty() {
        table.push(fault("sessions that failed here", generator.faults.len() as u64, "see above"));
    }
    entries("The generator", table)
}
