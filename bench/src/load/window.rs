//! A window: what is measured, between two rests of all media.

use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{LoadError, Session};
use crate::clock::seconds;
use crate::float::float;
use crate::report::{Machine, Measured, Moment, Report};
use crate::usage::{Usage, receive_buffer_errors};
use crate::worker::{Look, Order};

/// Pieces of a window: of a second, or longer in a long one.
const MOMENTS_MAX: u32 = 900;

impl Session<'_> {
    /// Measures a window.
    ///
    /// # Errors
    /// A publisher was cut off, or the server's process is gone.
    pub fn measure(&mut self) -> Result<Report, LoadError> {
        let plan = self.plan;
        self.begin_phase("settling");
        // Silent since the window before, if there was one.
        self.tell(|| Order::Speak);
        self.run_until(Instant::now() + seconds(plan.time.settle_s), false)?;
        // What was sent before the window must not arrive in it.
        self.fall_silent();
        self.tell(|| Order::Begin);
        let (machine, overflows) = (Machine::here(), receive_buffer_errors(self.neighbour)?);
        let (own, usage) = (Usage::read(std::process::id())?, self.usage()?);
        let began = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        self.last_usage = usage.clone().map(|usage| (Instant::now(), usage));

        let asked = self.asked;
        self.begin_phase("measuring");
        self.tell(|| Order::Speak);
        let begin = Instant::now();
        let moments = self.run_until(begin + seconds(plan.time.window_s), true)?;
        let window = begin.elapsed();
        self.fall_silent();

        let books = self.close();
        let end_usage = self.usage()?;
        let own = Usage::read(std::process::id())?.spent_since(&own, |_| true);
        let overflows = receive_buffer_errors(self.neighbour)?.saturating_sub(overflows);
        self.check_publishers()?;
        Ok(Report::of(Measured {
            plan,
            target: self.target,
            machine,
            begin,
            began,
            window,
            asked,
            failures: &self.failures,
            books: &books,
            before_joins: self.before_joins.as_ref(),
            usage: usage.as_ref().zip(end_usage.as_ref()),
            own,
            overflows,
            moments,
        }))
    }

    /// Runs on, with comings and goings if it is a window; looks once a second or so.
    fn run_until(&mut self, end: Instant, is_window: bool) -> Result<Vec<Moment>, LoadError> {
        let begin = Instant::now();
        let whole = end.saturating_duration_since(begin);
        let interval = (whole / MOMENTS_MAX).max(Duration::from_secs(1));
        let mut next = begin + interval.min(whole);
        let mut churn = Churn::new(begin, if is_window { self.plan.viewers.leaves_per_second } else { 0.0 });
        let (mut moments, mut before) = (Vec::new(), (begin, self.look()));
        while Instant::now() < end {
            self.take_joined();
            while churn.is_due(Instant::now()) {
                self.let_one_leave();
                self.let_one_join();
            }
            let now = Instant::now();
            if next <= now {
                next = now + interval;
                let look = self.look();
                moments.push(self.moment(begin, &before, now, &look)?);
                before = (now, look);
                self.check_publishers()?;
            }
            self.progress.done = share_of(now - begin, whole);
            self.pause();
        }
        Ok(moments)
    }

    fn moment(
        &mut self,
        begin: Instant,
        (then, before): &(Instant, Look),
        now: Instant,
        look: &Look,
    ) -> Result<Moment, LoadError> {
        let quantiles = look.latency.quantiles();
        let rate = float(look.received.saturating_sub(before.received)) / (now - *then).as_secs_f64();
        let usage = self.usage()?;
        let last = usage.clone().and_then(|usage| self.last_usage.replace((now, usage)));
        let server_cores = usage.as_ref().zip(last).map(|(usage, (at, last))| {
            float(usage.spent_since(&last, |_| true).cpu_ns) / (now - at).as_secs_f64() / 1e9
        });
        let progress = &mut self.progress;
        (progress.packets_per_second, progress.missing) = (rate, look.missing);
        progress.p50_ms = quantiles.as_ref().map(|it| it.p50_ms);
        progress.p99_ms = quantiles.as_ref().map(|it| it.p99_ms);
        progress.server_cores = server_cores;
        Ok(Moment {
            at_s: (now - begin).as_secs_f64(),
            watching: look.watching,
            packets_per_second: rate,
            packets_missing: difference(look.missing, before.missing),
            p50_ms: progress.p50_ms,
            p99_ms: progress.p99_ms,
            max_ms: quantiles.as_ref().map(|it| it.max_ms),
            server_cores,
            server_resident_bytes: usage.as_ref().map(|usage| usage.resident_bytes),
            server_descriptors: usage.as_ref().map(|usage| usage.descriptors),
            server_threads: usage.as_ref().map(Usage::threads),
        })
    }

    fn check_publishers(&mut self) -> Result<(), LoadError> {
        let (wanted, live) = (self.plan.publishers.count, self.look().publishers);
        if live < wanted { Err(LoadError::PublishersCutOff(wanted - live, wanted)) } else { Ok(()) }
    }
}

/// When somebody has to go.
struct Churn {
    begin: Instant,
    rate: f64,
    gone: u64,
}

impl Churn {
    fn new(begin: Instant, rate: f64) -> Self {
        Self { begin, rate, gone: 0 }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.rate > 0.0 && self.begin + seconds(float(self.gone + 1) / self.rate) <= now;
        self.gone += u64::from(is_due);
        is_due
    }
}

fn share_of(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 1.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

fn difference(now: u64, before: u64) -> i64 {
    i64::try_from(i128::from(now) - i128::from(before)).unwrap_or(0)
}
