//! The wait and the receive side on a kernel that delays, reorders, starves and fails.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::Queues;
use crate::fake::{Event, Sent, queues};
use crate::kernel::Enter;
use crate::limits::RECEIVED_PER_WAIT_MAX;

const SPIN: Duration = Duration::from_secs(100);

fn peer(number: u32) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], u16::try_from(number % 60_000).unwrap()))
}

fn datagram(number: u32) -> (SocketAddr, Vec<u8>) {
    (peer(number), number.to_be_bytes().to_vec())
}

/// Takes all that this wait gives out.
fn drain(queues: &mut Queues) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut taken = Vec::new();
    while let Some(datagram) = queues.inbox.next() {
        taken.push((datagram.from, datagram.bytes.to_vec()));
    }
    taken
}

fn poll(queues: &mut Queues) -> Vec<(SocketAddr, Vec<u8>)> {
    queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap();
    drain(queues)
}

/// The end of all buffers ends the receive. Armed again before buffers are back it would only end again, in a busy loop.
#[test]
fn a_starved_receive_is_armed_again_when_buffers_are_back() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    kernel.borrow_mut().wire = (0..20).map(datagram).collect();
    queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap();
    assert_eq!((queues.inbox.len(), kernel.borrow().receive_arms), (8, 1));
    // The worker takes nothing: there is no buffer to arm with.
    queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap();
    assert_eq!(kernel.borrow().receive_arms, 1);
    let mut taken = drain(&mut queues);
    taken.extend(poll(&mut queues));
    taken.extend(poll(&mut queues));
    assert_eq!(taken, (0..20).map(datagram).collect::<Vec<_>>());
    assert_eq!((kernel.borrow().receive_arms, queues.counters().receive_rearms), (3, 2));
}

/// Each empty datagram ends the receive; a sender of them must not cost the others a turn.
#[test]
fn an_empty_datagram_costs_a_rearm_within_the_wait() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    kernel.borrow_mut().wire = [datagram(1), (peer(2), Vec::new()), datagram(3)].into_iter().collect();
    assert_eq!(poll(&mut queues), [datagram(1), (peer(2), Vec::new()), datagram(3)]);
    assert_eq!(queues.counters().receive_rearms, 1);
}

/// A flood of empty datagrams is the worst case of re-arming: it ends with the batch.
#[test]
fn a_wait_is_bounded_under_a_flood_of_empty_datagrams() {
    let (mut queues, kernel) = queues(1024, 1, Duration::ZERO);
    kernel.borrow_mut().wire = (0..2000).map(|number| (peer(number), Vec::new())).collect();
    assert_eq!(poll(&mut queues).len(), RECEIVED_PER_WAIT_MAX);
    assert_eq!(kernel.borrow().enters.len(), RECEIVED_PER_WAIT_MAX);
}

/// A multishot receive brings a few dozen datagrams an enter: a batch must not end there, nor go beyond its bound.
#[test]
fn a_batch_takes_several_enters_and_ends_at_its_bound() {
    let (mut queues, kernel) = queues(1024, 1, Duration::ZERO);
    kernel.borrow_mut().wire = (0..300).map(datagram).collect();
    assert_eq!(poll(&mut queues), (0..256).map(datagram).collect::<Vec<_>>());
    assert_eq!(kernel.borrow().enters, [Enter::Poll; 8]);
    assert_eq!(poll(&mut queues), (256..300).map(datagram).collect::<Vec<_>>());
}

/// A kernel that always promises more must not keep the worker from its turn.
#[test]
fn a_kernel_that_always_has_more_does_not_hold_the_wait() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    kernel.borrow_mut().always_more = true;
    kernel.borrow_mut().wire = [datagram(1)].into_iter().collect();
    assert_eq!(poll(&mut queues), [datagram(1)]);
    assert!(kernel.borrow().enters.len() <= RECEIVED_PER_WAIT_MAX);
}

/// A fault of the receive is reported once and tried again with the next wait, not hidden in a loop.
#[test]
fn a_receive_error_is_reported_and_then_cured() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    assert_eq!(poll(&mut queues), []);
    kernel.borrow_mut().receive_fails = Some(libc::EBADF);
    let error = queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    kernel.borrow_mut().wire = [datagram(1)].into_iter().collect();
    assert_eq!(poll(&mut queues), [datagram(1)]);
    assert_eq!(queues.counters().receive_rearms, 1);
}

/// The kernel's refusal is the worker's to handle; the queued messages wait for the next try.
#[test]
fn an_enter_error_is_reported_and_keeps_what_is_queued() {
    let (mut queues, kernel) = queues(8, 2, Duration::ZERO);
    queues.outbox.slot().unwrap()[..4].copy_from_slice(b"kept");
    queues.outbox.send(peer(1), 4, 4);
    kernel.borrow_mut().enter_fails = Some(libc::ENXIO);
    assert_eq!(queues.wait(None, Duration::ZERO).unwrap_err().raw_os_error(), Some(libc::ENXIO));
    assert_eq!((queues.outbox.queued(), queues.counters().messages_out), (1, 0));
    assert_eq!(poll(&mut queues), []);
    assert_eq!(kernel.borrow().sent, [Sent { to: peer(1), bytes: b"kept".to_vec(), segment: 4 }]);
}

/// The point of the flag: work that came during the turn must not meet a sleeping owner.
#[test]
fn a_wake_during_the_turn_forbids_the_sleep() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    queues.alarm.waker().wake();
    queues.wait(None, Duration::ZERO).unwrap();
    assert!(kernel.borrow().enters.iter().all(|enter| *enter == Enter::Poll));
    assert_eq!((queues.counters().wakes, queues.counters().sleeps), (1, 0));
}

/// A wake ends the sleep, is taken notice of once, and leaves the descriptor silent for the next sleep.
#[test]
fn a_wake_ends_the_sleep_once() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    let waker = queues.alarm.waker();
    kernel.borrow_mut().watch_is_single = true;
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Wake(waker.clone()), Event::Wake(waker.clone())]);
    for round in 1..=2 {
        queues.wait(None, Duration::ZERO).unwrap();
        assert_eq!((queues.counters().wakes, queues.counters().sleeps), (round, round));
        assert!(!waker.is_ringing());
    }
    assert_eq!(kernel.borrow().watch_arms, 2, "a watch that ended is armed again");
    assert!(!queues.alarm.is_notified());
}

/// A debugger's or profiler's signal is no news.
#[test]
fn a_signal_does_not_end_the_wait() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    let news = Event::Datagrams(vec![datagram(1)]);
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Signal, Event::Signal, news]);
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!(drain(&mut queues), [datagram(1)]);
    assert_eq!(queues.counters().sleeps, 3);
}

/// One enter brings 32 datagrams; after a sleep too the batch goes on to its bound.
#[test]
fn a_sleep_ended_by_a_burst_brings_all_of_it() {
    let (mut queues, kernel) = queues(256, 1, Duration::ZERO);
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Datagrams((0..100).map(datagram).collect())]);
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!(drain(&mut queues), (0..100).map(datagram).collect::<Vec<_>>());
}

/// The spin saves a wake-up of 12–17 µs while traffic flows; without traffic it would be a busy loop.
#[test]
fn only_a_busy_port_spins() {
    let (mut queues, kernel) = queues(8, 1, SPIN);
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Datagrams(vec![datagram(1)])]);
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!((drain(&mut queues), queues.counters().sleeps), (vec![datagram(1)], 1));

    kernel.borrow_mut().wire = [datagram(2)].into_iter().collect();
    kernel.borrow_mut().blind_looks = Some(1000);
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!((drain(&mut queues), queues.counters().sleeps), (vec![datagram(2)], 1), "found by spinning");

    assert_eq!(poll(&mut queues), []);
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Datagrams(vec![datagram(3)])]);
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!((drain(&mut queues), queues.counters().sleeps), (vec![datagram(3)], 2), "quiet again");
}

/// What the worker leaves in the inbox is not lost and not overtaken.
#[test]
fn datagrams_left_by_one_turn_come_first_in_the_next() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    kernel.borrow_mut().wire = (0..4).map(datagram).collect();
    queues.wait(None, Duration::ZERO).unwrap();
    assert_eq!(queues.inbox.next().map(|datagram| datagram.from), Some(peer(0)));
    kernel.borrow_mut().wire.push_back(datagram(4));
    assert_eq!(poll(&mut queues), (1..5).map(datagram).collect::<Vec<_>>());
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Arrive(u32),
    Wait,
    Take(usize),
    Send(u8),
    Flush,
    Delay(usize),
    Reorder(bool),
    Takes(Option<usize>),
    Fates(Vec<i32>),
    ReceiveFails(i32),
}

fn step() -> impl Strategy<Value = Step> {
    let errno = prop::sample::select(vec![0, libc::EAGAIN, libc::EMSGSIZE, libc::EIO, libc::EPERM]);
    let curable = prop::sample::select(vec![0, libc::ENOBUFS, libc::ECANCELED]);
    prop_oneof![
        4 => (1..40u32).prop_map(Step::Arrive),
        6 => Just(Step::Wait),
        6 => (0..40usize).prop_map(Step::Take),
        4 => (1..10u8).prop_map(Step::Send),
        2 => Just(Step::Flush),
        1 => (0..4usize).prop_map(Step::Delay),
        1 => any::<bool>().prop_map(Step::Reorder),
        1 => prop::option::of(0..3usize).prop_map(Step::Takes),
        1 => prop::collection::vec(errno, 0..8).prop_map(Step::Fates),
        1 => curable.prop_map(Step::ReceiveFails),
    ]
}

proptest! {
    /// Whatever the order of events: no datagram is lost, doubled or changed, no buffer has two owners (the fake asserts it),
    /// and every message is sent or counted as an error.
    #[test]
    fn no_history_loses_a_datagram_or_a_buffer(steps in prop::collection::vec(step(), 1..80)) {
        let (mut queues, kernel) = queues(16, 4, Duration::ZERO);
        let (mut arrived, mut taken, mut offered) = (0, Vec::new(), 0u64);
        for step in steps {
            match step {
                Step::Arrive(count) => {
                    kernel.borrow_mut().wire.extend((arrived..arrived + count).map(datagram));
                    arrived += count;
                }
                Step::Wait => queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap(),
                Step::Take(count) => {
                    for _ in 0..count {
                        let Some(received) = queues.inbox.next() else { break };
                        taken.push((received.from, received.bytes.to_vec()));
                    }
                }
                Step::Send(number) => {
                    for _ in 0..number {
                        if let Some(slot) = queues.outbox.slot() {
                            slot[..30].fill(number);
                            queues.outbox.send(peer(number.into()), 30, 10 * usize::from(number % 4 + 1));
                            offered += 1;
                        }
                    }
                }
                Step::Flush => queues.outbox.flush().unwrap(),
                Step::Delay(delay) => kernel.borrow_mut().delay = delay,
                Step::Reorder(reorders) => kernel.borrow_mut().reorders = reorders,
                Step::Takes(takes) => kernel.borrow_mut().takes = takes,
                Step::Fates(fates) => kernel.borrow_mut().fates.extend(fates),
                Step::ReceiveFails(errno) => kernel.borrow_mut().receive_fails = Some(errno),
            }
        }
        kernel.borrow_mut().takes = None;
        for _ in 0..arrived + 8 {
            taken.extend(poll(&mut queues));
        }
        taken.sort();
        let mut expected: Vec<_> = (0..arrived).map(datagram).collect();
        expected.sort();
        prop_assert_eq!(taken, expected);
        queues.wait(Some(Duration::ZERO), Duration::ZERO).unwrap();
        prop_assert_eq!(kernel.borrow().owned.len(), 16);

        let counters = queues.counters();
        let cut_datagrams: u64 = kernel.borrow().sent.iter().filter(|sent| sent.segment == 0).count() as u64;
        prop_assert_eq!(counters.messages_out, kernel.borrow().sent.len() as u64);
        prop_assert_eq!(
            counters.messages_out - cut_datagrams + counters.trains_cut + counters.send_errors.total(),
            offered
        );
        prop_assert_eq!(counters.bytes_out, kernel.borrow().sent.iter().map(|sent| sent.bytes.len() as u64).sum::<u64>());
    }
}

/// Whoever gathers has much to do, and sleeps: to look about meanwhile would bring what it is to wait for.
#[test]
fn who_gathers_sleeps_at_once_and_no_longer_than_it_may() {
    let (mut queues, kernel) = queues(8, 2, Duration::from_secs(60));
    kernel.borrow_mut().wire = [datagram(1)].into_iter().collect();
    assert_eq!(poll(&mut queues), [datagram(1)]);
    kernel.borrow_mut().sleeps = VecDeque::from([Event::Datagrams(vec![datagram(2)])]);
    let (timeout, gather) = (Duration::from_secs(3_600), Duration::from_secs(7_200));
    queues.wait(Some(timeout), gather).unwrap();
    assert_eq!(
        (drain(&mut queues), queues.counters().sleeps),
        (vec![datagram(2)], 1),
        "not found by spinning"
    );
    let enters = kernel.borrow().enters.clone();
    let naps = enters.iter().filter_map(|how| if let Enter::Sleep(nap) = how { Some(*nap) } else { None });
    let naps: Vec<_> = naps.collect();
    assert!(naps.len() == 1 && naps[0].gather <= naps[0].at_most.unwrap(), "{naps:?}");
    assert!(naps[0].gather > Duration::ZERO, "{naps:?}");
}
