//! Which slots the kernel still reads. With zero-copy a send ends twice: its result says that it was sent, a notification that its
//! bytes are read no more. They may come in any order between messages; slots come free from the front alone.

use std::collections::VecDeque;

use crate::kernel::{Failure, Ticket};

/// Messages from being queued until their slots are free, oldest first. Their slots follow each other.
#[derive(Debug)]
pub(super) struct Flights {
    flights: VecDeque<Flight>,
    slots: u16,
}

#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    errno: Option<i32>,
    is_over: bool,
}

impl Flights {
    /// None yet, of so many slots.
    pub(super) fn new(slots: u16) -> Self {
        Self { flights: VecDeque::with_capacity(slots.into()), slots }
    }

    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn begin(&mut self, ticket: Ticket) {
        self.flights.push_back(Flight { ticket, errno: None, is_over: false });
    }

    /// A completion: how the send went, where it says so, and whether another one follows.
    pub(super) fn complete(&mut self, ticket: Ticket, errno: Option<i32>, more_follows: bool) {
        let Some(first) = self.flights.front() else { return };
        let place = (ticket.slot + self.slots - first.ticket.slot) % self.slots;
        let flight = self.flights.get_mut(usize::from(place)).filter(|flight| flight.ticket == ticket);
        if let Some(flight) = flight {
            flight.errno = flight.errno.or(errno);
            flight.is_over = !more_follows;
        }
    }

    /// How many at the front are over.
    pub(super) fn over(&self) -> usize {
        self.flights.iter().take_while(|flight| flight.is_over).count()
    }

    /// Removes those; says how many, and which of them failed.
    pub(super) fn land(&mut self, failures: &mut Vec<Failure>) -> u16 {
        let over = self.over();
        for flight in self.flights.drain(..over) {
            failures.extend(flight.errno.map(|errno| Failure { ticket: flight.ticket, errno }));
        }
        u16::try_from(over).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Flights;
    use crate::kernel::{Failure, Ticket};

    fn ticket(slot: u16) -> Ticket {
        Ticket { slot, generation: 7 }
    }

    /// Four slots, of which the last two and the first are in flight.
    fn flights() -> Flights {
        let mut flights = Flights::new(4);
        [2, 3, 0].into_iter().for_each(|slot| flights.begin(ticket(slot)));
        flights
    }

    /// Loopback never shows it, a network card does: what was sent may still be read, and writing there would send one viewer's
    /// packet to another.
    #[test]
    fn a_slot_that_is_sent_but_still_read_is_not_free() {
        let mut flights = flights();
        flights.complete(ticket(2), None, true);
        assert_eq!(flights.over(), 0);
        flights.complete(ticket(2), None, false);
        assert_eq!((flights.over(), flights.land(&mut Vec::new()), flights.len()), (1, 1, 2));
    }

    /// The outbox counts free slots from its oldest on.
    #[test]
    fn a_slot_that_is_over_early_waits_for_those_before_it() {
        let mut flights = flights();
        flights.complete(ticket(0), None, false);
        flights.complete(ticket(3), None, false);
        assert_eq!(flights.land(&mut Vec::new()), 0);
        flights.complete(ticket(2), None, false);
        assert_eq!((flights.land(&mut Vec::new()), flights.len()), (3, 0));
    }

    /// A failure is told with its slot: told before, the outbox would send a train in pieces from memory that is in use.
    #[test]
    fn a_failure_is_told_when_its_slot_is_free() {
        let (mut flights, mut failures) = (flights(), Vec::new());
        flights.complete(ticket(2), Some(libc::EMSGSIZE), true);
        flights.land(&mut failures);
        assert_eq!(failures, []);
        flights.complete(ticket(2), None, false);
        flights.land(&mut failures);
        assert_eq!(failures, [Failure { ticket: ticket(2), errno: libc::EMSGSIZE }]);
    }

    /// What comes late for an earlier use of a slot must not free the one that is in flight.
    #[test]
    fn a_completion_of_another_message_frees_nothing() {
        let mut flights = flights();
        flights.complete(Ticket { slot: 2, generation: 6 }, None, false);
        flights.complete(ticket(1), None, false);
        assert_eq!(flights.over(), 0);
        Flights::new(4).complete(ticket(2), None, false);
    }
}
