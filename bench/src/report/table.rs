//! The report for people who stand at a terminal.

use std::fmt;

use super::{Cost, Delivery, Generator, Report};
use crate::latency::Quantiles;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<22}{value}");
        line("plan", format!("{}: {}", self.plan.name, self.plan.about))?;
        line("viewers", self.viewers_line())?;
        for (cause, count) in &self.viewers.failures {
            line("  not joined", format!("{count}: {cause}"))?;
        }
        line("published", self.published_line())?;
        line("delivered", delivered(&self.delivery))?;
        line("  by number", by_number(&self.delivery))?;
        line("  opened", self.sample_line())?;
        line("feedback", self.feedback_line())?;
        if let Some(road) = &self.road {
            let lost = format!("{} by chance, {} in the queue", road.lost, road.overflowed);
            line(
                "road",
                format!("lost on purpose: {lost}; {} passed, {} overtaken", road.passed, road.overtaken),
            )?;
        }
        line("latency", quantiles(self.latency.as_ref()))?;
        line("jitter", quantiles(self.jitter.as_ref()))?;
        line("join: answer", quantiles(self.join.answered.as_ref()))?;
        line("  connected", quantiles(self.join.connected.as_ref()))?;
        line("  first packet", quantiles(self.join.first_packet.as_ref()))?;
        line("  first whole frame", quantiles(self.join.first_frame.as_ref()))?;
        if let Some(server) = &self.server {
            line("server CPU, all", server.all.to_string())?;
            for (name, cost) in [("  dataplane", &server.dataplane), ("  shards", &server.shards)] {
                if let Some(cost) = cost {
                    line(name, cost.to_string())?;
                }
            }
            let [now, each] = [server.resident_bytes_mb(), server.resident_bytes_a_viewer / 1e3];
            let memory =
                format!("{now:.1} MB resident, {each:.1} kB a viewer, {} descriptors", server.descriptors);
            line("server memory", memory)?;
        } else {
            line("server", "not measured: name its process with --server-pid".to_owned())?;
        }
        if let Some(floor) = &self.floor {
            let of = format!("{:.0} ns for trains of {:.0}", floor.floor_ns_a_packet, floor.train_packets);
            line("floor", format!("{of}; the server takes {:.2} times as much", floor.ratio))?;
        }
        if let Some(slopes) = &self.slopes {
            let memory = slopes.resident_bytes_an_hour / 1e6;
            let percent = slopes.resident_percent_an_hour;
            let rest = format!(
                "{:+.1} descriptors, {:+.1} threads",
                slopes.descriptors_an_hour, slopes.threads_an_hour
            );
            line("growth an hour", format!("{memory:+.2} MB ({percent:+.2} %), {rest}"))?;
        }
        line("generator", generator(&self.generator))?;
        for limit in &self.generator.limits {
            line("  IS THE LIMIT", limit.clone())?;
        }
        Ok(())
    }
}

impl Report {
    fn viewers_line(&self) -> String {
        let viewers = &self.viewers;
        let mut text =
            format!("{} of {} joined, {} all the time", viewers.joined, viewers.asked, viewers.steady);
        if viewers.came + viewers.left > 0 {
            text += &format!(", {} came and {} left meanwhile", viewers.came, viewers.left);
        }
        if viewers.lost > 0 {
            text += &format!(", {} LOST", viewers.lost);
        }
        text
    }

    fn published_line(&self) -> String {
        let published = &self.published;
        let megabits = published.bits_per_second / 1e6;
        let keys = format!("{} key frames, {} wished", published.key_frames, published.key_frame_requests);
        let streams = if published.streams == 1 {
            "1 stream".to_owned()
        } else {
            format!("{} streams", published.streams)
        };
        format!(
            "{streams}, {megabits:.2} Mbit/s, {} packets in {:.1} s, {:.1} a frame, {keys}",
            published.packets, self.window_s, published.packets_a_frame
        )
    }

    fn sample_line(&self) -> String {
        let sample = &self.sample;
        format!(
            "by {} viewers: {} packets intact, {} not authentic, {} damaged, {} displaced",
            sample.viewers,
            sample.packets_intact,
            sample.packets_not_authentic,
            sample.packets_damaged,
            sample.packets_displaced
        )
    }

    fn feedback_line(&self) -> String {
        let feedback = &self.feedback;
        let who = format!(
            "reports of {}, NACK of {}, TWCC of {} viewers",
            feedback.reporting_viewers, feedback.asking_viewers, feedback.estimating_viewers
        );
        format!("{who}; {} packets asked for, {} resent", feedback.packets_requested, feedback.packets_resent)
    }
}

impl super::Server {
    #[expect(clippy::cast_precision_loss, reason = "memory has fewer than 2^53 bytes")]
    fn resident_bytes_mb(&self) -> f64 {
        self.resident_bytes as f64 / 1e6
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu_ns_a_packet, cores, voluntary_switches, involuntary_switches, kernel_share } = self;
        let kernel = kernel_share * 100.0;
        write!(f, "{cpu_ns_a_packet:.0} ns a packet ({kernel:.0} % kernel), {cores:.3} cores, ")?;
        write!(f, "switches: {voluntary_switches} voluntary, {involuntary_switches} not")
    }
}

fn delivered(delivery: &Delivery) -> String {
    let Delivery { packets_delivered, packets_expected, packets_per_second, loss_percent, .. } = delivery;
    let rate = packets_per_second / 1e3;
    format!(
        "{packets_delivered} of {packets_expected} packets, {rate:.1} k a second, {loss_percent:.4} % lost"
    )
}

fn by_number(delivery: &Delivery) -> String {
    format!(
        "{} missing, {} duplicated, {} overtaken, {} late, {} recovered, {} other",
        delivery.packets_missing,
        delivery.packets_duplicated,
        delivery.packets_overtaken,
        delivery.packets_late,
        delivery.packets_recovered,
        delivery.packets_other
    )
}

fn generator(generator: &Generator) -> String {
    let busy = generator.busy_share * 100.0;
    format!(
        "{:.2} cores, busy {busy:.0} % at {:.0} ns a datagram; rounds {}; sending late {}",
        generator.cores,
        generator.busy_ns_a_datagram,
        short(generator.round.as_ref()),
        short(generator.lateness.as_ref())
    )
}

fn short(quantiles: Option<&Quantiles>) -> String {
    quantiles.map_or("none".to_owned(), |it| format!("p99 {:.2} ms, longest {:.1} ms", it.p99_ms, it.max_ms))
}

fn quantiles(quantiles: Option<&Quantiles>) -> String {
    quantiles.map_or("none".to_owned(), |it| {
        format!(
            "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, p99.99 {:.2}, longest {:.2} ms",
            it.p50_ms, it.p90_ms, it.p99_ms, it.p999_ms, it.p9999_ms, it.max_ms
        )
    })
}
