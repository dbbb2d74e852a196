//! How often an address may be refused: whoever guesses at credentials, or floods without any, is sent away before anything dear is
//! done for him, and nobody else notices.
//!
//! Pure: time is passed in. A bucket for each [`Block`] of addresses, which is one date: when it will be empty again
//! (the virtual scheduling of ITU-T I.371). Requests that are granted cost nothing.
//!
//! Limits: [`ADDRESSES_MAX`] addresses; the one that has been known the longest makes room. To be forgotten so takes as
//! many refusals of as many other addresses.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Client;
use super::address::Block;
use crate::fault::Fault;
use crate::log_budget::LogBudget;

const ADDRESSES_MAX: usize = 65_536;

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Budget {
    /// What one refusal costs.
    interval: Duration,
    /// What may be owed.
    burst: Duration,
    empty_at: HashMap<Block, Instant>,
    /// In the order in which they came to be known.
    order: VecDeque<Block>,
}

impl Budget {
    /// So many refusals at once, and as many again each minute.
    pub(crate) fn new(per_minute_max: u32) -> Self {
        let burst = Duration::from_secs(60);
        let interval = burst / per_minute_max.max(1);
        Self { interval, burst, empty_at: HashMap::new(), order: VecDeque::new() }
    }

    /// # Errors
    /// The address has been refused too often: how long until it may ask again.
    pub(crate) fn check(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(empty_at) = self.empty_at.get(&Block::of(address)) else { return Ok(()) };
        let owed = empty_at.saturating_duration_since(now) + self.interval;
        if owed <= self.burst { Ok(()) } else { Err(owed - self.burst) }
    }

    /// Notes a refusal.
    pub(crate) fn spend(&mut self, address: IpAddr, now: Instant) {
        let block = Block::of(address);
        let known = self.empty_at.get(&block).copied();
        if known.is_none() {
            self.make_room(now);
            self.order.push_back(block);
        }
        let owed_from = known.map_or(now, |empty_at| empty_at.max(now));
        // Requests that were under way together may all be refused; the debt does not grow beyond the burst and one more.
        let empty_at = (owed_from + self.interval).min(now + self.burst + self.interval);
        self.empty_at.insert(block, empty_at);
    }

    /// Forgets those at the front who owe nothing any more, and whoever is one too many.
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let owes = self.empty_at.get(oldest).is_some_and(|empty_at| *empty_at > now);
            if owes && self.order.len() < ADDRESSES_MAX {
                break;
            }
            self.empty_at.remove(oldest);
            self.order.pop_front();
        }
    }
}

/// The server's own: by its clock, for all its doors.
pub(crate) struct Refusals {
    budget: Mutex<Budget>,
    lines: Mutex<LogBudget>,
}

impl Refusals {
    pub(crate) fn new(per_minute_max: u32) -> Self {
        Self { budget: Mutex::new(Budget::new(per_minute_max)), lines: Mutex::default() }
    }

    /// To be asked before anything that costs.
    ///
    /// # Errors
    /// `Fault::TooManyRefusals`.
    pub(crate) fn check(&self, client: &Client) -> Result<(), Fault> {
        let checked = lock(&self.budget).check(client.address, Instant::now());
        checked.map_err(|wait| {
            let seconds = wait.as_secs().saturating_add(1);
            Fault::TooManyRefusals { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
        })
    }

    pub(crate) fn note(&self, client: &Client) {
        let now = Instant::now();
        let mut budget = lock(&self.budget);
        budget.spend(client.address, now);
        let is_spent = budget.check(client.address, now).is_err();
        drop(budget);
        if is_spent && let Some(left_out) = lock(&self.lines).spend(now) {
            let address = client.address;
            tracing::warn!(
                %address, left_out,
                "refused too often, so it gets 429; if it is a proxy of yours, name it in http.trusted_proxies"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// A person who mistypes must not be locked out, and a machine that guesses must be.
    #[test]
    fn a_burst_passes_then_the_rate_holds_and_others_do_not_notice() {
        let (mut budget, begun) = (Budget::new(60), Instant::now());
        for n in 0..60 {
            assert_eq!(budget.check(address(1), begun), Ok(()), "{n}");
            budget.spend(address(1), begun);
        }
        assert_eq!(budget.check(address(1), begun), Err(Duration::from_secs(1)));
        assert_eq!(budget.check(address(2), begun), Ok(()));
        // Whoever goes on to ask is not punished for it beyond the rate.
        let asked = (1..=600_000).filter(|tick| {
            let now = begun + Duration::from_micros(100) * *tick;
            let passes = budget.check(address(1), now).is_ok();
            if passes {
                budget.spend(address(1), now);
            }
            passes
        });
        assert_eq!(asked.count(), 60, "one a second");
        assert_eq!(budget.check(address(1), begun + 3 * MINUTE), Ok(()));
    }

    /// A subscriber has 2^64 addresses of IPv6, and every host two spellings of IPv4.
    #[test]
    fn a_household_is_one_address() {
        let (mut budget, now) = (Budget::new(1), Instant::now());
        for (asks, other, is_same) in [
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.3", "192.0.2.4", false),
        ] {
            budget.spend(asks.parse().unwrap(), now);
            assert_eq!(budget.check(other.parse().unwrap(), now).is_err(), is_same, "{asks} {other}");
        }
    }

    /// A flood from everywhere must not take the memory, nor wash out the one who came last.
    #[test]
    fn the_table_is_bounded_and_the_oldest_makes_room() {
        let (mut budget, now) = (Budget::new(1), Instant::now());
        for number in 0..100_000 {
            budget.spend(address(number), now);
        }
        assert_eq!((budget.empty_at.len(), budget.order.len()), (65_536, 65_536));
        assert!(budget.check(address(0), now).is_ok());
        assert!(budget.check(address(99_999), now).is_err() && budget.check(address(40_000), now).is_err());
        budget.spend(address(7), now + 2 * MINUTE);
        assert_eq!((budget.empty_at.len(), budget.order.len()), (1, 1), "who owes nothing is forgotten");
    }

    proptest! {
        /// Whatever comes in whatever order, an address is never refused more often than its rate allows.
        #[test]
        fn nobody_is_refused_more_often_than_the_rate(
            per_minute in 1_u32..200,
            steps in prop::collection::vec((0_u32..4, 0_u64..3_000), 1..400),
        ) {
            let (mut budget, begun) = (Budget::new(per_minute), Instant::now());
            let (mut now, mut refused) = (begun, [0_u32; 4]);
            for (who, pause_ms) in steps {
                now += Duration::from_millis(pause_ms);
                if budget.check(address(who), now).is_ok() {
                    budget.spend(address(who), now);
                    refused[who as usize] += 1;
                }
                let minutes = now.duration_since(begun).as_secs_f64() / 60.0;
                let most = f64::from(per_minute) * (1.0 + minutes) + 1.0;
                prop_assert!(f64::from(refused[who as usize]) <= most);
                prop_assert_eq!(budget.empty_at.len(), budget.order.len());
            }
        }
    }
}
