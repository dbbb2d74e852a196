//! Rubbish on the media ports, from strangers and from peers: it is counted by name, and the honest stream loses nothing.

use std::thread;
use std::time::Duration;

use fanlight_tests::client::{Content, Faults};
use fanlight_tests::hostile::{Kind, flood};
use fanlight_tests::metrics::Metrics;
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};

use crate::scene::{Scene, silent_publisher, silent_viewer};

/// Datagrams of a flood, all ports together.
const DATAGRAMS: usize = 20_000;
/// Datagrams from a peer's own address.
const INJECTED: u64 = 3_000;

fn publishing() -> TestResult<Scene> {
    let mut scene = Scene::start_alone(&Settings { shards: 2, ..Settings::default() })?;
    scene.publish("stage", silent_publisher())?;
    for _ in 0..2 {
        scene.watch("stage", silent_viewer())?;
    }
    scene.run_until_packets(30)?;
    Ok(scene)
}

/// Every datagram that a shard took is accepted or rejected under one name.
fn assert_books_balance(metrics: &Metrics) {
    let accepted = metrics.by("fanlight_shard_datagrams_accepted_total", "shard");
    let rejected = metrics.by("fanlight_shard_rejects_total", "shard");
    for (shard, received) in metrics.by("fanlight_shard_datagrams_in_total", "shard") {
        assert!(received > 0.0, "shard {shard} received nothing");
        assert_eq!(received, accepted[&shard] + rejected[&shard], "shard {shard}");
    }
}

/// The stream goes on for everyone, without a fault.
fn assert_unharmed(scene: &mut Scene) -> TestResult {
    scene.run_until_complete()?;
    for viewer in &scene.stage.viewers {
        assert!(viewer.is_live());
        let seen = viewer.seen(Content::Vp8).ok_or_else(|| Failure::new("no video was promised"))?;
        // The kernel may drop a packet of ours in the flood; then it was sent again, out of its turn.
        assert_eq!(Faults { disordered: 0, repeated: 0, ..seen.faults.clone() }, Faults::default());
    }
    Ok(())
}

/// Anyone can send anything to an open UDP port.
#[test]
fn a_flood_of_rubbish_is_counted_by_name_and_harms_nobody() -> TestResult {
    let mut scene = publishing()?;
    let metrics = scene.fresh_metrics()?;
    let before = metrics.by("fanlight_shard_rejects_total", "reason");
    let ports: Vec<u16> = metrics
        .by("fanlight_shard_info", "port")
        .keys()
        .map(|port| port.parse())
        .collect::<Result<_, _>>()?;
    assert_eq!(ports.len(), 2);
    let floods: Vec<_> = (0..)
        .zip(&ports)
        .map(|(seed, port)| {
            let port = *port;
            thread::spawn(move || flood(port, DATAGRAMS / 2, seed * 1_000_000))
        })
        .collect();
    scene.stage.run_until("the flood is over", Duration::from_secs(60), |_| {
        floods.iter().all(|flood| flood.is_finished())
    })?;
    for flood in floods {
        flood.join().map_err(|_| Failure::new("the flood panicked"))??;
    }
    assert_unharmed(&mut scene)?;
    let metrics = scene.fresh_metrics()?;
    assert_books_balance(&metrics);
    let rejects = metrics.by("fanlight_shard_rejects_total", "reason");
    let more = |reason: &str| rejects.get(reason).unwrap_or(&0.0) - before.get(reason).unwrap_or(&0.0);
    for reason in ["unknown_username", "malformed_stun", "unknown_address", "unclassified"] {
        assert!(more(reason) > 500.0, "{reason}: {} of {DATAGRAMS}; {rejects:?}", more(reason));
    }
    Ok(())
}

/// A peer's address is easily learned and forged: what comes from it without its keys must neither end its session nor
/// move its stream (Asterisk CVE-2023-49786, FreeSWITCH CVE-2021-41105 were of this kind).
#[test]
fn rubbish_from_a_peers_own_address_does_not_end_its_session() -> TestResult {
    let mut scene = publishing()?;
    for seed in 0..INJECTED {
        for kind in Kind::ALL {
            let datagram = kind.datagram(seed);
            scene.stage.publishers[0].inject(&datagram)?;
            scene.stage.viewers[0].inject(&datagram)?;
        }
        if seed % 10 == 0 {
            scene.stage.run_for(Duration::from_millis(5))?;
        }
    }
    assert_unharmed(&mut scene)?;
    assert!(scene.stage.publishers[0].is_live());
    let metrics = scene.fresh_metrics()?;
    assert_books_balance(&metrics);
    let forged = metrics.sum("fanlight_shard_rejects_total", &[("reason", "not_authentic")]);
    assert!(forged > 500.0, "{:?}", metrics.by("fanlight_shard_rejects_total", "reason"));
    Ok(())
}
