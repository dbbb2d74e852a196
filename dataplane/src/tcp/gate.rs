//! Who may stay: places for all, for each source, and for those whose first frame has not come.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use tokio::sync::Notify;

use super::counters::Close;
use super::limits::{CONNECTIONS_PER_SOURCE_MAX, STRANGERS_MAX, STRANGERS_PER_SOURCE_MAX};

/// An IPv4 address, or an IPv6 network of 64 bits: whoever has one address of it has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self(address),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

#[derive(Debug, Default)]
struct Share {
    all: u32,
    strangers: u32,
}

/// See the file's head.
pub(super) struct Gate {
    connections_max: usize,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    sources: HashMap<Source, Share>,
    /// The oldest first.
    strangers: VecDeque<Rc<Notify>>,
}

/// A connection's place. It is free again when this is dropped.
pub(super) struct Place {
    gate: Rc<Gate>,
    source: Source,
    /// Until the first frame. Notified: make room.
    stranger: Option<Rc<Notify>>,
}

impl Gate {
    pub(super) fn new(connections_max: usize) -> Rc<Self> {
        Rc::new(Self { connections_max, state: RefCell::default() })
    }

    /// A place for a stranger from this address. If there are too many strangers the oldest is told to go.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn admit(self: &Rc<Self>, from: IpAddr) -> Result<Place, Close> {
        let mut state = self.state.borrow_mut();
        let source = Source::of(from);
        if state.open >= self.connections_max {
            return Err(Close::Full);
        }
        let share = state.sources.get(&source);
        if share.is_some_and(|share| {
            share.all >= CONNECTIONS_PER_SOURCE_MAX || share.strangers >= STRANGERS_PER_SOURCE_MAX
        }) {
            return Err(Close::SourceFull);
        }
        let share = state.sources.entry(source).or_default();
        share.all += 1;
        share.strangers += 1;
        state.open += 1;
        if state.strangers.len() >= STRANGERS_MAX
            && let Some(oldest) = state.strangers.pop_front()
        {
            oldest.notify_one();
        }
        let stranger = Rc::new(Notify::new());
        state.strangers.push_back(Rc::clone(&stranger));
        Ok(Place { gate: Rc::clone(self), source, stranger: Some(stranger) })
    }
}

impl Place {
    /// Comes back when newer strangers need the place of this one.
    pub(super) async fn pushed_out(&self) {
        match &self.stranger {
            Some(stranger) => stranger.notified().await,
            None => std::future::pending().await,
        }
    }

    /// The first frame has come.
    pub(super) fn introduce(&mut self) {
        if let Some(stranger) = self.stranger.take() {
            let mut state = self.gate.state.borrow_mut();
            state.strangers.retain(|other| !Rc::ptr_eq(other, &stranger));
            if let Some(share) = state.sources.get_mut(&self.source) {
                share.strangers -= 1;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.introduce();
        let mut state = self.gate.state.borrow_mut();
        state.open -= 1;
        if let Some(share) = state.sources.get_mut(&self.source) {
            share.all -= 1;
            if share.all == 0 {
                state.sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn admit(gate: &Rc<Gate>, from: u32) -> Place {
        gate.admit(address(from)).unwrap()
    }

    async fn is_pushed_out(place: &Place) -> bool {
        tokio::time::timeout(Duration::ZERO, place.pushed_out()).await.is_ok()
    }

    /// What one host may hold must not depend on how many connections it opens.
    #[test]
    fn a_source_has_a_share_of_strangers_and_a_share_of_all() {
        let gate = Gate::new(10_000);
        let mut places: Vec<_> = (0..STRANGERS_PER_SOURCE_MAX).map(|_| admit(&gate, 1)).collect();
        assert_eq!(gate.admit(address(1)).err(), Some(Close::SourceFull));
        assert!(gate.admit(address(2)).is_ok(), "others have their own share");
        while places.len() < CONNECTIONS_PER_SOURCE_MAX as usize {
            places.iter_mut().for_each(Place::introduce);
            places.push(admit(&gate, 1));
        }
        places.iter_mut().for_each(Place::introduce);
        assert_eq!(gate.admit(address(1)).err(), Some(Close::SourceFull));
        places.pop();
        assert!(gate.admit(address(1)).is_ok(), "a place that was left is free");
    }

    /// Whoever has one IPv6 address has 2⁶⁴ of them.
    #[test]
    fn addresses_of_one_ipv6_network_are_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }

    #[test]
    fn the_last_place_is_the_last() {
        let gate = Gate::new(2);
        let places = [admit(&gate, 1), admit(&gate, 2)];
        assert_eq!(gate.admit(address(3)).err(), Some(Close::Full));
        drop(places);
        assert!(gate.admit(address(3)).is_ok());
        assert!(gate.state.borrow().sources.is_empty(), "nothing is kept of who is gone");
    }

    /// A slowloris from many addresses must not keep an honest peer out, nor push out one that has shown its check.
    #[tokio::test]
    async fn the_oldest_stranger_makes_room() {
        let gate = Gate::new(10_000);
        let mut known = admit(&gate, 0);
        known.introduce();
        let number = u32::try_from(STRANGERS_MAX).unwrap();
        let strangers: Vec<_> = (1..=number).map(|from| admit(&gate, from)).collect();
        assert!(!is_pushed_out(&strangers[0]).await);
        let newest = admit(&gate, number + 1);
        assert!(is_pushed_out(&strangers[0]).await);
        assert!(!is_pushed_out(&strangers[1]).await && !is_pushed_out(&newest).await);
        assert!(!is_pushed_out(&known).await);
    }
}
