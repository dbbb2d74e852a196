//! Where a new session goes: to the shard that has the least to do.
//!
//! Work is packets, not sessions: a shard may have one viewer of a film and another a thousand whose publisher is silent. So
//! shards are compared by the packets a second of their last reports, and the sessions that those do not show yet, or show
//! still, count for as much as one costs on the average.

use std::time::Instant;

use fanlight_shard::ShardReport;

/// What a shard has to do, by its last report.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    /// Packets in and out so far, and when that was told.
    told: Option<(u64, Instant)>,
    packets_per_s: u64,
    /// Sessions that were connected then.
    connected: u32,
}

impl Load {
    /// A report came.
    pub(super) fn note(&mut self, now: Instant, report: &ShardReport) {
        let connected = report.sessions.iter().filter(|session| session.connected).count();
        let packets = report.counters.datagrams_in + report.counters.datagrams_out;
        self.note_numbers(now, packets, u32::try_from(connected).unwrap_or(u32::MAX));
    }

    fn note_numbers(&mut self, now: Instant, packets: u64, connected: u32) {
        let before = self.told.replace((packets, now));
        let elapsed = before.map(|(_, at)| now.saturating_duration_since(at).as_millis());
        let packets = u128::from(packets - before.map_or(packets, |(packets, _)| packets));
        let packets_per_s = elapsed.and_then(|elapsed| (packets * 1000).checked_div(elapsed));
        self.packets_per_s = packets_per_s.and_then(|rate| u64::try_from(rate).ok()).unwrap_or_default();
        self.connected = connected;
    }

    /// Packets a second that are to be expected with so many sessions.
    fn expected(&self, sessions: u32, packets_a_session: u64) -> u64 {
        let more = u64::from(sessions.saturating_sub(self.connected)) * packets_a_session;
        let fewer = u64::from(self.connected.saturating_sub(sessions)) * packets_a_session;
        (self.packets_per_s + more).saturating_sub(fewer)
    }
}

/// The place of the least loaded of shards, each with the sessions that it has been given; of equals the one with the fewest,
/// then the first. None: there are no shards.
pub(super) fn least_loaded(shards: &[(Load, u32)]) -> Option<usize> {
    let packets: u64 = shards.iter().map(|(load, _)| load.packets_per_s).sum();
    let connected: u64 = shards.iter().map(|(load, _)| u64::from(load.connected)).sum();
    let packets_a_session = packets.checked_div(connected).unwrap_or_default();
    let loads = shards.iter().enumerate().map(|(place, (load, sessions))| {
        let expected = load.expected(*sessions, packets_a_session);
        (expected, *sessions, place)
    });
    loads.min().map(|(_, _, place)| place)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Shards on which each session costs what it costs, asked once in so many sessions for their numbers.
    struct Hall {
        now: Instant,
        shards: Vec<(Load, u32)>,
        /// Packets a second that really flow, and those so far.
        rates: Vec<u64>,
        packets: Vec<u64>,
    }

    impl Hall {
        fn of(shards: usize) -> Self {
            let shards_now = vec![(Load::default(), 0); shards];
            Self { now: Instant::now(), shards: shards_now, rates: vec![0; shards], packets: vec![0; shards] }
        }

        fn place(&mut self, packets_per_s: u64) -> usize {
            let place = least_loaded(&self.shards).unwrap();
            self.shards[place].1 += 1;
            self.rates[place] += packets_per_s;
            place
        }

        /// A second goes by.
        fn report(&mut self) {
            self.now += Duration::from_secs(1);
            for (place, (load, sessions)) in self.shards.iter_mut().enumerate() {
                self.packets[place] += self.rates[place];
                load.note_numbers(self.now, self.packets[place], *sessions);
            }
        }
    }

    /// Before anything flows there is nothing to go by but how many there are.
    #[test]
    fn without_media_sessions_are_spread_evenly() {
        let mut hall = Hall::of(3);
        let places: Vec<usize> = (0..6).map(|_| hall.place(0)).collect();
        assert_eq!(places, [0, 1, 2, 0, 1, 2]);
        hall.report();
        hall.report();
        assert_eq!(hall.place(0), 0);
    }

    /// A heavy stream on one shard: those who come go elsewhere until the packets are even, not the sessions.
    #[test]
    fn a_shard_with_heavy_sessions_gets_fewer() {
        let mut hall = Hall::of(2);
        assert_eq!((hall.place(1000), hall.place(100)), (0, 1));
        hall.report();
        hall.report();
        for _ in 0..40 {
            hall.place(100);
            hall.report();
        }
        let (first, second) = (hall.rates[0], hall.rates[1]);
        assert!(first.abs_diff(second) <= 100, "{first} and {second} packets a second");
        let sessions = hall.shards.iter().map(|(_, sessions)| *sessions);
        assert_eq!(sessions.collect::<Vec<_>>(), [17, 25]);
    }

    /// A publisher, and its viewers in bursts between two reports: the last numbers must not send all of a burst to one shard.
    #[test]
    fn bursts_between_reports_are_spread_too() {
        let mut hall = Hall::of(4);
        hall.place(310);
        for _ in 0..5 {
            for _ in 0..40 {
                hall.place(310);
            }
            hall.report();
        }
        let (least, most) = (hall.rates.iter().min().unwrap(), hall.rates.iter().max().unwrap());
        assert!(most - least <= 310, "{:?}", hall.rates);
    }

    /// Who left is not counted on, though the last report still has its packets.
    #[test]
    fn a_shard_whose_viewers_left_is_the_next_to_be_given_some() {
        let mut hall = Hall::of(2);
        for _ in 0..20 {
            hall.place(100);
        }
        hall.report();
        hall.report();
        hall.shards[1].1 -= 5;
        let places: Vec<usize> = (0..6).map(|_| hall.place(100)).collect();
        assert_eq!(places, [1, 1, 1, 1, 1, 0]);
    }

    /// A report may come late, or twice in a moment.
    #[test]
    fn odd_reports_are_survived() {
        let mut load = Load::default();
        let now = Instant::now();
        load.note_numbers(now, 500, 3);
        load.note_numbers(now, 700, 3);
        assert_eq!(load.packets_per_s, 0, "no time has passed");
        load.note_numbers(now + Duration::from_secs(2), 1700, 3);
        assert_eq!(load.packets_per_s, 500);
        assert_eq!(least_loaded(&[]), None);
    }
}
