//! One load: a publisher and its viewers against a server, joined, settled, measured over a window, and taken apart.
//!
//! One thread moves all media and never sleeps: a receiver that sleeps makes the server pay for waking it (12–17 µs where
//! this was first measured, as much as sending it dozens of packets). For the same reason sockets are looked at one after
//! the other, not through epoll, whose queues the sender has to serve. Media rests where the window begins, so that
//! nothing under way is counted; where it ends `/proc` is read in the lull before a picture.

use std::io;
use std::time::{Duration, Instant};

use fanlight_ring::pin_to_core;

use crate::clock::Clock;
use crate::content::{Content, FRAMES_PER_SECOND};
use crate::http::{HttpError, Url};
use crate::peer::{PeerError, local_address};
use crate::publisher::{Publisher, Sent};
use crate::report::Report;
use crate::signalling::{Signalling, SignallingError};
use crate::usage::{Usage, UsageError, receive_buffer_errors};
use crate::viewer::{Milestones, Viewer};

/// For the publisher to connect, and again for the viewers to see a key frame after the last one asked to join.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// From the publisher's first packet to the first viewer: the server must know the stream.
const PUBLISHED: Duration = Duration::from_millis(500);
/// From the last packet to the count: what is under way arrives.
const DRAIN: Duration = Duration::from_millis(300);
/// Before a picture is due, so long has the last one had to arrive.
const LULL: Duration = Duration::from_millis(1);
/// Longest datagram that is read whole; media has at most 1,280 bytes.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Asks as the publisher; viewers ask by their number.
const PUBLISHER: usize = usize::MAX;

/// The server that is loaded.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the stream is published.
    pub whip: Url,
    /// Where it is watched.
    pub whep: Url,
    /// Its process, to be charged with its descendants.
    pub process: Option<u32>,
}

/// What it is loaded with.
#[derive(Debug, Clone)]
pub struct Options {
    /// At least 1.
    pub viewers: usize,
    /// How many of them open and check every packet.
    pub sampled: usize,
    /// Between one viewer's wish to join and the next's.
    pub join_interval: Duration,
    /// From the last viewer's first picture to the window.
    pub settle: Duration,
    pub window: Duration,
    /// Key frames come at least so often.
    pub key_interval: Duration,
    /// Bits a second of pictures, key frames not counted.
    pub video_bits_per_second: u32,
    /// The core that the generator keeps busy. None: the scheduler chooses.
    pub core: Option<usize>,
}

/// A load came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the publisher: {0}")]
    Publish(#[source] SignallingError),
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("the publisher did not connect within {CONNECT_TIMEOUT:?}")]
    NotPublished,
    #[error("the publisher was cut off")]
    PublisherCutOff,
    #[error("no viewer saw a picture; the first refusal: {0}")]
    NobodyWatches(String),
    #[error("core {0} cannot be taken: {1}")]
    Core(usize, #[source] io::Error),
    #[error("the system: {0}")]
    Io(#[from] io::Error),
}

/// Everything that is read at one end of the window.
pub(crate) struct Reading {
    pub(crate) at: Instant,
    pub(crate) usage: Option<Usage>,
    pub(crate) sent: Sent,
    pub(crate) wishes: u64,
}

/// What the generator itself was like in the window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rounds {
    pub(crate) count: u64,
    pub(crate) longest: Duration,
}

/// One viewer and the story of its joining.
pub(crate) struct Member {
    pub(crate) viewer: Viewer,
    /// When the POST began and when its answer was there.
    pub(crate) signalled: Option<(Instant, Instant)>,
    session: Option<Url>,
}

impl Member {
    pub(crate) fn milestones(&self) -> Milestones {
        self.viewer.milestones()
    }
}

/// Runs one load.
///
/// # Errors
/// [`LoadError`]. Viewers that do not join are no error unless none does; the report counts them.
pub fn run(target: &Target, options: &Options) -> Result<Report, LoadError> {
    // Before the pinning, which the thread would inherit.
    let signalling = Signalling::start();
    if let Some(core) = options.core {
        pin_to_core(core).map_err(|cause| LoadError::Core(core, cause))?;
    }
    let mut generator = Generator::publish(target, options, signalling)?;
    let before_joins = generator.usage()?;
    generator.join()?;
    generator.run_for(options.settle)?;

    // What was sent before the window must not arrive in it.
    generator.publisher.fall_silent();
    generator.run_for(DRAIN)?;
    generator.begin_window();
    let overflows = receive_buffer_errors()?;
    let begin = generator.reading()?;
    generator.publisher.speak();
    generator.run_for(options.window)?;
    generator.run_to_lull()?;
    let end = generator.reading()?;
    let delivered_in_window = generator.delivered();
    let rounds = generator.rounds;

    generator.publisher.fall_silent();
    generator.run_for(DRAIN)?;
    let overflows = receive_buffer_errors()?.saturating_sub(overflows);
    generator.hang_up();
    Ok(Report::of(&Measured {
        options,
        members: &generator.members,
        before_joins: before_joins.as_ref(),
        begin: &begin,
        end: &end,
        delivered_in_window,
        rounds,
        overflows,
    }))
}

/// What a report is made of.
pub(crate) struct Measured<'a> {
    pub(crate) options: &'a Options,
    pub(crate) members: &'a [Member],
    pub(crate) before_joins: Option<&'a Usage>,
    pub(crate) begin: &'a Reading,
    pub(crate) end: &'a Reading,
    pub(crate) delivered_in_window: u64,
    pub(crate) rounds: Rounds,
    pub(crate) overflows: u64,
}

/// The thread that moves all media.
struct Generator<'a> {
    target: &'a Target,
    options: &'a Options,
    clock: Clock,
    signalling: Signalling,
    publisher: Publisher,
    publication: Option<Url>,
    members: Vec<Member>,
    refusals: Vec<SignallingError>,
    rounds: Rounds,
    last_round: Instant,
    buffer: Vec<u8>,
}

impl<'a> Generator<'a> {
    /// Opens the publisher and waits until its media flows.
    fn publish(target: &'a Target, options: &'a Options, signalling: Signalling) -> Result<Self, LoadError> {
        let clock = Clock::start();
        let content = Content::new(options.video_bits_per_second);
        let local = local_address(target.whip.address()?)?;
        let (publisher, offer) = Publisher::offer(local, clock, content, options.key_interval)?;
        signalling.offer(PUBLISHER, &target.whip, offer);
        let mut generator = Self {
            target,
            options,
            clock,
            signalling,
            publisher,
            publication: None,
            members: Vec::new(),
            refusals: Vec::new(),
            rounds: Rounds::default(),
            last_round: Instant::now(),
            buffer: vec![0; DATAGRAM_BYTES_MAX],
        };
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        while !generator.publisher.is_live() {
            if deadline <= generator.round()? {
                return Err(LoadError::NotPublished);
            }
            if let Some(refusal) = generator.refusals.pop() {
                return Err(LoadError::Publish(refusal));
            }
        }
        generator.run_for(PUBLISHED)?;
        Ok(generator)
    }

    /// Lets the viewers join one after the other, and waits until all that were not refused see a picture.
    fn join(&mut self) -> Result<(), LoadError> {
        let local = local_address(self.target.whep.address()?)?;
        let begin = Instant::now();
        for number in 0..self.options.viewers {
            let due = begin + self.options.join_interval * u32::try_from(number).unwrap_or(u32::MAX);
            while self.round()? < due {}
            let (viewer, offer) = Viewer::offer(local, self.clock, self.is_sampled(number))?;
            self.members.push(Member { viewer, signalled: None, session: None });
            self.signalling.offer(number, &self.target.whep, offer);
        }
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        while self.round()? < deadline && self.watching() + self.refusals.len() < self.members.len() {}
        if self.watching() == 0 {
            let refusal = self.refusals.first().map_or("none".to_owned(), ToString::to_string);
            return Err(LoadError::NobodyWatches(refusal));
        }
        self.leave_behind();
        Ok(())
    }

    /// Goes on without the viewers that see nothing: they are reported as not joined.
    fn leave_behind(&mut self) {
        let (watching, blind) =
            std::mem::take(&mut self.members).into_iter().partition(|member| member.viewer.is_watching());
        self.members = watching;
        let blind: Vec<Member> = blind;
        for session in blind.into_iter().filter_map(|member| member.session) {
            self.signalling.end(session);
        }
    }

    /// The sample is spread over the viewers: who joined first may be served first.
    fn is_sampled(&self, number: usize) -> bool {
        let (sampled, viewers) = (self.options.sampled, self.options.viewers);
        number * sampled / viewers != (number + 1) * sampled / viewers
    }

    fn watching(&self) -> usize {
        self.members.iter().filter(|member| member.viewer.is_watching()).count()
    }

    /// Looks once at every socket, timer and answer. Gives back when it began.
    fn round(&mut self) -> Result<Instant, LoadError> {
        let now = Instant::now();
        self.rounds.count += 1;
        self.rounds.longest = self.rounds.longest.max(now.saturating_duration_since(self.last_round));
        self.last_round = now;
        self.publisher.poll(now, &mut self.buffer)?;
        for member in &mut self.members {
            member.viewer.poll(now, &mut self.buffer)?;
        }
        while let Some(reply) = self.signalling.reply() {
            let answer = match reply.outcome {
                Ok(answer) => answer,
                Err(refusal) => {
                    self.refusals.push(refusal);
                    continue;
                }
            };
            if let Some(member) = self.members.get_mut(reply.asker) {
                member.viewer.accept(&answer.sdp)?;
                member.signalled = Some((reply.asked, reply.answered));
                member.session = Some(answer.session);
            } else {
                self.publisher.accept(&answer.sdp)?;
                self.publication = Some(answer.session);
            }
        }
        Ok(now)
    }

    fn run_for(&mut self, time: Duration) -> Result<(), LoadError> {
        let until = Instant::now() + time;
        while self.round()? < until {}
        if self.publisher.is_live() { Ok(()) } else { Err(LoadError::PublisherCutOff) }
    }

    /// Begins all books of the window.
    fn begin_window(&mut self) {
        self.rounds = Rounds::default();
        for member in &mut self.members {
            member.viewer.begin_again();
        }
    }

    /// Runs until just before a picture is due.
    fn run_to_lull(&mut self) -> Result<(), LoadError> {
        let Some(picture) = self.publisher.next_picture() else { return Ok(()) };
        let (now, mut lull) = (Instant::now(), picture - LULL);
        if lull <= now {
            // That picture is as good as sent: before the next one.
            lull += Duration::from_secs(1) / FRAMES_PER_SECOND;
        }
        self.run_for(lull.saturating_duration_since(now))
    }

    fn usage(&self) -> Result<Option<Usage>, UsageError> {
        self.target.process.map(Usage::read).transpose()
    }

    fn reading(&self) -> Result<Reading, LoadError> {
        let (usage, at) = (self.usage()?, Instant::now());
        Ok(Reading { at, usage, sent: self.publisher.sent(), wishes: self.publisher.wishes() })
    }

    /// Different packets that came since the window began.
    fn delivered(&self) -> u64 {
        self.members.iter().flat_map(|member| member.viewer.window()).map(|tally| tally.received()).sum()
    }

    /// Ends all sessions; the signalling thread finishes that before it ends.
    fn hang_up(&mut self) {
        let sessions = self.members.iter_mut().filter_map(|member| member.session.take());
        for session in sessions.chain(self.publication.take()) {
            self.signalling.end(session);
        }
    }
}
