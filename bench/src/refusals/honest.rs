//! The honest: one who publishes sound, and viewers who join, connect and leave, one after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::RefusalsError;
use super::scene::Scene;
use crate::clock::{Clock, nanoseconds};
use crate::http::{Answer, Http};
use crate::joining::JoinError;
use crate::latency::Latency;
use crate::media;
use crate::peer::{Peer, local_address};
use crate::plan::Plan;
use crate::publisher::Publisher;
use crate::target::Target;

/// Viewers who join at the same time.
const JOINERS: usize = 2;
/// From one's leaving to the next one's coming.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest way to DTLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From look to look of the publisher.
const STEP: Duration = Duration::from_millis(5);

/// What viewers saw.
#[derive(Debug, Default)]
pub(super) struct Joins {
    pub(super) answered: Latency,
    pub(super) connected: Latency,
    pub(super) failures: u64,
}

/// See the file's head. The publisher ends with this value.
pub(super) struct Honest {
    plan: Plan,
    target: Target,
    stop: Arc<AtomicBool>,
    publisher: Option<JoinHandle<()>>,
}

impl Honest {
    pub(super) fn open(scene: &Scene) -> Result<Self, RefusalsError> {
        let (plan, target, stop) =
            (Plan::load("audio", &[])?, scene.target()?, Arc::new(AtomicBool::new(false)));
        let publisher = {
            let (plan, target, stop) = (plan.clone(), target.clone(), Arc::clone(&stop));
            let (ready, is_ready) = mpsc::channel();
            let run = move || match publish(&plan, &target) {
                Ok(publisher) => {
                    // The opener waits for this.
                    let _ = ready.send(Ok(()));
                    keep(publisher, &stop);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            };
            let thread = thread::Builder::new().name("publisher".to_owned()).spawn(run)?;
            is_ready.recv().unwrap_or(Ok(()))?;
            thread
        };
        Ok(Self { plan, target, stop, publisher: Some(publisher) })
    }

    /// Lets viewers come and go for so long.
    pub(super) fn join_for(&self, window: Duration) -> Joins {
        let end = Instant::now() + window;
        thread::scope(|scope| {
            let joiners: Vec<_> = (0..JOINERS)
                .map(|number| {
                    scope.spawn(move || {
                        let (http, mut joins) = (Scene::http(number + 1), Joins::default());
                        while Instant::now() < end {
                            if self.join(&http, number, &mut joins).is_err() {
                                joins.failures += 1;
                            }
                            thread::sleep(PAUSE);
                        }
                        joins
                    })
                })
                .collect();
            joiners.into_iter().filter_map(|joiner| joiner.join().ok()).fold(Joins::default(), Joins::with)
        })
    }

    fn join(&self, http: &Http, viewer: usize, joins: &mut Joins) -> Result<(), JoinError> {
        let url = self.target.watch_url(0, viewer);
        let codecs = media::codecs(&self.plan.publishers, false);
        let rtc = media::viewer(codecs, false).build(Instant::now());
        let kinds = media::kinds(&self.plan.publishers);
        let (mut peer, offer, ()) = Peer::offer(rtc, local(&url)?, false, None, |changes| {
            for kind in kinds {
                changes.add_media(kind, str0m::media::Direction::RecvOnly, None, None, None);
            }
        })?;
        let asked = Instant::now();
        let Answer { sdp, session } = http.offer(&url, &offer)?;
        let answered = asked.elapsed();
        let mut connect = || {
            peer.accept(&sdp)?;
            peer.connect(asked + CONNECT_TIMEOUT)
        };
        let outcome = connect();
        let connected = asked.elapsed();
        http.end(&session);
        outcome?;
        joins.answered.record(nanoseconds(answered));
        joins.connected.record(nanoseconds(connected));
        Ok(())
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(publisher) = self.publisher.take() {
            // It panicked: there is nothing left to wait for.
            let _ = publisher.join();
        }
    }
}

impl Joins {
    fn with(mut self, other: Self) -> Self {
        self.answered.add(&other.answered);
        self.connected.add(&other.connected);
        self.failures += other.failures;
        self
    }
}

fn publish(plan: &Plan, target: &Target) -> Result<Publisher, JoinError> {
    let url = target.publish_url(0);
    let (mut publisher, offer) =
        Publisher::offer(0, local(&url)?, Clock::start(), &plan.publishers, plan.seed)?;
    let answer = Scene::http(0).offer(&url, &offer)?;
    publisher.accept(&answer.sdp)?;
    publisher.peer.connect(Instant::now() + CONNECT_TIMEOUT)?;
    Ok(publisher)
}

fn keep(mut publisher: Publisher, stop: &AtomicBool) {
    let mut lateness = Latency::default();
    while !stop.load(Ordering::Relaxed) && publisher.poll(Instant::now(), &mut lateness).is_ok() {
        thread::sleep(STEP);
    }
}

fn local(url: &str) -> Result<std::net::IpAddr, JoinError> {
    local_address(crate::http::address(url)?).map_err(JoinError::Local)
}
