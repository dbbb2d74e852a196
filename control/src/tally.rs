//! What comes and goes, counted by the whole server, by app and room, and by stream: for statistics that ask for more than now.
//!
//! ```text
//!   registry: opens, closes ─┐                       ┌─► server
//!                            ├─► session ─► stream ──┼─► live/room1   (each scope that the stream is in)
//!   dataplane: reports ──────┘   growth since the    └─► live
//!                                last report
//! ```
//!
//! Counts begin with this control; sessions that it adopts count with all that they have carried. A session's counters are
//! cumulative, and what is added is their growth: a report that comes twice, or after a lost connection, adds nothing twice.
//! What a session carries between its last report and its end, a second at most, is not counted.
//!
//! Pure: time is passed in. Limits: streams are counted while anybody is there; of scopes that nobody is in any more the latest
//! [`EMPTY_SCOPES_MAX`] are remembered.

mod scopes;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::AddAssign;
use std::time::SystemTime;

use fanlight_protocol::{SessionId, SessionRole, SessionStats, StatsReport, StreamPath};

use crate::signalling::Role;
use scopes::Scopes;

/// Rooms may be named by whoever publishes, so what is remembered of empty ones is bounded: some 200 bytes each.
pub(crate) const EMPTY_SCOPES_MAX: usize = 1024;

/// How many there are, were at most, and have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    pub(crate) now: u32,
    pub(crate) most: u32,
    pub(crate) total: u64,
}

impl Gauge {
    fn rises(&mut self) {
        self.now += 1;
        self.total += 1;
        self.most = self.most.max(self.now);
    }

    fn falls(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

/// What has passed through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_out: u64,
}

impl Flow {
    fn growth_since(self, before: Self) -> Self {
        Self {
            bytes_in: self.bytes_in.saturating_sub(before.bytes_in),
            bytes_out: self.bytes_out.saturating_sub(before.bytes_out),
            packets_in: self.packets_in.saturating_sub(before.packets_in),
            packets_out: self.packets_out.saturating_sub(before.packets_out),
        }
    }
}

impl From<&SessionStats> for Flow {
    fn from(stats: &SessionStats) -> Self {
        let SessionStats { bytes_in, bytes_out, packets_in, packets_out, .. } = *stats;
        Self { bytes_in, bytes_out, packets_in, packets_out }
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, more: Self) {
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.packets_in += more.packets_in;
        self.packets_out += more.packets_out;
    }
}

/// The counts of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// When the first came.
    pub(crate) created: SystemTime,
    /// Publishers and viewers.
    pub(crate) sessions: Gauge,
    pub(crate) publishers: Gauge,
    pub(crate) viewers: Gauge,
    /// Of the server: apps that anybody is in. Of an app or a room: the rooms directly below.
    pub(crate) scopes: Gauge,
    pub(crate) flow: Flow,
}

impl Tally {
    pub(crate) fn new(created: SystemTime) -> Self {
        Self {
            created,
            sessions: Gauge::default(),
            publishers: Gauge::default(),
            viewers: Gauge::default(),
            scopes: Gauge::default(),
            flow: Flow::default(),
        }
    }

    fn enters(&mut self, role: Role) {
        self.sessions.rises();
        self.of(role).rises();
    }

    fn leaves(&mut self, role: Role) {
        self.sessions.falls();
        self.of(role).falls();
    }

    fn of(&mut self, role: Role) -> &mut Gauge {
        match role {
            Role::Publisher => &mut self.publishers,
            Role::Viewer => &mut self.viewers,
        }
    }
}

/// A session, and what of it is counted already.
#[derive(Debug)]
struct Counted {
    stream: StreamPath,
    role: Role,
    flow: Flow,
}

/// All counts. See the file's head.
#[derive(Debug)]
pub(crate) struct Tallies {
    server: Tally,
    scopes: Scopes,
    streams: HashMap<StreamPath, Tally>,
    sessions: HashMap<SessionId, Counted>,
}

impl Tallies {
    pub(crate) fn new(now: SystemTime) -> Self {
        Self {
            server: Tally::new(now),
            scopes: Scopes::default(),
            streams: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// The dataplane has that session. One that is known is not counted again.
    pub(crate) fn opens(
        &mut self,
        session: SessionId,
        stream: &StreamPath,
        role: SessionRole,
        now: SystemTime,
    ) {
        if self.sessions.contains_key(&session) {
            return;
        }
        let role = Role::from(role);
        let counted = Counted { stream: stream.clone(), role, flow: Flow::default() };
        self.sessions.insert(session, counted);
        self.server.enters(role);
        self.scopes.enters(&stream.app, role, now, &mut self.server.scopes);
        self.streams.entry(stream.clone()).or_insert_with(|| Tally::new(now)).enters(role);
    }

    /// The session is over.
    pub(crate) fn closes(&mut self, session: SessionId) {
        let Some(Counted { stream, role, .. }) = self.sessions.remove(&session) else { return };
        self.server.leaves(role);
        self.scopes.leaves(&stream.app, role, &mut self.server.scopes);
        if let Some(tally) = self.streams.get_mut(&stream) {
            tally.leaves(role);
            if tally.sessions.now == 0 {
                self.streams.remove(&stream);
            }
        }
    }

    /// Adds what the sessions have carried since the report before.
    pub(crate) fn record(&mut self, report: &StatsReport) {
        // Added up by stream first: scopes are looked up once a stream, not once a viewer.
        let mut by_stream: HashMap<StreamPath, Flow> = HashMap::new();
        for stats in &report.sessions {
            let Some(counted) = self.sessions.get_mut(&stats.session) else { continue };
            let flow = Flow::from(stats);
            let growth = flow.growth_since(counted.flow);
            counted.flow = flow;
            match by_stream.get_mut(&counted.stream) {
                Some(sum) => *sum += growth,
                None => drop(by_stream.insert(counted.stream.clone(), growth)),
            }
        }
        for (stream, growth) in by_stream {
            self.server.flow += growth;
            self.scopes.carry(&stream.app, growth);
            if let Some(tally) = self.streams.get_mut(&stream) {
                tally.flow += growth;
            }
        }
    }

    pub(crate) const fn server(&self) -> &Tally {
        &self.server
    }

    /// Of an app, or of a room by its whole path.
    pub(crate) fn scope(&self, path: &str) -> Option<&Tally> {
        self.scopes.find(path)
    }

    /// Of a stream that anybody publishes or still watches.
    pub(crate) fn stream(&self, stream: &StreamPath) -> Option<&Tally> {
        self.streams.get(stream)
    }

    /// Apps that anybody is or was in, in no order.
    pub(crate) fn apps(&self) -> impl Iterator<Item = &str> {
        self.scopes.paths().filter(|path| !path.contains('/'))
    }
}
