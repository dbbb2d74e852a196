//! Packets counted one by one over a bad network: the clients tell each of them, so that nothing hides behind a decoder.

use std::time::{Duration, Instant};

use fanlight_tests::client::{Content, Faults};
use fanlight_tests::netns::Leg;
use fanlight_tests::{TestResult, say};

use crate::scene::{SOON, Scene, network};

/// How long a loss lasts: some 700 packets.
const SPELL: Duration = Duration::from_secs(6);

/// Of packets published in a spell, this share may stay lost for ever, per mille.
const LEFT_PER_MILLE_MAX: u64 = 1;

/// What a publisher, a viewer and the router had counted at a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    published: u64,
    arrived: u64,
    again: u64,
    resent_by_publisher: u64,
    key_frame_requests: u64,
    lost_by_network: u64,
}

impl Count {
    fn of(scene: &Scene) -> TestResult<Self> {
        let (publisher, seen) = (scene.publisher(), scene.seen()?);
        let (up, down) = scene.network.router.counted(Leg::Server)?;
        Ok(Self {
            published: publisher.packets(Content::Vp8).into(),
            arrived: seen.packets,
            again: seen.by_retransmission,
            resent_by_publisher: publisher.packets_resent(),
            key_frame_requests: publisher.key_frame_requests().len() as u64,
            lost_by_network: up.lost + down.lost,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            published: self.published - before.published,
            arrived: self.arrived - before.arrived,
            again: self.again - before.again,
            resent_by_publisher: self.resent_by_publisher - before.resent_by_publisher,
            key_frame_requests: self.key_frame_requests - before.key_frame_requests,
            lost_by_network: self.lost_by_network - before.lost_by_network,
        }
    }
}

/// Loses for a spell, then waits until what can still come has come. Returns what was counted, and how many stayed lost.
fn endure(scene: &mut Scene, leg: Leg, per_mille: u16) -> TestResult<(Count, u64)> {
    let (before, missing_before) = (Count::of(scene)?, scene.seen()?.missing());
    scene.network.router.lose(leg, per_mille)?;
    scene.stage.run_for(SPELL)?;
    scene.network.router.lose(leg, 0)?;
    // Longer than anyone asks again for a packet.
    scene.stage.run_for(Duration::from_secs(2))?;
    let left = scene.seen()?.missing() - missing_before;
    Ok((Count::of(scene)?.since(&before), left))
}

/// What the network loses on the way up is fetched once, from the publisher; on the way down from our store. Lost requests and
/// lost retransmissions are asked for again, so that next to nothing stays lost.
#[test]
fn lost_packets_come_again_at_2_5_and_10_percent_both_ways() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let mut scene = Scene::start(network)?;
    for percent in [2, 5, 10] {
        let (count, left) = endure(&mut scene, Leg::Server, percent * 10)?;
        say(&format!(
            "loss {percent} % on all roads, clients: published={} lost_by_network={} resent_by_publisher={} \
             resent_by_server={} key_frame_requests={} left={left}",
            count.published,
            count.lost_by_network,
            count.resent_by_publisher,
            count.again,
            count.key_frame_requests,
        ));
        scene.assert_lives()?;
        assert!(count.lost_by_network >= u64::from(percent) * 4, "hardly anything was lost: {count:?}");
        assert!(count.resent_by_publisher > 0 && count.again > 0, "{count:?}");
        assert!(left * 1000 <= count.published * LEFT_PER_MILLE_MAX, "{left} stayed lost of {count:?}");
    }
    let faults = Faults { disordered: 0, repeated: 0, ..scene.seen()?.faults.clone() };
    assert_eq!(faults, Faults::default(), "{}", scene.stage);
    Ok(())
}

/// On a long road an answer takes its time. Who asks again before it can be there makes the publisher send twice, on a road that
/// is bad already: a packet is asked for once a round trip, and all the same none stays lost.
#[test]
fn lost_packets_are_asked_for_once_a_round_trip() -> TestResult {
    const EACH_WAY: Duration = Duration::from_millis(60);
    let Some(network) = network()? else { return Ok(()) };
    let mut scene = Scene::start_over(network, EACH_WAY)?;
    // The round trip is known from the first connectivity check.
    for (leg, case) in [(Leg::Publisher, "publisher's leg"), (Leg::Server, "all roads")] {
        let (up_before, _) = scene.network.router.counted(leg)?;
        let (count, left) = endure(&mut scene, leg, 50)?;
        let lost_up = scene.network.router.counted(leg)?.0.lost - up_before.lost;
        say(&format!(
            "loss 5 % on {case} of {EACH_WAY:?} each way, clients: published={} lost_upwards={lost_up} \
             resent_by_publisher={} resent_by_server={} key_frame_requests={} left={left}",
            count.published, count.resent_by_publisher, count.again, count.key_frame_requests,
        ));
        scene.assert_lives()?;
        assert!(count.resent_by_publisher > 0, "{count:?}");
        assert!(left * 1000 <= count.published * LEFT_PER_MILLE_MAX, "{left} stayed lost of {count:?}");
        if leg == Leg::Publisher {
            // One answer each, one more where the answer was lost too, and some where the machine was late.
            assert!(count.resent_by_publisher * 2 <= lost_up * 3 + 20, "{lost_up} lost, {count:?}");
        }
    }
    Ok(())
}

/// Two seconds without a packet either way: nobody joins again, the stream goes on, and the publisher is asked for a key frame
/// or two, not for hundreds of packets.
#[test]
fn an_outage_of_two_seconds_is_survived_without_joining_again() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let mut scene = Scene::start(network)?;
    let before = Count::of(&scene)?;
    scene.network.router.lose(Leg::Server, 1000)?;
    scene.stage.run_for(Duration::from_secs(2))?;
    let silent = Count::of(&scene)?;
    scene.network.router.lose(Leg::Server, 0)?;
    scene.run_until_more(300)?;
    let count = Count::of(&scene)?.since(&before);
    say(&format!(
        "outage of 2 s, clients: arrived_meanwhile={} resent_by_publisher={} resent_by_server={} key_frame_requests={}",
        silent.arrived - before.arrived,
        count.resent_by_publisher,
        count.again,
        count.key_frame_requests,
    ));
    scene.assert_lives()?;
    assert!((1..=4).contains(&count.key_frame_requests), "{count:?}");
    assert_eq!(scene.seen()?.faults.strange, 0);
    Ok(())
}

/// A NAT that forgets its clients gives both other ports. The sessions go on: media follows to where the peer speaks from.
#[test]
fn sessions_follow_their_peers_to_other_ports() -> TestResult {
    let Some(network) = network()? else { return Ok(()) };
    let mut scene = Scene::start(network)?;
    for round in 1..=2 {
        let before = scene.seen()?.packets;
        scene.network.router.rebind()?;
        // What was on its way may still arrive; then the old ports are dead.
        scene.stage.run_for(Duration::from_millis(100))?;
        let start = Instant::now();
        let there = scene.seen()?.packets;
        scene.stage.run_until("media arrives at the new port", SOON, |stage| {
            stage.viewers[0].tracks().any(|seen| seen.packets > there)
        })?;
        say(&format!("rebinding {round}, clients: media again after {:.1} s", start.elapsed().as_secs_f64()));
        scene.run_until_more(300)?;
        assert!(scene.seen()?.packets > before);
        scene.assert_lives()?;
    }
    Ok(())
}
