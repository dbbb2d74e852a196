use super::*;

const MS: Duration = Duration::from_millis(1);

fn address(port: u16) -> Remote {
    Remote::udp(([192, 0, 2, 1], port).into())
}

fn id(number: u8) -> TransactionId {
    [number; 12]
}

/// A check from that port comes and is answered.
fn check(paths: &mut Paths, now: Instant, port: u16, priority: u32, nominates: bool) {
    paths.asked(Asked { transaction: id(1), from: address(port), priority, nominates });
    paths.answered(now, id(1), address(port));
}

/// A check to that port is answered after 30 ms.
fn prove(paths: &mut Paths, now: Instant, port: u16) -> Option<Duration> {
    paths.checking(now - 30 * MS, id(2), address(port), false);
    paths.proven(now, id(2), address(port))
}

/// Media flows to port 1, which was nominated with priority 100.
fn flowing(now: Instant) -> Paths {
    let mut paths = Paths::default();
    check(&mut paths, now, 1, 100, true);
    assert_eq!(paths.chosen(), None, "not proven");
    assert_eq!(prove(&mut paths, now, 1), Some(30 * MS));
    assert_eq!(paths.chosen(), Some(address(1)));
    paths
}

/// A nomination is a word; media must not follow it to an address that never answered.
#[test]
fn a_nominated_place_is_not_chosen_before_it_answers() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    for second in 1..20 {
        check(&mut paths, now + second * 1000 * MS, 2, 200, true);
    }
    assert_eq!(paths.chosen(), Some(address(1)));
}

/// An answer must come from where the question went, and to a question of ours.
#[test]
fn an_answer_that_nobody_asked_for_proves_nothing() {
    let now = crate::testing::start();
    let mut paths = Paths::default();
    check(&mut paths, now, 2, 100, true);
    paths.checking(now, id(7), address(1), false);
    assert!(!paths.awaits(id(7), address(2)) && !paths.awaits(id(8), address(1)));
    assert_eq!(paths.proven(now, id(7), address(2)), None);
    assert_eq!(paths.proven(now, id(8), address(2)), None);
    assert_eq!(paths.chosen(), None);
}

/// A check whose integrity failed gets no answer of the agent, and must leave nothing here.
#[test]
fn a_check_that_the_agent_did_not_answer_counts_for_nothing() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    paths.asked(Asked { transaction: id(9), from: address(2), priority: 200, nominates: true });
    paths.answered(now, id(1), address(1));
    prove(&mut paths, now, 2);
    assert_eq!(paths.chosen(), Some(address(1)));
}

/// Chromium behind a NAT that changed its port: the same candidate nominates from there. No time is lost.
#[test]
fn a_new_port_of_the_same_candidate_is_followed_at_once() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    check(&mut paths, now + MS, 2, 100, true);
    assert_eq!(prove(&mut paths, now + 2 * MS, 2), Some(30 * MS));
    assert_eq!(paths.chosen(), Some(address(2)));
}

/// A peer that keeps two nominated pairs alive must not make media jump between them.
#[test]
fn a_worse_pair_does_not_take_over_from_one_that_lives() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    for second in 1..20 {
        let now = now + second * 1000 * MS;
        check(&mut paths, now, 1, 100, true);
        check(&mut paths, now + MS, 2, 90, true);
        prove(&mut paths, now + 2 * MS, 2);
        assert_eq!(paths.chosen(), Some(address(1)));
    }
}

/// Firefox behind such a NAT, or a peer that fell from Wi-Fi to a worse network: the old place is silent, the new one speaks.
#[test]
fn a_place_that_speaks_takes_over_from_one_that_is_silent() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    check(&mut paths, now + MS, 2, 90, false);
    prove(&mut paths, now + PATH_SILENCE_MAX - MS, 2);
    assert_eq!(paths.chosen(), Some(address(1)), "not yet");
    prove(&mut paths, now + PATH_SILENCE_MAX, 2);
    assert_eq!(paths.chosen(), Some(address(2)));
}

/// A peer that speaks from many ports must neither fill memory nor drive out the place that media goes to.
#[test]
fn places_are_bounded_and_the_chosen_one_stays() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    for port in 2..200 {
        check(&mut paths, now + u32::from(port) * MS, port, 300, true);
        for _ in 0..3 {
            paths.checking(now, id(3), address(port), false);
        }
    }
    assert_eq!(paths.chosen(), Some(address(1)));
    assert!(paths.places.iter().any(|place| place.address == address(1)));
}

/// An address that was the peer's once may be a stranger's now.
#[test]
fn an_old_proof_is_proof_no_more() {
    let now = crate::testing::start();
    let mut paths = flowing(now);
    prove(&mut paths, now, 1);
    check(&mut paths, now + MS, 2, 100, true);
    prove(&mut paths, now + 2 * MS, 2);
    let late = now + CONSENT_MAX;
    check(&mut paths, late, 1, 100, true);
    assert_eq!(paths.chosen(), Some(address(2)));
    prove(&mut paths, late, 1);
    assert_eq!(paths.chosen(), Some(address(1)));
}

/// Where we are the side that nominates (a viewer took an offer of ours), our own check chooses the place, and no sooner than it
/// is answered.
#[test]
fn our_own_nomination_counts_once_it_is_answered() {
    let (mut paths, now) = (Paths::default(), crate::testing::start());
    let asked = Asked { transaction: id(1), from: address(1), priority: 10, nominates: false };
    paths.asked(asked);
    paths.answered(now, id(1), address(1));
    paths.checking(now, id(2), address(1), false);
    assert!(paths.proven(now, id(2), address(1)).is_none());
    assert_eq!(paths.chosen(), None);
    paths.checking(now, id(3), address(1), true);
    assert_eq!(paths.chosen(), None);
    assert!(paths.proven(now, id(3), address(1)).is_some());
    assert_eq!(paths.chosen(), Some(address(1)));
}
