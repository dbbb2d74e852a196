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

mod audience;
mod choice;
mod window;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::clock::{Clock, seconds};
use crate::files::{self, FilesError};
use crate::float::float;
use crate::joining::{Joiners, Wish};
use crate::namespace::Namespace;
use crate::plan::Plan;
use crate::report::Report;
use crate::show::{Progress, Show};
use crate::target::Target;
use crate::usage::{Usage, UsageError};
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

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (float(part as u64) / float(whole as u64)).min(1.0) }
}
