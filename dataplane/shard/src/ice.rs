//! ICE restarts: the sessions after the engine's own (RFC 8445 §9, RFC 9725 §4.3.3), and what the checks of each say of its
//! paths. The only file that knows `is`.
//!
//! An agent that is restarted in place forgets every path it has, and media would stand still until it found another. So
//! each restart gets an agent of its own. It looks for a path while the session before it still carries media and answers
//! its peer's checks, and takes over when a path is nominated; the one before is then forgotten.
//!
//! ```text
//!   engine's own ──restart──► next: checking ──nominated──► current: carries media ──restart──► next …
//!                                  └── no path in time: forgotten, the one before goes on, or consent is lost if it is gone
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fanlight_wire::{Stun, StunClass};
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds, Sha1HmacProvider};

use crate::paths::{Asked, Paths};
use crate::remote::Remote;
use crate::rtc::{carrier, protocol};
use crate::transport::IceRestart;

/// A restart without a nominated path by then has failed. As long as a first connection may take in browsers.
const PATIENCE: Duration = Duration::from_secs(15);

/// What all sessions of one transport have in common.
pub(crate) struct IceTerms {
    /// Roles stay as they are over a restart. RFC 8445 §9.
    pub(crate) controlling: bool,
    pub(crate) hmac: &'static dyn Sha1HmacProvider,
    /// STUN retransmission: first interval, longest interval, and how often in all.
    pub(crate) stun_timing: (Duration, Duration, usize),
}

/// See the file's head.
pub(crate) struct IceRestarts {
    terms: IceTerms,
    /// Carries the media; None: the engine's own session still does.
    current: Option<Box<Agent>>,
    /// Looks for a path until that time.
    next: Option<(Box<Agent>, Instant)>,
    /// The session that carries media has lost its path.
    is_lost: bool,
    told: VecDeque<IceOutput>,
}

/// What the sessions want.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IceOutput {
    Transmit {
        to: Remote,
        datagram: Vec<u8>,
        /// See [`crate::transport::Output::Transmit`].
        proves_address: bool,
    },
    /// By the checks of the session that carries media.
    RoundTrip(Duration),
    /// Media goes there from now on.
    Path(Remote),
    /// No session has a path (any more), and none looks for one.
    Lost,
}

impl IceRestarts {
    pub(crate) fn new(terms: IceTerms) -> Self {
        Self { terms, current: None, next: None, is_lost: false, told: VecDeque::new() }
    }

    /// Begins another session. One that has found no path yet makes room for it.
    pub(crate) fn restart(&mut self, now: Instant, restart: IceRestart, candidates: &[Candidate]) {
        let mut agent = Box::new(Agent::new(&self.terms, restart, candidates));
        agent.agent.handle_timeout(now);
        self.next = Some((agent, now + PATIENCE));
    }

    /// Takes a STUN message if it is of one of these sessions.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        from: Remote,
        destination: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        if self.current.is_none() && self.next.is_none() {
            return false;
        }
        let Ok(message) = StunMessage::parse(datagram) else { return false };
        let agents = self.next.iter_mut().map(|(agent, _)| agent).chain(&mut self.current);
        for agent in agents {
            if agent.agent.accepts_message(&message) {
                let round_trip = agent.checks.hear(now, from, datagram);
                self.told.extend(round_trip.map(IceOutput::RoundTrip));
                let (proto, source) = (carrier(from.protocol), from.address);
                agent.agent.handle_packet(now, StunPacket { proto, source, destination, message });
                agent.agent.handle_timeout(now);
                return true;
            }
        }
        false
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        for agent in self.next.iter_mut().map(|(agent, _)| agent).chain(&mut self.current) {
            agent.agent.handle_timeout(now);
        }
        if self.next.as_ref().is_some_and(|(_, by)| *by <= now) {
            self.next = None;
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<IceOutput> {
        if let Some(output) = self.told.pop_front() {
            return Some(output);
        }
        if let Some((agent, _)) = &mut self.next {
            if let Some(output) = agent.transmit(now) {
                return Some(output);
            }
            if agent.is_lost() {
                self.next = None;
            } else if agent.checks.chosen().is_some() {
                self.current = self.next.take().map(|(agent, _)| agent);
                self.is_lost = false;
            }
        }
        if let Some(agent) = &mut self.current {
            if let Some(output) = agent.transmit(now) {
                return Some(output);
            }
            if let Some(path) = agent.moved() {
                return Some(IceOutput::Path(path));
            }
            self.is_lost |= agent.is_lost();
        }
        if self.is_lost && self.next.is_none() {
            self.is_lost = false; // said once
            return Some(IceOutput::Lost);
        }
        None
    }

    /// When [`Self::advance`] is due.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        let next = self.next.iter_mut().flat_map(|(agent, by)| [agent.agent.poll_timeout(), Some(*by)]);
        let current = self.current.iter_mut().map(|agent| agent.agent.poll_timeout());
        next.chain(current).flatten().min()
    }

    /// Whether the engine's own session has been superseded.
    pub(crate) fn is_superseding(&self) -> bool {
        self.current.is_some()
    }

    /// The engine's own session has lost its path. What follows from it the next polls say.
    pub(crate) fn first_is_lost(&mut self) {
        self.is_lost |= self.current.is_none();
    }
}

/// What the checks of one session say of the peer's addresses, seen on their way to the agent and from it.
pub(crate) struct Checks {
    paths: Paths,
    /// The peer's answers to our checks are keyed with this.
    remote_password: String,
    hmac: &'static dyn Sha1HmacProvider,
}

impl Checks {
    pub(crate) fn new(remote_password: String, hmac: &'static dyn Sha1HmacProvider) -> Self {
        Self { paths: Paths::default(), remote_password, hmac }
    }

    /// Where media is to go.
    pub(crate) fn chosen(&self) -> Option<Remote> {
        self.paths.chosen()
    }

    /// A check of the peer, or its answer to one of ours, on its way to the agent. Returns the round trip of an answer.
    pub(crate) fn hear(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Option<Duration> {
        let stun = Stun::parse(datagram).ok()?;
        let transaction = stun.transaction_id();
        match (stun.class(), stun.priority()) {
            (StunClass::Request, Some(priority)) => {
                let nominates = stun.use_candidate();
                self.paths.asked(Asked { transaction, from, priority, nominates });
                None
            }
            (StunClass::Success, _)
                if self.paths.awaits(transaction, from) && self.is_from_peer(datagram) =>
            {
                self.paths.proven(now, transaction, from)
            }
            _ => None,
        }
    }

    /// Something that the agent says. True: a success response, which tells that the peer's check was authentic.
    pub(crate) fn say(&mut self, now: Instant, to: Remote, datagram: &[u8]) -> bool {
        let Ok(stun) = Stun::parse(datagram) else { return false };
        let transaction = stun.transaction_id();
        match stun.class() {
            StunClass::Request => self.paths.checking(now, transaction, to, stun.use_candidate()),
            StunClass::Success => self.paths.answered(now, transaction, to),
            _ => {}
        }
        stun.class() == StunClass::Success
    }

    /// RFC 8445 §7.2.2: answers are protected with the password of the side that answers.
    fn is_from_peer(&self, answer: &[u8]) -> bool {
        StunMessage::parse(answer).is_ok_and(|answer| {
            answer.verify(self.remote_password.as_bytes(), |key, parts| self.hmac.sha1_hmac(key, parts))
        })
    }
}

/// One session.
struct Agent {
    agent: IceAgent,
    checks: Checks,
    /// Of the checks' choice, what was told last.
    path: Option<Remote>,
}

impl Agent {
    fn new(terms: &IceTerms, restart: IceRestart, candidates: &[Candidate]) -> Self {
        let local = IceCreds { ufrag: restart.local_ufrag, pass: restart.local_password };
        let mut agent = IceAgent::with_hmac(local, terms.hmac);
        let (first, max, tries) = terms.stun_timing;
        agent.set_initial_stun_rto(first);
        agent.set_max_stun_rto(max);
        agent.set_max_stun_retransmits(tries);
        agent.set_controlling(terms.controlling);
        for candidate in candidates {
            // They were good enough for the first session.
            let _ = agent.add_local_candidate(candidate.clone());
        }
        let checks = Checks::new(restart.remote_password.clone(), terms.hmac);
        agent.set_remote_credentials(IceCreds { ufrag: restart.remote_ufrag, pass: restart.remote_password });
        Self { agent, checks, path: None }
    }

    fn transmit(&mut self, now: Instant) -> Option<IceOutput> {
        let transmit = self.agent.poll_transmit()?;
        let to = Remote { protocol: protocol(transmit.proto), address: transmit.destination };
        let datagram: Vec<u8> = transmit.contents.into();
        let proves_address = self.checks.say(now, to, &datagram);
        Some(IceOutput::Transmit { to, datagram, proves_address })
    }

    /// The path, if it is another than before.
    fn moved(&mut self) -> Option<Remote> {
        let chosen = self.checks.chosen().filter(|chosen| self.path != Some(*chosen))?;
        self.path = Some(chosen);
        Some(chosen)
    }

    /// Whether the agent has given up every pair. Its other events say what the checks have said already.
    fn is_lost(&mut self) -> bool {
        const LOST: IceAgentEvent = IceAgentEvent::IceConnectionStateChange(IceConnectionState::Disconnected);
        std::iter::from_fn(|| self.agent.poll_event()).any(|event| event == LOST)
    }
}
