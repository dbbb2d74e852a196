//! The thread that moves media: it looks at every socket and timer in turn and never sleeps.
//!
//! A receiver that sleeps makes the server pay for waking it (12–17 µs where this was first measured, as much as sending it
//! dozens of packets). For the same reason sockets are looked at one after the other, not through epoll, whose queues the
//! sender has to serve. A round that finds something counts as busy time, one that finds nothing as idle: from that the
//! report tells how much more the generator could have taken.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fanlight_ring::{Trains, pin_to_core};

use crate::books::{Books, MemberBooks};
use crate::clock::{Clock, nanoseconds};
use crate::latency::Latency;
use crate::publisher::{Publisher, Sent};
use crate::viewer::{Ears, Viewer};

/// What a worker is told.
pub(crate) enum Order {
    Publish(Box<Publisher>),
    /// With what came before.
    Watch(Box<Viewer>, Vec<Vec<u8>>),
    /// Nothing more of this viewer.
    Leave(usize),
    Silence,
    Speak,
    /// Begins the books of a window.
    Begin,
    /// Tells what there is now.
    Look(Sender<Look>),
    /// Tells the books of the window.
    Close(Sender<Books>),
}

/// What a worker tells at any time. Counts are of the window.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) sent: Sent,
    pub(crate) publishers: usize,
    pub(crate) watching: usize,
    pub(crate) received: u64,
    pub(crate) missing: u64,
    /// Latencies since the last look.
    pub(crate) latency: Latency,
}

/// How a worker itself was in the window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rounds {
    pub(crate) count: u64,
    pub(crate) longest: Duration,
    /// Of rounds that found something.
    pub(crate) busy: Duration,
    pub(crate) idle: Duration,
    /// Datagrams that came and packets that were sent.
    pub(crate) datagrams: u64,
}

/// A worker and the way to tell it. It ends with this value.
pub(crate) struct Worker {
    pub(crate) orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// `core`: the one to keep busy; None: the scheduler chooses.
    pub(crate) fn start(number: usize, clock: Clock, core: Option<usize>) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let (ready, pinned) = channel();
        let run = move || {
            let outcome = core.map_or(Ok(()), pin_to_core);
            let is_pinned = outcome.is_ok();
            // The starter waits for this.
            let _ = ready.send(outcome);
            if is_pinned {
                Loop::new(clock).run(&received);
            }
        };
        let thread = thread::Builder::new().name(format!("media-{number}")).spawn(run)?;
        let worker = Self { orders: Some(orders), thread: Some(thread) };
        pinned.recv().unwrap_or(Ok(()))?;
        Ok(worker)
    }

    pub(crate) fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It lives as long as this sender.
            let _ = orders.send(order);
        }
    }

    pub(crate) fn look(&self) -> Look {
        let (answer, answered) = channel();
        self.tell(Order::Look(answer));
        answered.recv().unwrap_or_default()
    }

    pub(crate) fn close(&self) -> Books {
        let (answer, answered) = channel();
        self.tell(Order::Close(answer));
        answered.recv().unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It panicked: there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Loop {
    publishers: Vec<Publisher>,
    viewers: Vec<Viewer>,
    ears: Ears,
    /// Of the sample, of the whole window.
    latency: Latency,
    /// From when a frame was due to when the publisher began to send it.
    lateness: Latency,
    /// Viewers that left in the window.
    left: Vec<MemberBooks>,
    /// Sessions that failed on this side.
    faults: Vec<String>,
    rounds: Rounds,
    round_times: Latency,
    last_round: Instant,
}

impl Loop {
    fn new(clock: Clock) -> Self {
        Self {
            publishers: Vec::new(),
            viewers: Vec::new(),
            ears: Ears { clock, trains: Trains::default(), latency: Latency::default() },
            latency: Latency::default(),
            lateness: Latency::default(),
            left: Vec::new(),
            faults: Vec::new(),
            rounds: Rounds::default(),
            round_times: Latency::default(),
            last_round: Instant::now(),
        }
    }

    /// Until nobody can give orders any more.
    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            match orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => self.round(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        for viewer in &mut self.viewers {
            viewer.hang_up();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Publish(publisher) => self.publishers.push(*publisher),
            Order::Watch(mut viewer, early) => {
                viewer.take_early(early, &mut self.ears);
                self.viewers.push(*viewer);
            }
            Order::Leave(number) => {
                if let Some(at) = self.viewers.iter().position(|viewer| viewer.number == number) {
                    self.left.push(MemberBooks::of(&self.viewers.swap_remove(at)));
                }
            }
            Order::Silence => self.publishers.iter_mut().for_each(Publisher::fall_silent),
            Order::Speak => self.publishers.iter_mut().for_each(Publisher::speak),
            Order::Begin => self.begin(),
            // Who asked may have given up.
            Order::Look(answer) => drop(answer.send(self.look())),
            Order::Close(answer) => drop(answer.send(self.close())),
        }
    }

    /// Looks once at every socket and timer.
    fn round(&mut self) {
        let now = Instant::now();
        let mut found = 0;
        let faults = &mut self.faults;
        for publisher in &mut self.publishers {
            match publisher.poll(now, &mut self.lateness) {
                Ok(sent) => found += sent,
                Err(error) => faults.push(format!("publisher {}: {error}", publisher.number)),
            }
        }
        for viewer in &mut self.viewers {
            match viewer.poll(now, &mut self.ears) {
                Ok(came) => found += came as u64,
                Err(error) => faults.push(format!("viewer {}: {error}", viewer.number)),
            }
        }
        // A session that failed once fails each time: the first faults tell it all.
        faults.truncate(16);
        let end = Instant::now();
        let took = end - now;
        let since = end - self.last_round;
        self.last_round = end;
        let rounds = &mut self.rounds;
        rounds.count += 1;
        rounds.longest = rounds.longest.max(since);
        rounds.datagrams += found;
        *(if found > 0 { &mut rounds.busy } else { &mut rounds.idle }) += took;
        self.round_times.record(nanoseconds(since));
    }

    fn begin(&mut self) {
        self.viewers.iter_mut().for_each(Viewer::begin_again);
        self.left.clear();
        self.publishers.iter_mut().for_each(Publisher::begin_again);
        self.rounds = Rounds::default();
        for latency in [&mut self.latency, &mut self.lateness, &mut self.round_times, &mut self.ears.latency]
        {
            latency.clear();
        }
        self.last_round = Instant::now();
    }

    fn look(&mut self) -> Look {
        let latency = std::mem::take(&mut self.ears.latency);
        self.latency.add(&latency);
        let tallies = || self.viewers.iter().flat_map(Viewer::window);
        Look {
            sent: self.publishers.iter().map(Publisher::window).fold(Sent::default(), Sent::plus),
            publishers: self.publishers.iter().filter(|publisher| publisher.is_live()).count(),
            watching: self.viewers.iter().filter(|viewer| viewer.is_watching()).count(),
            received: tallies().map(|tally| tally.received()).sum(),
            missing: tallies().map(|tally| tally.missing()).sum(),
            latency,
        }
    }

    fn close(&mut self) -> Books {
        let look = self.look();
        Books {
            sent: look.sent,
            sent_by_stream: self.publishers.iter().map(|one| (one.number, one.window())).collect(),
            present: self.viewers.iter().map(MemberBooks::of).collect(),
            left: std::mem::take(&mut self.left),
            latency: self.latency.clone(),
            lateness: self.lateness.clone(),
            round_times: self.round_times.clone(),
            rounds: vec![self.rounds],
            faults: self.faults.clone(),
        }
    }
}
