//! Either process dies and comes back: what was agreed holds, and what cannot be is said.

use std::time::Duration;

use fanlight_protocol::{
    CloseReason, SessionId, SessionInfo, SessionRole, SessionState, StreamPath, ToDataplane,
};

use crate::support::{Dataplane, Stage, until};

/// While the media process is away nothing can be opened; clients are told when to come back.
#[tokio::test]
async fn without_a_dataplane_offers_get_503_and_listings_go_on() {
    let mut stage = Stage::new().await;
    stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    for path in ["/live/whip/endpoint/a", "/live/whip/endpoint/b"] {
        let reply = stage.post(path, crate::support::OFFER).await;
        assert_eq!((reply.status, reply.reason().as_str()), (503, "dataplane_away"));
        assert_eq!(reply.header("retry-after"), Some("2"));
    }
    assert_eq!(stage.get("/streams").await.status, 200);
    assert_eq!(stage.metric("fanlight_dataplane_connected").await, Some(0.0));
    assert_eq!(
        stage.metric("fanlight_sessions{role=\"publisher\"}").await,
        Some(0.0),
        "names are free again"
    );
}

/// Another boot: its sessions are gone, so names are free and resources tell that they were.
#[tokio::test]
async fn a_new_dataplane_has_none_of_the_old_sessions() {
    let mut stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.restart_dataplane(2).await;
    assert_eq!(stage.state(publisher.location()).await.reason(), "unseen");
    assert_eq!(stage.state(viewer.location()).await.reason(), "unseen");
    assert_eq!(stage.publish("camera").await.status, 201);
}

/// The same boot after a lost connection: sessions live on, and control knows them still.
#[tokio::test]
async fn a_lost_connection_ends_no_session() {
    let mut stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    stage.restart_dataplane(1).await;
    assert_eq!(stage.state(publisher.location()).await.json()["state"], "connected");
    assert_eq!(stage.publish("camera").await.status, 409);
    assert_eq!(stage.get("/streams").await.json()[0]["viewers"], 1);
    assert_eq!(stage.delete(viewer.location()).await.status, 200);
    until("the close", || async { stage.dataplane.sessions().len() == 1 }).await;
}

/// What ended while the connection was lost is gone; what was deleted meanwhile is closed, not adopted.
#[tokio::test]
async fn a_lost_connection_is_made_up_for() {
    let mut stage = Stage::new().await;
    let (a, b, c) = (stage.publish("a").await, stage.publish("b").await, stage.publish("c").await);
    let mut sessions = stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    assert_eq!(
        stage.delete(a.location()).await.status,
        200,
        "a session may be ended while nobody can be told"
    );
    let id_of_b = b.location().rsplit('/').next().unwrap().parse().unwrap();
    sessions.remove(&id_of_b);
    stage.dataplane = Dataplane::start(&stage.config.control.socket, 1);
    stage.dataplane.put_back(sessions);
    stage.until_healthy(200).await;
    until("the close", || async { stage.dataplane.sessions().len() == 1 }).await;
    assert_eq!(stage.state(a.location()).await.reason(), "deleted");
    assert_eq!(stage.state(b.location()).await.reason(), "unseen");
    assert_eq!(stage.state(c.location()).await.status, 200);
    assert_eq!(stage.publish("a").await.status, 201);
    assert_eq!(stage.publish("b").await.status, 201);
    assert_eq!(stage.publish("c").await.status, 409);
}

/// Control is killed under load: the next one adopts every session, with its resource URL, viewers and name.
#[tokio::test]
async fn a_new_control_adopts_what_is() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    let heard = stage.dataplane.heard().len();
    let stage = stage.restart_control().await;
    assert_eq!(stage.state(publisher.location()).await.json()["state"], "connected");
    assert_eq!(stage.get("/live/streams").await.json()[0]["viewers"], 1);
    assert_eq!(stage.publish("camera").await.status, 409);
    let epochs: Vec<u64> = stage
        .dataplane
        .heard()
        .iter()
        .filter_map(
            |message| if let ToDataplane::Hello { epoch, .. } = message { Some(*epoch) } else { None },
        )
        .collect();
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "a later control has a higher epoch: {epochs:?}"
    );
    let closes = stage.dataplane.heard().split_off(heard).into_iter();
    let closes = closes.filter(|message| matches!(message, ToDataplane::Close { .. })).count();
    assert_eq!(closes, 0, "nothing is closed by an adoption");
    let fragment = ("Content-Type", "application/trickle-ice-sdpfrag");
    let tag = publisher.header("etag").unwrap();
    let headers = [fragment, ("If-Match", tag)];
    let patch =
        crate::support::request(stage.address(), "PATCH", publisher.location(), &headers, "a=mid:0").await;
    assert_eq!(patch.status, 204, "the entity tag outlives control");
    assert_eq!(stage.delete(viewer.location()).await.status, 200);
}

/// Two publishers of one name cannot be: the one that is connected stays.
#[tokio::test]
async fn a_snapshot_with_two_publishers_of_a_name_loses_one() {
    let mut stage = Stage::new().await;
    stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    stage.dataplane = Dataplane::start(&stage.config.control.socket, 2);
    let info = |number: u128, state| SessionInfo {
        session: SessionId(number),
        stream: StreamPath { app: "live".into(), name: "camera".into() },
        role: SessionRole::Publisher,
        state,
        ice_tag: "tag".into(),
        tracks: vec![],
        wish: Default::default(),
        replaces: None,
        terms: Default::default(),
        muted: Default::default(),
        age_ms: 5_000,
    };
    let sessions = [info(1, SessionState::Connecting), info(2, SessionState::Connected)];
    stage.dataplane.put_back(sessions.into_iter().map(|info| (info.session, info)).collect());
    stage.until_healthy(200).await;
    until("the close", || async { stage.dataplane.sessions().keys().eq([&SessionId(2)]) }).await;
    let close = ToDataplane::Close { session: SessionId(1), reason: CloseReason::Kicked };
    assert!(stage.dataplane.heard().contains(&close));
}

/// An offer in flight when the connection is lost: its client gets an error, so its session must not live on.
#[tokio::test]
async fn an_offer_in_flight_when_the_connection_is_lost_comes_to_nothing() {
    let mut stage = Stage::new().await;
    stage.dataplane.hold();
    let address = stage.address();
    let offer = tokio::spawn(async move {
        let sdp = [crate::support::SDP];
        crate::support::request(address, "POST", "/live/whip/endpoint/camera", &sdp, crate::support::OFFER)
            .await
    });
    until("the offer", || async { stage.dataplane.held() == 1 }).await;
    let heard = stage.dataplane.heard();
    let Some(ToDataplane::Publish { session, stream, .. }) = heard.last().cloned() else {
        panic!("{heard:?}")
    };
    stage.dataplane.stop().await;
    let reply = offer.await.unwrap();
    assert_eq!((reply.status, reply.reason().as_str()), (503, "dataplane_away"));
    // It had opened the session, and could not say so.
    stage.dataplane = Dataplane::start(&stage.config.control.socket, 1);
    let state = SessionState::Connecting;
    let (role, ice_tag, tracks) = (SessionRole::Publisher, "tag".to_owned(), vec![]);
    let info = SessionInfo {
        session,
        stream,
        role,
        state,
        ice_tag,
        tracks,
        wish: Default::default(),
        replaces: None,
        terms: Default::default(),
        muted: Default::default(),
        age_ms: 1,
    };
    stage.dataplane.put_back([(session, info)].into());
    stage.until_healthy(200).await;
    until("the close", || async { stage.dataplane.sessions().is_empty() }).await;
    assert_eq!(stage.publish("camera").await.status, 201);
}

/// Whatever is on the socket, control stays up and connects again.
#[tokio::test]
async fn rubbish_on_the_socket_only_costs_the_connection() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    for rubbish in [vec![0xff; 4], vec![4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], vec![0, 0, 0, 0]] {
        let hellos = || {
            let heard = stage.dataplane.heard();
            heard.iter().filter(|message| matches!(message, ToDataplane::Hello { .. })).count()
        };
        let before = hellos();
        stage.dataplane.say_bytes(rubbish);
        until("a new hello", || async { hellos() > before }).await;
        stage.until_healthy(200).await;
        assert_eq!(stage.state(publisher.location()).await.status, 200);
    }
}

/// Half an upgrade: a process of another version is not talked to, and health says so.
#[tokio::test]
async fn a_dataplane_of_another_version_is_not_used() {
    let mut stage = Stage::new().await;
    stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    stage.dataplane = Dataplane::start_speaking(&stage.config.control.socket, 1, 999);
    until("a hello", || async { !stage.dataplane.heard().is_empty() }).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(stage.publish("camera").await.status, 503);
    assert!(stage.dataplane.heard().iter().all(|message| matches!(message, ToDataplane::Hello { .. })));
}
