//! Joining: threads that ask, shake hands and hand over what is connected, so that whoever moves media never waits.
//!
//! ```text
//!   conductor ── Wish ──► joiner × n: offer, POST, ICE, DTLS ── Viewer or Publisher ──► worker
//!       ▲                                 └── Joined ───────────────────────┐
//!       └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A joiner sleeps while it waits, so that many can join at once; it needs the CPU for the cryptography of a handshake alone.

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clock::{Clock, seconds};
use crate::http::{Answer, Http, HttpError};
use crate::media;
use crate::namespace::Namespace;
use crate::peer::{Peer, PeerError, local_address};
use crate::plan::{Plan, Whom};
use crate::publisher::Publisher;
use crate::road::Road;
use crate::tap;
use crate::target::Target;
use crate::viewer::{Duties, Milestones, Viewer};
use crate::worker::Order;

/// Joins under way at once.
const JOINERS: usize = 64;

/// A session did not come about.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("no address of this machine reaches the server: {0}")]
    Local(#[source] std::io::Error),
}

/// What somebody is to join as.
#[derive(Debug)]
pub(crate) enum Wish {
    Publish {
        publisher: usize,
    },
    Watch {
        viewer: usize,
        stream: usize,
        duties: Duties,
        has_road: bool,
    },
    /// Deletes a session.
    Leave {
        session: String,
    },
}

/// What came of a wish to publish or to watch.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) outcome: Result<(), JoinError>,
    /// The viewer's number; None: the publisher's wish.
    pub(crate) viewer: Option<usize>,
    /// To be deleted at the end.
    pub(crate) session: Option<String>,
}

/// The threads; they end with this value, after their last wish.
pub(crate) struct Joiners {
    wishes: Option<Sender<Wish>>,
    joined: Receiver<Joined>,
    threads: Vec<JoinHandle<()>>,
}

/// What each joiner knows.
struct Context {
    plan: Plan,
    target: Target,
    http: Http,
    clock: Clock,
    /// Of the workers; a session goes to the one at its number.
    workers: Vec<Sender<Order>>,
    wishes: Mutex<Receiver<Wish>>,
}

impl Joiners {
    pub(crate) fn start(
        plan: &Plan,
        target: &Target,
        clock: Clock,
        workers: Vec<Sender<Order>>,
        namespace: Option<&Arc<Namespace>>,
    ) -> Self {
        let (wishes, received) = channel();
        let (tell, joined) = channel();
        let (plan, target, wishes_received) = (plan.clone(), target.clone(), Mutex::new(received));
        let http = target.http();
        let context = Arc::new(Context { plan, target, http, clock, workers, wishes: wishes_received });
        let joiner = |number: usize| {
            let (context, tell, namespace) = (Arc::clone(&context), tell.clone(), namespace.cloned());
            let builder = thread::Builder::new().name(format!("joiner-{number}"));
            // A thread that may not go there serves nobody: it leaves its wishes to the others.
            let serve = move || {
                if namespace.is_none_or(|namespace| namespace.enter().is_ok()) {
                    context.serve(&tell);
                }
            };
            builder.spawn(serve).ok()
        };
        let threads = (0..JOINERS).filter_map(joiner).collect();
        Self { wishes: Some(wishes), joined, threads }
    }

    pub(crate) fn wish(&self, wish: Wish) {
        if let Some(wishes) = &self.wishes {
            // The threads live as long as this sender.
            let _ = wishes.send(wish);
        }
    }

    /// The next outcome, if one is there.
    pub(crate) fn joined(&self) -> Option<Joined> {
        self.joined.try_recv().ok()
    }
}

impl Drop for Joiners {
    fn drop(&mut self) {
        self.wishes = None;
        for thread in self.threads.drain(..) {
            // It panicked: there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Context {
    fn serve(&self, tell: &Sender<Joined>) {
        loop {
            let wish = self.wishes.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let joined = match wish {
                Err(_) => return,
                Ok(Wish::Leave { session }) => {
                    self.http.end(&session);
                    continue;
                }
                Ok(Wish::Publish { publisher }) => self.publish(publisher),
                Ok(Wish::Watch { viewer, stream, duties, has_road }) => {
                    self.watch((viewer, stream), duties, has_road)
                }
            };
            // Nobody waits any more: the run has ended early.
            let _ = tell.send(joined);
        }
    }

    fn publish(&self, publisher: usize) -> Joined {
        let mut session = None;
        let mut join = || -> Result<(), JoinError> {
            let url = self.target.publish_url(publisher);
            let plan = &self.plan;
            let (mut joining, offer) =
                Publisher::offer(publisher, local(&url)?, self.clock, &plan.publishers, plan.seed)?;
            let Answer { sdp, session: at } = self.http.offer(&url, &offer)?;
            session = Some(at);
            joining.accept(&sdp)?;
            joining.peer.connect(self.deadline())?;
            self.hand_over(publisher, Order::Publish(Box::new(joining)));
            Ok(())
        };
        let outcome = join();
        Joined { outcome, viewer: None, session }
    }

    fn watch(&self, (viewer, stream): (usize, usize), duties: Duties, has_road: bool) -> Joined {
        let mut session = None;
        let mut join = || -> Result<(), JoinError> {
            let url = self.target.watch_url(stream, viewer);
            let plan = &self.plan;
            let codecs = media::codecs(&plan.publishers, duties.twcc);
            let types = media::payload_types(&codecs);
            let (rtc, keys) = tap::build(media::viewer(codecs, duties.twcc), Instant::now());
            let road = has_road.then(|| Road::new(&plan.road, plan.seed.wrapping_add(viewer as u64)));
            let kinds = media::kinds(&plan.publishers);
            let (mut peer, offer, ()) = Peer::offer(rtc, local(&url)?, false, road, |changes| {
                for kind in kinds {
                    changes.add_media(kind, str0m::media::Direction::RecvOnly, None, None, None);
                }
            })?;
            let asked = Instant::now();
            let Answer { sdp, session: at } = self.http.offer(&url, &offer)?;
            let answered = Instant::now();
            session = Some(at);
            peer.accept(&sdp)?;
            let early = peer.connect(self.deadline())?;
            let connected = Instant::now();
            if plan.viewers.trains {
                fanlight_ring::take_trains(&peer.socket).map_err(PeerError::from)?;
            }
            let milestones = Milestones { asked, answered, connected, first_packet: None, first_frame: None };
            let joining = Viewer::new((viewer, stream), duties, peer, &keys, types, milestones)?;
            self.hand_over(viewer, Order::Watch(Box::new(joining), early));
            Ok(())
        };
        let outcome = join();
        Joined { outcome, viewer: Some(viewer), session }
    }

    fn hand_over(&self, number: usize, order: Order) {
        if let Some(worker) = self.workers.get(number % self.workers.len().max(1)) {
            // A worker that is gone has ended with the run.
            let _ = worker.send(order);
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + seconds(self.plan.time.join_timeout_s).max(Duration::from_secs(1))
    }
}

/// The address of this machine that the server of a URL is reached from.
fn local(url: &str) -> Result<IpAddr, JoinError> {
    local_address(crate::http::address(url)?).map_err(JoinError::Local)
}

/// Whether a viewer is among those who do something.
pub(crate) fn does(whom: Whom, is_sampled: bool) -> bool {
    match whom {
        Whom::All => true,
        Whom::Sample => is_sampled,
        Whom::None => false,
    }
}
