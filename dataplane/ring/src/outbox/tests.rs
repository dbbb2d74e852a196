//! The outbox on a kernel that refuses and fails.

use std::net::SocketAddr;
use std::time::Duration;

use super::Outbox;
use crate::counters::SendErrors;
use crate::fake::{Sent, queues};
use crate::kernel::{Failure, Ticket};
use crate::limits::SEGMENTS_MAX;

fn viewer(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1000 + number))
}

fn send(outbox: &mut Outbox, number: u8, len: usize, segment: usize) {
    let slot = outbox.slot().unwrap();
    slot[..len].fill(number);
    outbox.send(viewer(number.into()), len, segment);
}

fn sent(number: u8, len: usize, segment: u16) -> Sent {
    Sent { to: viewer(number.into()), bytes: vec![number; len], segment }
}

/// A slot that is written again before the kernel has read it sends one viewer's packet to another. (The fake kernel compares
/// the slot's bytes at the time of queueing and of taking.)
#[test]
fn slots_are_used_again_only_after_they_are_taken() {
    let (mut queues, kernel) = queues(8, 4, Duration::ZERO);
    kernel.borrow_mut().takes = Some(1);
    for number in 0..20 {
        send(&mut queues.outbox, number, 50, 50);
    }
    while queues.outbox.queued() > 0 {
        queues.outbox.flush().unwrap();
    }
    let expected: Vec<Sent> = (0..20).map(|number| sent(number, 50, 50)).collect();
    assert_eq!(kernel.borrow().sent, expected);
    assert_eq!(queues.counters().messages_out, 20);
}

/// A kernel out of memory takes nothing for a while. The shard must learn it (and drop), and nothing queued may be lost.
#[test]
fn a_kernel_that_takes_nothing_leaves_no_slot_and_loses_nothing() {
    let (mut queues, kernel) = queues(8, 2, Duration::ZERO);
    kernel.borrow_mut().takes = Some(0);
    send(&mut queues.outbox, 0, 10, 10);
    send(&mut queues.outbox, 1, 10, 10);
    assert!(queues.outbox.slot().is_none());
    assert!(queues.outbox.slot().is_none());
    assert_eq!(queues.counters().messages_out, 0);

    kernel.borrow_mut().takes = None;
    send(&mut queues.outbox, 2, 10, 10);
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, [sent(0, 10, 10), sent(1, 10, 10), sent(2, 10, 10)]);
}

/// A shard may find that it has nothing to send after it has taken a slot.
#[test]
fn an_unsent_slot_is_given_again() {
    let (mut queues, kernel) = queues(8, 2, Duration::ZERO);
    send(&mut queues.outbox, 1, 10, 10);
    let first = queues.outbox.slot().unwrap().as_ptr();
    queues.outbox.flush().unwrap();
    assert_eq!(queues.outbox.slot().unwrap().as_ptr(), first);
    send(&mut queues.outbox, 2, 10, 10);
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, [sent(1, 10, 10), sent(2, 10, 10)]);
}

/// Under light load one hot slot serves all; cycling through all of them would cost cache lines.
#[test]
fn light_load_stays_in_the_first_slots() {
    let (mut queues, _kernel) = queues(8, 4, Duration::ZERO);
    let first = queues.outbox.slot().unwrap().as_ptr();
    for number in 0..10 {
        send(&mut queues.outbox, number, 10, 10);
        queues.outbox.flush().unwrap();
        assert_eq!(queues.outbox.slot().unwrap().as_ptr(), first);
    }
}

/// The counters answer "what did viewers get": what failed is counted as an error of its class and as nothing else.
#[test]
fn a_failed_message_counts_as_an_error_alone() {
    let (mut queues, kernel) = queues(8, 8, Duration::ZERO);
    kernel.borrow_mut().fates =
        [libc::EAGAIN, 0, libc::EMSGSIZE, libc::ENETUNREACH, libc::EPERM, 0].into_iter().collect();
    for number in 0..6 {
        send(&mut queues.outbox, number, 25, 10);
    }
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, [sent(1, 25, 10), sent(5, 25, 10)]);
    let counters = queues.counters();
    assert_eq!(counters.send_errors, SendErrors { would_block: 1, too_long: 1, unreachable: 1, other: 1 });
    assert_eq!((counters.messages_out, counters.datagrams_out, counters.bytes_out), (2, 6, 50));
}

/// A viewer behind IPsec or an old kernel's plain device gets EIO for every train: it must still get its picture.
#[test]
fn a_train_that_cannot_be_cut_leaves_as_single_datagrams() {
    let (mut queues, kernel) = queues(8, 8, Duration::ZERO);
    kernel.borrow_mut().fates = [libc::EIO, 0, libc::EINVAL].into_iter().collect();
    for number in 0..3 {
        send(&mut queues.outbox, number, 25, 10);
    }
    queues.outbox.flush().unwrap();
    let cut = |number| [sent(number, 10, 0), sent(number, 10, 0), sent(number, 5, 0)];
    let expected: Vec<Sent> = [sent(1, 25, 10)].into_iter().chain(cut(0)).chain(cut(2)).collect();
    assert_eq!(kernel.borrow().sent, expected);
    let counters = queues.counters();
    assert_eq!((counters.trains_cut, counters.send_errors.total()), (2, 0));
    assert_eq!((counters.messages_out, counters.datagrams_out, counters.bytes_out), (7, 9, 75));
}

/// EINVAL may as well be a bad address: then each datagram would fail, and one error is enough to know.
#[test]
fn cutting_stops_at_the_first_datagram_that_fails() {
    let (mut queues, kernel) = queues(8, 8, Duration::ZERO);
    kernel.borrow_mut().fates = [libc::EINVAL].into_iter().collect();
    kernel.borrow_mut().fates_now = [0, libc::EINVAL].into_iter().collect();
    send(&mut queues.outbox, 0, 40, 10);
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, [sent(0, 10, 0)]);
    let counters = queues.counters();
    assert_eq!((counters.messages_out, counters.bytes_out, counters.send_errors.other), (1, 10, 1));
}

/// Single datagrams have nothing to be cut; sending them again would only fail again.
#[test]
fn a_single_datagram_is_not_tried_twice() {
    let (mut queues, kernel) = queues(8, 8, Duration::ZERO);
    kernel.borrow_mut().fates = [libc::EIO].into_iter().collect();
    send(&mut queues.outbox, 0, 10, 10);
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, []);
    assert_eq!((queues.counters().trains_cut, queues.counters().send_errors.other), (0, 1));
}

/// A failure that comes late must not send the slot's next content, half written perhaps, or take back its account.
#[test]
fn a_late_failure_is_counted_and_touches_nothing() {
    let (mut queues, kernel) = queues(8, 1, Duration::ZERO);
    send(&mut queues.outbox, 0, 30, 10);
    queues.outbox.flush().unwrap();
    queues.outbox.slot().unwrap().fill(9);
    let late = Failure { ticket: Ticket { slot: 0, generation: 1 }, errno: libc::EIO };
    queues.outbox.reaped.failures.push(late);
    queues.outbox.send(viewer(9), 30, 10);
    queues.outbox.flush().unwrap();
    assert_eq!(kernel.borrow().sent, [sent(0, 30, 10), sent(9, 30, 10)]);
    let counters = queues.counters();
    assert_eq!((counters.messages_out, counters.trains_cut, counters.send_errors.other), (2, 0, 1));
}

/// The kernel would refuse it, silently for the shard: a bug of ours, so it stops at once.
#[test]
#[should_panic(expected = "193 bytes cut every 3")]
fn a_train_of_too_many_segments_is_our_bug() {
    let (mut queues, _kernel) = queues(8, 1, Duration::ZERO);
    assert!(queues.outbox.slot().is_some());
    queues.outbox.send(viewer(0), 3 * SEGMENTS_MAX, 3);
    assert!(queues.outbox.slot().is_some());
    queues.outbox.send(viewer(0), 3 * SEGMENTS_MAX + 1, 3);
}

/// Sending without a slot would send whatever the next slot holds.
#[test]
#[should_panic(expected = "send follows slot")]
fn a_send_without_a_slot_is_our_bug() {
    let (mut queues, _kernel) = queues(8, 1, Duration::ZERO);
    queues.outbox.send(viewer(0), 1, 1);
}
