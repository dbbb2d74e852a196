//! A shard: the state of one core, and the turn that is the only door into it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::backfill::Backfill;
use crate::counters::Counters;
use crate::handshakes::{Taken, Waiting};
use crate::lane::LaneMessage;
use crate::layers::source::Source;
use crate::limits::{
    COMMANDS_PER_TURN_MAX, DATAGRAMS_PER_TURN_MAX, LANE_MESSAGES_PER_TURN_MAX, LOAD_PACKETS,
};
use crate::notes::Notable;
use crate::rate::RateMeter;
use crate::reject::Reject;
use crate::rng::Rng;
use crate::routes::Routes;
use crate::sessions::Sessions;
use crate::spec::{SessionKey, ShardId, TrackId};
use crate::timers::Timers;
use crate::track::{Subscriber, Track};
use crate::turn::{Command, Event, Inputs, Outputs};
use crate::ufrag::UfragKey;

/// While messages for other shards wait for room in a lane, the next turn is no later than this.
const BACKLOG_RETRY: Duration = Duration::from_millis(1);

/// How packets are brought to leave together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainConfig {
    /// Longest time for which a packet waits for others, on a shard under load. Zero: never.
    pub hold_max: Duration,
    /// What a shard under load sends, packets a second.
    pub load_packets: u64,
    /// Most bytes of padding by which packets of video are made equally long. Zero: never.
    pub padding_bytes_max: u8,
}

/// What a shard is told once.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    pub id: ShardId,
    pub ufrag_key: UfragKey,
    /// Seed of values that need to differ and are not secret.
    pub seed: u64,
    /// A session that is not connected by then ends.
    pub connect_timeout: Duration,
    /// A publisher that sent no key frame for this time is asked for one, so that the store always has a young group of
    /// pictures for late joiners. None: only viewers' wishes count.
    pub key_frame_interval: Option<Duration>,
    /// How much faster than live a late joiner goes through the group of pictures.
    pub catch_up_speed: u32,
    pub trains: TrainConfig,
    /// Time zero of the shard's own clocks.
    pub started: Instant,
}

/// See the file's head.
pub struct Shard {
    pub(crate) config: ShardConfig,
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) counters: Counters,
    pub(crate) sessions: Sessions,
    pub(crate) routes: Routes,
    pub(crate) tracks: FxHashMap<TrackId, Box<Track>>,
    /// Sources in layers, each by its first layer.
    pub(crate) sources: FxHashMap<TrackId, Source>,
    /// Viewers that went over to another layer in this turn, and what they left.
    pub(crate) left: Vec<(Subscriber, TrackId)>,
    /// Tracks with packets to fan out.
    pub(crate) fresh: Vec<TrackId>,
    /// Those of them whose packets leave in this turn, while they do.
    #[expect(clippy::vec_box, reason = "they come from the map, and go back there")]
    pub(crate) leaving: Vec<Box<Track>>,
    /// When the next of the others have waited long enough.
    pub(crate) held_until: Option<Instant>,
    /// When somebody shook hands last.
    pub(crate) shook_hands: Option<Instant>,
    /// Of all packets that were sent: it counts those in place of bytes.
    pub(crate) egress_rate: RateMeter,
    pub(crate) timers: Timers,
    /// Mirrored tracks whose viewers wait for a key frame.
    pub(crate) mirror_wishes: Vec<TrackId>,
    /// Messages that found their lane full. Media never waits here.
    pub(crate) backlog: VecDeque<(ShardId, LaneMessage)>,
    /// Groups of pictures on their way to shards that joined.
    pub(crate) backfills: Vec<Backfill>,
    /// Datagrams of handshakes that wait for their turn.
    pub(crate) handshakes: VecDeque<Waiting>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self { hold_max: Duration::from_millis(10), load_packets: LOAD_PACKETS, padding_bytes_max: 32 }
    }
}

impl Shard {
    #[must_use]
    pub fn new(config: ShardConfig) -> Self {
        Self {
            now: config.started,
            rng: Rng::new(config.seed),
            counters: Counters::default(),
            sessions: Sessions::default(),
            routes: Routes::default(),
            tracks: FxHashMap::default(),
            sources: FxHashMap::default(),
            left: Vec::new(),
            fresh: Vec::new(),
            leaving: Vec::new(),
            held_until: None,
            shook_hands: None,
            egress_rate: RateMeter::new(config.started),
            timers: Timers::default(),
            mirror_wishes: Vec::new(),
            backlog: VecDeque::new(),
            backfills: Vec::new(),
            handshakes: VecDeque::new(),
            config,
        }
    }

    /// Takes what came, does what is due, and puts out what follows from it. The same list of turns, from the same
    /// configuration, gives the same outputs.
    ///
    /// Returns when the next turn is due even if nothing comes: now if work was left over, None if nothing is pending.
    pub fn turn(
        &mut self,
        now: Instant,
        inputs: &mut Inputs<'_>,
        outputs: &mut Outputs<'_>,
    ) -> Option<Instant> {
        self.now = self.now.max(now);
        self.counters.turns += 1;
        let sent_before = self.counters.datagrams_out;
        self.clear_backlog(outputs);
        self.obey(inputs, outputs);
        self.hear(inputs, outputs);
        self.receive(inputs, outputs);
        self.fan_out(outputs);
        self.finish_switches(outputs);
        self.shake_hands(outputs);
        self.tick(outputs);
        self.send_backfills(outputs);
        let wishes = self.pass_wishes_on(outputs);
        let sent = self.counters.datagrams_out - sent_before;
        self.egress_rate.add(self.now, usize::try_from(sent).unwrap_or(usize::MAX));
        self.deadline(inputs).into_iter().chain(wishes).min()
    }

    /// Cumulative counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sessions now.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn obey(&mut self, inputs: &mut Inputs<'_>, outputs: &mut Outputs<'_>) {
        for _ in 0..COMMANDS_PER_TURN_MAX {
            match inputs.commands.pop_front() {
                Some(Command::Adopt(spec)) => self.adopt(*spec, outputs),
                Some(Command::Close { key, reason }) => self.end(key, reason, outputs),
                Some(Command::Pause { key, video, paused }) => self.pause(key, video, paused, outputs),
                Some(Command::Mute { key, video, muted }) => self.mute(key, video, muted, outputs),
                Some(Command::Limit { key, bitrate_bps_max }) => self.limit(key, bitrate_bps_max),
                Some(Command::Switch { key, from, to, home }) => self.switch(key, from, &to, home, outputs),
                Some(Command::Prefer { key, wish }) => self.prefer(key, wish),
                Some(Command::Inspect { key, request }) => {
                    let inspection = self.inspect(key).map(Box::new);
                    outputs.events.push(Event::Inspected { request, inspection });
                }
                Some(Command::RestartIce { key, restart }) => self.restart_ice(key, *restart, outputs),
                Some(Command::Mark { number }) => outputs.events.push(Event::Marked { number }),
                Some(Command::Report) => outputs.events.push(Event::Report(Box::new(self.report()))),
                None => break,
            }
        }
    }

    fn hear(&mut self, inputs: &mut Inputs<'_>, outputs: &mut Outputs<'_>) {
        for _ in 0..LANE_MESSAGES_PER_TURN_MAX {
            let Some((from, message)) = inputs.lanes.pop_front() else { break };
            self.hear_message(from, message, outputs);
        }
    }

    fn receive(&mut self, inputs: &mut Inputs<'_>, outputs: &mut Outputs<'_>) {
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            let Some(datagram) = inputs.datagrams.next() else { break };
            let len = datagram.bytes.len();
            match self.receive_datagram(datagram, outputs) {
                Ok(Taken::Done) => self.count(len, Ok(())),
                Ok(Taken::Waits) => {}
                Err(reject) => self.count(len, Err(reject)),
            }
        }
    }

    /// Counts a datagram of `len` bytes that has come to its end.
    pub(crate) fn count(&mut self, len: usize, verdict: Result<(), Reject>) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += len as u64;
        match verdict {
            Ok(()) => self.counters.accepted += 1,
            Err(reject) => self.counters.rejects.count(reject),
        }
    }

    fn tick(&mut self, outputs: &mut Outputs<'_>) {
        // Each session comes up at most once a turn, whatever time it asks for next.
        for _ in 0..self.sessions.len() + 1 {
            let Some(key) = self.pop_due() else { break };
            self.tick_session(key, outputs);
        }
    }

    /// The next session whose time has come; entries that were left behind are dropped.
    fn pop_due(&mut self) -> Option<SessionKey> {
        loop {
            let (at, key) = self.timers.pop_due(self.now)?;
            if let Some(session) = self.sessions.find(key)
                && session.armed == Some(at)
            {
                session.armed = None;
                return Some(key);
            }
        }
    }

    /// Sees to it that the session comes up when it wants to.
    pub(crate) fn arm(&mut self, key: SessionKey) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        if let Some(at) = session.deadline(now)
            && session.armed.is_none_or(|armed| at < armed)
        {
            session.armed = Some(at);
            self.timers.arm(at, key);
        }
    }

    /// Writes down what happened to a session.
    pub(crate) fn note(&mut self, key: SessionKey, what: Notable, outputs: &mut Outputs<'_>) {
        let now = self.now;
        if let Some(session) = self.sessions.find(key) {
            session.note(now, what, outputs.events);
        }
    }

    fn deadline(&self, inputs: &Inputs<'_>) -> Option<Instant> {
        let left_over =
            !inputs.commands.is_empty() || !inputs.lanes.is_empty() || !self.handshakes.is_empty();
        let left_over = left_over.then_some(self.now);
        let is_waiting = !self.backlog.is_empty() || !self.backfills.is_empty();
        let backlog = is_waiting.then(|| self.now + BACKLOG_RETRY);
        let timers = self.timers.earliest().map(|at| self.not_at_once(at));
        [left_over, backlog, self.held_until, timers].into_iter().flatten().min()
    }
}
