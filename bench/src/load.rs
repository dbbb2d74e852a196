//! One load, phase by phase: publishers, viewers, a window, the report.
//!
//! ```text
//!   Session (this thread: phases, clock, who comes and goes, what is shown)
//!     ├─ Joiner × n      offer, POST, ICE, DTLS: sleep while they wait
//!     └─ Worker × n      all media of what has joined: never sleep
//! ```
//!
//! Media rests where a window begins and where it ends, so that nothing under way is counted twice or not at all: what was
//! published between the two rests is what each viewer has to get. `/proc` is read in the rests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::books::Books;
use crate::clock::{Clock, seconds};
use crate::files::{self, FilesError};
use crate::joining::{Joined, Joiners, Wish, does};
use crate::namespace::Namespace;
use crate::plan::Plan;
use crate::report::{Machine, Measured, Moment, Report};
use crate::show::{Progress, Show};
use crate::target::Target;
use crate::usage::{Spent, Usage, UsageError, receive_buffer_errors};
use crate::viewer::Duties;
use crate::worker::{Look, Order, Worker};

/// From the publishers' first packets to the first viewer: the server must know the streams.
const PUBLISHED: Duration = Duration::from_millis(500);
/// From the last packet to the count, beyond what the plan's road delays: what is under way arrives.
const DRAIN: Duration = Duration::from_millis(300);
/// A server that lags by more loses what is behind.
const LAG_MAX: Duration = Duration::from_secs(3);
/// Files besides the viewers' sockets: publishers, requests under way.
const OTHER_FILES: usize = 1_200;
/// From look to look while joining.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Of this thread; short against all that it times.
const STEP: Duration = Duration::from_millis(2);
/// Pieces of a window: of a second, or longer in a long one.
const MOMENTS_MAX: u32 = 900;

/// How the generator runs.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The cores that media keeps busy, a thread each. Empty: one thread, wherever the scheduler puts it.
    pub cores: Vec<usize>,
    /// Where publishers and viewers open their sockets; None: where the process is.
    pub namespace: Option<Arc<Namespace>>,
}

impl Options {
    /// Where a server of ours has to be for publishers and viewers to reach it.
    #[must_use]
    pub fn server_address(&self) -> Ipv4Addr {
        self.namespace.as_ref().map_or(Ipv4Addr::LOCALHOST, |namespace| namespace.outside())
    }
}

/// A load came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("no publisher: {0}")]
    NotPublished(String),
    #[error("{0} of {1} publishers were cut off")]
    PublishersCutOff(usize, usize),
    #[error("no viewer saw a picture; the first reason: {0}")]
    NobodyWatches(String),
    #[error("a thread for media: {0}")]
    Worker(#[source] std::io::Error),
    #[error("the system: {0}")]
    Io(#[from] std::io::Error),
}

/// Runs a plan's load: publishers, all viewers, one window.
///
/// # Errors
/// [`LoadError`]. Viewers that do not join are no error unless none does; the report counts them.
pub fn run(
    plan: &Plan,
    target: &Target,
    options: &Options,
    show: &mut dyn Show,
) -> Result<Report, LoadError> {
    let mut session = Session::open(plan, target, options, show)?;
    session.watch(plan.viewers())?;
    session.measure()
}

/// A load under way: its viewers can be made more or fewer, and windows measured. It ends with this value.
pub struct Session<'a> {
    plan: &'a Plan,
    target: &'a Target,
    show: &'a mut dyn Show,
    progress: Progress,
    // The joiners first: they hand over to workers, which must be there to the end.
    joiners: Joiners,
    workers: Vec<Worker>,
    chance: fastrand::Rng,
    /// Sessions to delete at the end, by viewer.
    viewers: BTreeMap<usize, Option<String>>,
    publications: Vec<String>,
    published: usize,
    next_viewer: usize,
    asked: usize,
    failures: BTreeMap<String, usize>,
    /// Connected, but saw nothing.
    blind: usize,
    before_joins: Option<Usage>,
    last_usage: Option<(Instant, Usage)>,
    /// A process in the network of publishers and viewers.
    neighbour: u32,
}

impl<'a> Session<'a> {
    /// Opens the publishers and waits until their media flows.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn open(
        plan: &'a Plan,
        target: &'a Target,
        options: &Options,
        show: &'a mut dyn Show,
    ) -> Result<Self, LoadError> {
        let clock = Clock::start();
        let cores: Vec<_> = if options.cores.is_empty() {
            vec![None]
        } else {
            options.cores.iter().copied().map(Some).collect()
        };
        let workers = (0..).zip(cores).map(|(number, core)| Worker::start(number, clock, core));
        let workers: Vec<_> = workers.collect::<Result<_, _>>().map_err(LoadError::Worker)?;
        let orders = workers.iter().filter_map(|worker| worker.orders.clone()).collect();
        let mut session = Self {
            plan,
            target,
            show,
            progress: Progress::default(),
            joiners: Joiners::start(plan, target, clock, orders, options.namespace.as_ref()),
            workers,
            chance: fastrand::Rng::with_seed(plan.seed),
            viewers: BTreeMap::new(),
            publications: Vec::new(),
            published: 0,
            next_viewer: 0,
            asked: 0,
            failures: BTreeMap::new(),
            blind: 0,
            before_joins: None,
            last_usage: None,
            neighbour: options.namespace.as_ref().map_or_else(std::process::id, |it| it.holder()),
        };
        session.publish()?;
        session.before_joins = session.usage()?;
        Ok(session)
    }

    fn publish(&mut self) -> Result<(), LoadError> {
        let wanted = self.plan.publishers.count;
        self.begin_phase("publishing");
        (0..wanted).for_each(|publisher| self.joiners.wish(Wish::Publish { publisher }));
        let deadline = Instant::now() + seconds(self.plan.time.join_timeout_s);
        while self.published < wanted {
            self.take_joined();
            if let Some((reason, _)) = self.failures.first_key_value() {
                return Err(LoadError::NotPublished(reason.clone()));
            }
            if deadline <= Instant::now() {
                return Err(LoadError::NotPublished("no connection in time".to_owned()));
            }
            self.progress.done = share(self.published, wanted);
            self.pause();
        }
        self.rest(PUBLISHED);
        Ok(())
    }

    /// Makes the viewers so many: lets new ones join, at the plan's rate, or some leave; and waits until all that were not
    /// refused see a picture.
    ///
    /// # Errors
    /// Nobody sees one.
    pub fn watch(&mut self, viewers: usize) -> Result<(), LoadError> {
        files::allow((viewers + OTHER_FILES) as u64)?;
        self.begin_phase("joining");
        self.tell(|| Order::Speak);
        while self.viewers.len() > viewers {
            self.let_one_leave();
        }
        let (begin, first, more) = (Instant::now(), self.next_viewer, viewers - self.viewers.len());
        let target = self.viewers.len() + more;
        let mut next_look = begin;
        let mut deadline = None;
        loop {
            let now = Instant::now();
            while self.next_viewer - first < more && self.is_due(begin, self.next_viewer - first, now) {
                self.let_one_join();
            }
            self.take_joined();
            if next_look <= now {
                next_look = now + LOOK_INTERVAL;
                let look = self.look();
                self.progress.done = share(look.watching, target);
                let all_asked = self.next_viewer - first == more;
                if all_asked {
                    let deadline = *deadline.get_or_insert(now + seconds(self.plan.time.join_timeout_s));
                    let settled = look.watching >= self.viewers.len();
                    if settled || deadline <= now {
                        break;
                    }
                }
            }
            self.pause();
        }
        self.leave_behind();
        if self.viewers.is_empty() {
            let reason = self.failures.first_key_value().map_or("none", |(reason, _)| reason);
            return Err(LoadError::NobodyWatches(reason.to_owned()));
        }
        Ok(())
    }

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
        Ok(self.report(ReportParts {
            machine,
            begin,
            began,
            window,
            asked,
            books: &books,
            usage: usage.as_ref().zip(end_usage.as_ref()),
            own,
            overflows,
            moments,
        }))
    }

    fn report(&self, parts: ReportParts<'_>) -> Report {
        let ReportParts { machine, begin, began, window, asked, books, usage, own, overflows, moments } =
            parts;
        Report::of(Measured {
            plan: self.plan,
            target: self.target,
            machine,
            begin,
            began,
            window,
            asked,
            lost: self.blind,
            failures: &self.failures,
            books,
            before_joins: self.before_joins.as_ref(),
            usage,
            own,
            overflows,
            moments,
        })
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

    fn let_one_join(&mut self) {
        let (number, streams) = (self.next_viewer, self.plan.publishers.count);
        self.next_viewer += 1;
        self.asked += 1;
        let is_sampled = self.is_sampled(number);
        let feedback = &self.plan.feedback;
        let duties = Duties {
            is_sampled,
            reports: does(feedback.reports, is_sampled),
            nack: does(feedback.nack, is_sampled),
            twcc: does(feedback.twcc, is_sampled),
            video: self.plan.publishers.video_kbit_per_second > 0,
        };
        let has_road = is_drawn(number, self.plan.road.share_percent / 100.0, self.plan.seed);
        self.viewers.insert(number, None);
        self.joiners.wish(Wish::Watch { viewer: number, stream: number % streams, duties, has_road });
    }

    fn let_one_leave(&mut self) {
        let joined: Vec<_> =
            self.viewers.iter().filter(|(_, at)| at.is_some()).map(|(number, _)| *number).collect();
        let Some(number) =
            self.chance.choice(joined.iter()).copied().or_else(|| self.viewers.keys().next().copied())
        else {
            return;
        };
        self.remove(number);
    }

    fn remove(&mut self, number: usize) {
        if let Some(Some(session)) = self.viewers.remove(&number) {
            self.joiners.wish(Wish::Leave { session });
        }
        self.tell(|| Order::Leave(number));
    }

    /// Goes on without the viewers that see nothing.
    fn leave_behind(&mut self) {
        let books = self.close();
        let watching: Vec<_> =
            books.present.iter().filter(|one| one.is_watching).map(|one| one.number).collect();
        let blind: Vec<_> =
            self.viewers.keys().copied().filter(|number| !watching.contains(number)).collect();
        for number in blind {
            let was_connected = self.viewers.get(&number).is_some_and(Option::is_some);
            let reason =
                if was_connected { "connected, but saw no whole frame in time" } else { "no answer in time" };
            *self.failures.entry(reason.to_owned()).or_default() += 1;
            self.remove(number);
        }
    }

    fn take_joined(&mut self) {
        while let Some(Joined { outcome, viewer, session }) = self.joiners.joined() {
            let Some(number) = viewer else {
                self.publications.extend(session);
                match outcome {
                    Ok(()) => self.published += 1,
                    Err(error) => *self.failures.entry(error.to_string()).or_default() += 1,
                }
                continue;
            };
            match outcome {
                Ok(()) if self.viewers.contains_key(&number) => {
                    self.viewers.insert(number, Some(session.unwrap_or_default()));
                }
                // It has left before it was there.
                Ok(()) => {
                    session.into_iter().for_each(|session| self.joiners.wish(Wish::Leave { session }));
                    self.tell(|| Order::Leave(number));
                }
                Err(error) => {
                    self.progress.failed += 1;
                    *self.failures.entry(reason(&error.to_string())).or_default() += 1;
                    self.viewers.remove(&number);
                    session.into_iter().for_each(|session| self.joiners.wish(Wish::Leave { session }));
                }
            }
        }
    }

    /// The sample is spread over the viewers: who joined first may be served first.
    fn is_sampled(&self, number: usize) -> bool {
        is_chosen(number, share(self.plan.viewers.sampled, self.plan.viewers()))
    }

    fn is_due(&self, begin: Instant, count: usize, now: Instant) -> bool {
        let rate = self.plan.viewers.joins_per_second;
        rate <= 0.0 || begin + seconds(float(count as u64) / rate) <= now
    }

    fn check_publishers(&mut self) -> Result<(), LoadError> {
        let (wanted, live) = (self.plan.publishers.count, self.look().publishers);
        if live < wanted { Err(LoadError::PublishersCutOff(wanted - live, wanted)) } else { Ok(()) }
    }

    fn usage(&self) -> Result<Option<Usage>, UsageError> {
        self.target.process.map(Usage::read).transpose()
    }

    fn look(&mut self) -> Look {
        let mut sum = Look::default();
        for look in self.workers.iter().map(Worker::look) {
            sum.publishers += look.publishers;
            sum.watching += look.watching;
            sum.received += look.received;
            sum.missing += look.missing;
            sum.latency.add(&look.latency);
        }
        (self.progress.watching, self.progress.asked) = (sum.watching, self.viewers.len());
        sum
    }

    fn close(&self) -> Books {
        let mut sum = Books::default();
        self.workers.iter().for_each(|worker| sum.add(worker.close()));
        sum
    }

    fn tell(&self, order: impl Fn() -> Order) {
        self.workers.iter().for_each(|worker| worker.tell(order()));
    }

    /// What is under way has come by then.
    fn drain(&self) -> Duration {
        let down = &self.plan.road.down;
        let road = down.delay_ms
            + down.jitter_ms
            + down.reorder_ms
            + if down.rate_kbit_per_second > 0 { down.queue_ms } else { 0.0 };
        DRAIN + if self.plan.road.share_percent > 0.0 { seconds(road / 1e3) } else { Duration::ZERO }
    }

    /// Lets media rest until nothing is under way any more: a server that lags may take a while.
    fn fall_silent(&mut self) {
        self.tell(|| Order::Silence);
        self.rest(self.drain());
        let deadline = Instant::now() + LAG_MAX;
        let mut received = self.look().received;
        while Instant::now() < deadline {
            self.rest(DRAIN);
            let before = std::mem::replace(&mut received, self.look().received);
            if before == received {
                break;
            }
        }
    }

    fn begin_phase(&mut self, doing: &str) {
        let Progress { asked, watching, failed, .. } = self.progress;
        self.progress = Progress { doing: doing.to_owned(), asked, watching, failed, ..Progress::default() };
    }

    fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.take_joined();
            self.pause();
        }
    }

    fn pause(&mut self) {
        self.show.show(&self.progress);
        thread::sleep(STEP);
    }
}

impl Drop for Session<'_> {
    /// Ends all sessions at the server; the joiners finish that before they end.
    fn drop(&mut self) {
        let sessions = std::mem::take(&mut self.viewers).into_values().flatten();
        for session in sessions.chain(std::mem::take(&mut self.publications)) {
            self.joiners.wish(Wish::Leave { session });
        }
    }
}

/// What a window measured.
struct ReportParts<'b> {
    machine: Machine,
    begin: Instant,
    began: String,
    window: Duration,
    asked: usize,
    books: &'b Books,
    usage: Option<(&'b Usage, &'b Usage)>,
    own: Spent,
    overflows: u64,
    moments: Vec<Moment>,
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

/// Of numbers from 0 up, each share of so many is chosen, evenly spread.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^64"
)]
fn is_chosen(number: usize, share: f64) -> bool {
    let below = |number: usize| (float(number as u64) * share + 1e-9) as u64;
    below(number) != below(number + 1)
}

/// As [`is_chosen`], but anywhere between two of those: who has a bad road must not be the one who is of the sample.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^64"
)]
fn is_drawn(number: usize, share: f64, seed: u64) -> bool {
    if share <= 0.0 {
        return false;
    }
    let block = (float(number as u64) * share + 1e-9) as usize;
    let first_of = |block: usize| (float(block as u64) / share - 1e-9).ceil() as usize;
    let (first, end) = (first_of(block), first_of(block + 1));
    let drawn = fastrand::Rng::with_seed(seed.wrapping_add(block as u64)).usize(0..(end - first).max(1));
    number == first + drawn
}

/// Of refusals the reason, without what differs from viewer to viewer.
fn reason(error: &str) -> String {
    error.replace(|letter: char| letter.is_ascii_digit(), "#").chars().take(200).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (float(part as u64) / float(whole as u64)).min(1.0) }
}

fn share_of(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 1.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

fn difference(now: u64, before: u64) -> i64 {
    i64::try_from(i128::from(now) - i128::from(before)).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample that is bunched up would see the first who are served, or the last.
    #[test]
    fn who_is_chosen_is_spread_evenly() {
        for (share, of, count) in
            [(0.05, 100, 5), (0.2, 50, 10), (1.0, 7, 7), (0.0, 9, 0), (1.0 / 3.0, 300, 100)]
        {
            let chosen: Vec<_> = (0..of).filter(|number| is_chosen(*number, share)).collect();
            assert_eq!(chosen.len(), count, "{share} of {of}");
            let gaps: Vec<_> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().max().unwrap_or(&0) - gaps.iter().min().unwrap_or(&0) <= 1, "{chosen:?}");
        }
    }

    /// The sample has to see bad roads as often as all viewers do, not always and not never.
    #[test]
    fn who_is_drawn_has_nothing_to_do_with_who_is_chosen() {
        for (share, of, count) in [(0.2, 1_000, 200), (0.34, 3, 1), (1.0, 7, 7), (0.0, 9, 0)] {
            assert_eq!(
                (0..of).filter(|number| is_drawn(*number, share, 1)).count(),
                count,
                "{share} of {of}"
            );
        }
        let both = (0..1_000).filter(|number| is_chosen(*number, 0.2) && is_drawn(*number, 0.2, 1)).count();
        assert!((20..60).contains(&both), "{both} of 200, by chance 40");
    }

    /// A hundred viewers refused with a hundred ids are one reason.
    #[test]
    fn reasons_are_the_same_where_only_numbers_differ() {
        assert_eq!(reason("http://h:80/v/17: 503 full"), reason("http://h:80/v/99: 503 full"));
    }
}
