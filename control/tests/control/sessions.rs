//! Opening, changing and ending sessions: WHIP (RFC 9725) and WHEP as clients use them.

use std::time::Duration;

use fanlight_protocol::{CloseReason, SessionId, ToDataplane};

use crate::support::{FRAGMENT, OFFER, Reply, SDP, Stage, request, session_of, until};

const CANDIDATES: &str =
    "a=ice-ufrag:abcd\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates";

/// Each of these headers is one that some client cannot do without.
#[tokio::test]
async fn an_offer_is_answered_with_all_that_rfc_9725_asks_for() {
    let stage = Stage::with(|config| {
        let server = fanlight::config::IceServer {
            urls: vec!["turn:t.example:3478?transport=udp".into()],
            username: "u".into(),
            credential: "c".into(),
        };
        config.ice.servers = vec![server];
    })
    .await;
    for (protocol, role) in [("whip", "publisher"), ("whep", "viewer")] {
        let reply = stage.post(&format!("/live/{protocol}/endpoint/camera"), OFFER).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/sdp"));
        assert_eq!(reply.body, "v=0\r\na=setup:passive\r\n");
        let start = format!("/live/{protocol}/resource/camera/");
        let id = reply.location().strip_prefix(&start).unwrap_or_else(|| panic!("{reply:?}"));
        assert!(
            id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
            "128 bits, not to be guessed: {id}"
        );
        assert!(reply.header("etag").unwrap().starts_with("\"ufrag"));
        let patches = match protocol {
            "whip" => "application/trickle-ice-sdpfrag",
            _ => "application/sdp, application/trickle-ice-sdpfrag, application/json",
        };
        assert_eq!(reply.header("accept-patch"), Some(patches));
        let [turn, events] = reply.headers("link")[..] else { panic!("{reply:?}") };
        assert_eq!(
            turn,
            "<turn:t.example:3478?transport=udp>; rel=\"ice-server\"; username=\"u\"; credential=\"c\"; \
             credential-type=\"password\""
        );
        let rel = format!("rel=\"urn:ietf:params:{protocol}:ext:core:server-sent-events\"; events=\"");
        assert!(events.starts_with(&format!("<{}/events>; {rel}", reply.location())), "{events}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let series = format!("fanlight_joins_total{{role=\"{role}\"}}");
        assert_eq!(stage.metric(&series).await, Some(1.0));
    }
    let sessions = stage.dataplane.sessions();
    assert_eq!(sessions.len(), 2);
    assert!(sessions.values().all(|info| info.stream.to_string() == "live/camera"));
}

/// SDKs in the field write queries that no specification allows.
#[tokio::test]
async fn odd_queries_and_parameters_of_clients_are_tolerated() {
    let stage = Stage::new().await;
    for (at, query) in
        ["?requestId=a?signal=true", "?undefined", "?token=undefined&&=", "?a=%zz", "?", "?x=\u{7f}&y={}|^`"]
            .iter()
            .enumerate()
    {
        let path = format!("/live/whip/endpoint/s{at}{}", query.replace('\u{7f}', "%7f"));
        assert_eq!(stage.post(&path, OFFER).await.status, 201, "{path}");
    }
    for (at, kind) in
        ["application/sdp; charset=utf-8", "Application/SDP", " application/sdp ;x=y"].iter().enumerate()
    {
        let path = format!("/live/whip/endpoint/t{at}");
        let reply = request(stage.address(), "POST", &path, &[("Content-Type", kind)], OFFER).await;
        assert_eq!(reply.status, 201, "{kind}");
    }
}

/// Rooms and names of every script; the Location must lead back.
#[tokio::test]
async fn locations_of_unusual_names_lead_back_to_their_sessions() {
    let stage = Stage::new().await;
    for (path, stream) in [
        ("/live/room%201/whip/endpoint/K%C3%BCche", "live/room 1/Küche"),
        ("/live/a/b/whip/endpoint/100%25%3F", "live/a/b/100%?"),
        ("/a:b@c/whip/endpoint/x+y=z,w", "a:b@c/x+y=z,w"),
        ("/whip/endpoint/whip/endpoint/resource", "whip/endpoint/resource"),
    ] {
        let reply = stage.post(path, OFFER).await;
        let location = reply.location().to_owned();
        assert!(location.is_ascii());
        let session = session_of(&reply);
        assert_eq!(stage.dataplane.sessions()[&session].stream.to_string(), stream);
        assert_eq!(stage.delete(&location).await.status, 200, "{location}");
        until("the close", || async { !stage.dataplane.sessions().contains_key(&session) }).await;
    }
}

/// 404 and 409 on POST mean "the name" to SDKs; anything else means "the connection".
#[tokio::test]
async fn conflicts_and_refusals_have_the_statuses_that_clients_know() {
    let stage = Stage::new().await;
    let not_live = stage.watch("camera").await;
    assert_eq!((not_live.status, not_live.reason().as_str()), (409, "not_live"));
    assert_eq!(stage.publish("camera").await.status, 201);
    let in_use = stage.publish("camera").await;
    assert_eq!((in_use.status, in_use.reason().as_str()), (409, "name_in_use"));
    for (wish, status, reason) in [
        ("refuse-sdp", 400, "bad_sdp"),
        ("refuse-codec", 406, "no_common_codec"),
        ("refuse-full", 503, "full"),
        ("refuse-internal", 500, "internal"),
    ] {
        let offer = format!("{OFFER}a=x-test:{wish}\r\n");
        for path in ["/live/whip/endpoint/other", "/live/whep/endpoint/camera"] {
            let reply = stage.post(path, &offer).await;
            assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{path}");
            assert_eq!(reply.header("retry-after").is_some(), status == 503, "{path}");
        }
    }
    let codec = stage.post("/live/whep/endpoint/camera", &format!("{OFFER}a=x-test:refuse-codec\r\n")).await;
    assert_eq!(codec.json()["detail"], "this stream is AV1, which the offer lacks");
    assert_eq!(stage.publish("other").await.status, 201, "a refused offer leaves the name free");
}

/// RFC 9725 §4.3.2, and SDKs that send no If-Match and leave the last line open.
#[tokio::test]
async fn candidates_are_taken_under_the_right_entity_tag() {
    let stage = Stage::new().await;
    let opened = stage.publish("camera").await;
    let (location, tag) = (opened.location(), opened.header("etag").unwrap());
    let patch = |headers: Vec<(&'static str, String)>, body: &'static str| {
        let address = stage.address();
        async move {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            request(address, "PATCH", location, &headers, body).await
        }
    };
    let fragment = || ("Content-Type", FRAGMENT.1.to_owned());
    for tags in [None, Some(tag.to_owned()), Some("*".to_owned()), Some(format!("\"old\", {tag}"))] {
        let headers = std::iter::once(fragment()).chain(tags.map(|tags| ("If-Match", tags))).collect();
        let reply = patch(headers, CANDIDATES).await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    }
    let stale = patch(vec![fragment(), ("If-Match", "\"old\"".to_owned())], CANDIDATES).await;
    assert_eq!((stale.status, stale.reason().as_str()), (412, "stale_entity_tag"));
    let weak = patch(vec![fragment(), ("If-Match", format!("W/{tag}"))], CANDIDATES).await;
    assert_eq!(weak.status, 412, "If-Match compares strongly");
    let sdp = patch(vec![("Content-Type", SDP.1.to_owned())], CANDIDATES).await;
    assert_eq!((sdp.status, sdp.reason().as_str()), (415, "wrong_content_type"));
    let empty = patch(vec![fragment()], "").await;
    assert_eq!((empty.status, empty.reason().as_str()), (400, "no_fragment"));
    let wrong = patch(vec![fragment()], "nonsense").await;
    assert_eq!((wrong.status, wrong.reason().as_str()), (400, "bad_sdp"));
    let restart = patch(vec![fragment(), ("If-Match", "*".to_owned())], "nonsense").await;
    assert_eq!((restart.status, restart.reason().as_str()), (400, "bad_sdp"));
    let taken = stage.dataplane.heard().into_iter().filter(
        |message| matches!(message, ToDataplane::Trickle { fragment, .. } if *fragment == format!("{CANDIDATES}\r\n")),
    );
    assert_eq!(taken.count(), 4, "lines arrive whole");
}

/// RFC 9725 §4.3.3: new credentials under `If-Match: *` are answered with ours and with a new entity tag, and the old one
/// names nothing any more. Without that header the client learns what to send.
#[tokio::test]
async fn new_credentials_under_any_tag_restart_ice_and_change_the_tag() {
    const RESTART: &str = "a=ice-ufrag:anew\r\na=ice-pwd:a-password-of-24-letters\r\n";
    for protocol in ["whip", "whep"] {
        let stage = Stage::new().await;
        let mut opened = stage.publish("camera").await;
        if protocol == "whep" {
            opened = stage.watch("camera").await;
        }
        let (location, tag) = (opened.location(), opened.header("etag").unwrap());
        for headers in [vec![FRAGMENT], vec![FRAGMENT, ("If-Match", tag)]] {
            let other = request(stage.address(), "PATCH", location, &headers, RESTART).await;
            assert_eq!((other.status, other.reason().as_str()), (428, "another_ice_session"));
            assert!(other.json()["detail"].as_str().unwrap().contains("If-Match: *"), "{other:?}");
        }
        let any = [FRAGMENT, ("If-Match", "*")];
        let restarted = request(stage.address(), "PATCH", location, &any, RESTART).await;
        assert_eq!(restarted.status, 200, "{restarted:?}");
        assert_eq!(restarted.header("content-type"), Some(FRAGMENT.1));
        let new_tag = restarted.header("etag").unwrap().to_owned();
        assert_ne!(new_tag, tag);
        let ufrag = format!("a=ice-ufrag:{}\r\n", new_tag.trim_matches('"'));
        assert!(restarted.body.starts_with(&ufrag), "{restarted:?}");
        for (tag, status) in [(tag, 412), (new_tag.as_str(), 204)] {
            let headers = [FRAGMENT, ("If-Match", tag)];
            assert_eq!(
                request(stage.address(), "PATCH", location, &headers, CANDIDATES).await.status,
                status
            );
        }
    }
}

/// WHEP with an offer of the server's: an empty POST brings it, a PATCH of the answer completes it, and a second answer is one
/// too many. An unfit answer may be mended.
#[tokio::test]
async fn a_viewer_that_asks_for_an_offer_gets_one_and_answers_it_once() {
    let stage = Stage::new().await;
    let not_live = stage.ask_for_offer("camera").await;
    assert_eq!((not_live.status, not_live.reason().as_str()), (409, "not_live"));
    stage.publish("camera").await;
    let empty_publish = request(stage.address(), "POST", "/live/whip/endpoint/other", &[], "").await;
    assert_eq!((empty_publish.status, empty_publish.reason().as_str()), (400, "no_sdp"));

    let offered = stage.ask_for_offer("camera").await;
    assert_eq!(offered.status, 201, "{offered:?}");
    assert_eq!(offered.header("content-type"), Some("application/sdp"));
    assert_eq!(offered.body, "v=0\r\na=setup:actpass\r\n");
    assert!(offered.location().starts_with("/live/whep/resource/camera/"));
    let tag = offered.header("etag").unwrap();
    let patches = "application/sdp, application/trickle-ice-sdpfrag, application/json";
    assert_eq!(offered.header("accept-patch"), Some(patches));

    let answer = async |headers: &[(&str, &str)], body| {
        let reply = request(stage.address(), "PATCH", offered.location(), headers, body).await;
        (reply.status, if reply.status < 300 { String::new() } else { reply.reason() })
    };
    let tagged = [SDP, ("If-Match", tag)];
    assert_eq!(answer(&tagged, "v=0\r\nrefuse\r\n").await, (400, "bad_sdp".to_owned()));
    assert_eq!(
        answer(&[SDP, ("If-Match", "\"old\"")], "v=0\r\n").await,
        (412, "stale_entity_tag".to_owned())
    );
    assert_eq!(answer(&tagged, "v=0\r\n").await, (204, String::new()));
    assert_eq!(answer(&[SDP], "v=0\r\n").await, (409, "no_offer_pending".to_owned()));
    let watched = stage.watch("camera").await;
    let to_own_offer = request(stage.address(), "PATCH", watched.location(), &[SDP], "v=0\r\n").await;
    assert_eq!((to_own_offer.status, to_own_offer.reason().as_str()), (409, "no_offer_pending"));
    assert_eq!(stage.delete(offered.location()).await.status, 200);
    assert_eq!(answer(&[SDP], "v=0\r\n").await, (404, "unknown_session".to_owned()));
    let viewers = stage.metric("fanlight_joins_total{role=\"viewer\"}").await;
    assert_eq!(viewers, Some(2.0));
}

/// `on_name_in_use = "replace"`: an encoder that comes again takes over once it is connected; until then the old one is the
/// stream, and its owner learns in the end why it is over.
#[tokio::test]
async fn a_second_publisher_takes_over_where_the_policy_lets_it() {
    let stage = Stage::with(|config| {
        config.apps.on_name_in_use = fanlight::config::OnNameInUse::Replace;
    })
    .await;
    let first = stage.publish("camera").await;
    let watching = [stage.watch("camera").await, stage.watch("camera").await];
    stage.dataplane.connect_all();
    let live = || async { stage.get("/streams").await.json() };
    until("the stream", || async { live().await[0]["viewers"] == 2 }).await;

    let given_up = stage.publish("camera").await;
    let second = stage.publish("camera").await;
    assert_eq!((given_up.status, second.status), (201, 201));
    assert_eq!(stage.state(given_up.location()).await.status, 410, "the newest counts");
    assert_eq!(stage.state(first.location()).await.status, 200);
    assert_eq!(live().await[0]["viewers"], 2, "the old one is the stream");
    let replaced = stage.dataplane.sessions()[&session_of(&second)].replaces;
    assert_eq!(replaced, Some(session_of(&first)));

    stage.dataplane.take_over(session_of(&second), &[session_of(&watching[1])]);
    until("the takeover", || async { stage.state(first.location()).await.status == 410 }).await;
    let state = stage.state(first.location()).await;
    assert_eq!(state.reason(), "replaced");
    assert_eq!(stage.delete(first.location()).await.status, 404);
    until("the end of who is left", || async { stage.state(watching[1].location()).await.status == 410 })
        .await;
    assert_eq!(stage.state(watching[0].location()).await.status, 200);
    assert_eq!((live().await.as_array().unwrap().len(), live().await[0]["viewers"].clone()), (1, 1.into()));
    let series = "fanlight_closes_total{reason=\"replaced\"}";
    until("the count", || async { stage.metric(series).await.is_some_and(|count| count >= 1.0) }).await;

    assert_eq!(stage.delete(second.location()).await.status, 200);
    assert_eq!(live().await, serde_json::json!([]));
    assert_eq!(stage.publish("camera").await.status, 201);
}

/// Control may be restarted in the middle of it: the newer publisher must not lose its claim.
#[tokio::test]
async fn a_takeover_survives_a_restart_of_control() {
    let stage = Stage::with(|config| {
        config.apps.on_name_in_use = fanlight::config::OnNameInUse::Replace;
    })
    .await;
    let first = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    let second = stage.publish("camera").await;
    let stage = stage.restart_control().await;
    for opened in [&first, &second, &viewer] {
        assert_eq!(stage.state(opened.location()).await.status, 200);
    }
    stage.dataplane.take_over(session_of(&second), &[]);
    until("the takeover", || async { stage.state(first.location()).await.status == 410 }).await;
    assert_eq!(stage.get("/streams").await.json()[0]["viewers"], 1);
}

/// The encoder's operator restarts it: DELETE, then POST of the same name at once.
#[tokio::test]
async fn a_deleted_session_frees_its_name_at_once() {
    let stage = Stage::new().await;
    for _ in 0..20 {
        let opened = stage.publish("camera").await;
        assert_eq!(stage.delete(opened.location()).await.status, 200);
        assert_eq!(stage.delete(opened.location()).await.status, 404);
    }
    until("the closes", || async { stage.dataplane.sessions().is_empty() }).await;
    assert_eq!(stage.metric("fanlight_closes_total{reason=\"deleted\"}").await, Some(20.0));
}

/// The resource URL is the owner's secret; what resembles it opens nothing.
#[tokio::test]
async fn a_resource_answers_to_its_own_path_alone() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    let id = session_of(&publisher);
    for path in [
        format!("/live/whip/resource/other/{id}"),
        format!("/other/whip/resource/camera/{id}"),
        format!("/live/whep/resource/camera/{id}"),
        format!("/live/whip/resource/camera/{}", SessionId(7)),
        format!("/live/whip/resource/camera/{}", id.to_string().to_uppercase()),
        "/live/whip/resource/camera/1".to_owned(),
    ] {
        for method in ["DELETE", "PATCH"] {
            let reply = request(stage.address(), method, &path, &[FRAGMENT], CANDIDATES).await;
            assert_eq!((reply.status, reply.reason().as_str()), (404, "unknown_session"), "{method} {path}");
        }
    }
    assert_eq!(stage.state(publisher.location()).await.status, 200);
    assert_eq!(stage.delete(viewer.location()).await.status, 200);
    assert_eq!(stage.state(publisher.location()).await.status, 200);
}

/// The SDK asks why it went silent: connecting, connected, or gone.
#[tokio::test]
async fn a_session_tells_of_itself_while_it_is_and_is_gone_after() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    assert_eq!(stage.state(viewer.location()).await.json()["state"], "connecting");
    stage.dataplane.connect_all();
    until("the connection", || async { stage.state(viewer.location()).await.json()["state"] == "connected" })
        .await;
    for method in ["GET", "HEAD", "POST", "PUT"] {
        let reply = request(stage.address(), method, viewer.location(), &[], "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("OPTIONS, PATCH, DELETE")), "{method}");
    }
    stage.dataplane.close(session_of(&publisher), CloseReason::PeerClosed);
    until("the viewer's end", || async { stage.state(viewer.location()).await.status == 410 }).await;
    assert_eq!(stage.metric("fanlight_closes_total{reason=\"peer_closed\"}").await, Some(1.0));
    assert_eq!(stage.metric("fanlight_closes_total{reason=\"stream_ended\"}").await, Some(1.0));
    assert_eq!(stage.publish("camera").await.status, 201, "the name is free");
}

/// A name counts as in use while its offer is still being answered.
#[tokio::test]
async fn of_two_offers_at_once_for_one_name_one_is_taken() {
    let stage = Stage::new().await;
    stage.dataplane.hold();
    let second = async {
        until("the first offer", || async { stage.dataplane.held() == 1 }).await;
        let second = stage.publish("camera").await;
        stage.dataplane.answer_held();
        second
    };
    let (first, second) = tokio::join!(stage.publish("camera"), second);
    assert_eq!((first.status, second.status), (201, 409));
}

/// A client that gives up must not leave a name in use or a session nobody will ever connect to.
#[tokio::test]
async fn a_client_that_leaves_before_its_answer_leaves_nothing_behind() {
    let stage = Stage::new().await;
    stage.dataplane.hold();
    tokio::select! {
        reply = stage.publish("camera") => panic!("answered: {reply:?}"),
        () = until("the offer", || async { stage.dataplane.held() == 1 }) => {}
    }
    until("the name", || async { stage.metric("fanlight_sessions{role=\"publisher\"}").await == Some(0.0) })
        .await;
    stage.dataplane.answer_held();
    until("the close", || async {
        stage.dataplane.sessions().is_empty()
            && stage.dataplane.heard().iter().any(|message| matches!(message, ToDataplane::Close { .. }))
    })
    .await;
    assert_eq!(stage.publish("camera").await.status, 201);
}

/// A media process that thinks too long: the client is told when to come back, and the late session is closed.
#[tokio::test]
async fn an_offer_that_is_not_answered_in_time_gets_503() {
    let stage = Stage::with(|config| config.limits.dataplane_timeout_s = 1).await;
    stage.dataplane.hold();
    let late = stage.publish("camera").await;
    assert_eq!((late.status, late.reason().as_str()), (503, "dataplane_slow"));
    assert_eq!(late.header("retry-after"), Some("2"));
    stage.dataplane.answer_held();
    until("the close", || async { stage.dataplane.sessions().is_empty() }).await;
    assert_eq!(stage.publish("camera").await.status, 201);
}

/// Full is a named refusal with a time to come back, for each limit.
#[tokio::test]
async fn each_limit_answers_503_with_its_name() {
    let stage = Stage::with(|config| {
        config.limits.streams_max = 2;
        config.limits.viewers_per_stream_max = 1;
        config.limits.requests_in_flight_max = 1;
        config.limits.retry_after_s = 9;
    })
    .await;
    assert_eq!(stage.publish("a").await.status, 201);
    assert_eq!(stage.watch("a").await.status, 201);
    let viewer = stage.watch("a").await;
    let full = |reply: &Reply, limit: &str| {
        assert_eq!((reply.status, reply.reason().as_str()), (503, "full"), "{reply:?}");
        assert_eq!(reply.header("retry-after"), Some("9"));
        assert!(reply.json()["detail"].as_str().unwrap().contains(limit), "{reply:?}");
    };
    full(&viewer, "limits.viewers_per_stream_max");
    stage.dataplane.hold();
    let pending = stage.publish("b");
    let others = async {
        until("the offer", || async { stage.dataplane.held() == 1 }).await;
        full(&stage.publish("c").await, "limits.streams_max");
        let patch =
            request(stage.address(), "PATCH", viewer_location(&stage).as_str(), &[FRAGMENT], CANDIDATES)
                .await;
        full(&patch, "limits.requests_in_flight_max");
        stage.dataplane.answer_held();
    };
    let (pending, ()) = tokio::join!(pending, others);
    assert_eq!(pending.status, 201);
    // The place in flight is given back.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let patch =
        request(stage.address(), "PATCH", viewer_location(&stage).as_str(), &[FRAGMENT], CANDIDATES).await;
    assert_eq!(patch.status, 204);
}

fn viewer_location(stage: &Stage) -> String {
    let viewer =
        stage.dataplane.sessions().into_values().find(|info| info.age_ms == 0 && info.stream.name == "a");
    let viewer = viewer.unwrap();
    let protocol = if viewer.role == fanlight_protocol::SessionRole::Publisher { "whip" } else { "whep" };
    format!("/live/{protocol}/resource/a/{}", viewer.session)
}
