use std::time::Duration;

use super::*;

fn stream(app: &str, name: &str) -> StreamPath {
    StreamPath { app: app.into(), name: name.into() }
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

const WATCHES_1: SessionRole = SessionRole::Viewer { publisher: SessionId(1) };

fn stats(session: u128, bytes_in: u64, bytes_out: u64) -> SessionStats {
    SessionStats {
        session: SessionId(session),
        packets_in: bytes_in / 100,
        bytes_in,
        packets_out: bytes_out / 100,
        bytes_out,
        rtt_us: None,
        fraction_lost: None,
        estimate_bps: None,
        tracks: vec![],
    }
}

fn report(sessions: Vec<SessionStats>) -> StatsReport {
    StatsReport { uptime_ms: 1, shards: vec![], tcp: None, sessions }
}

fn gauge(now: u32, most: u32, total: u64) -> Gauge {
    Gauge { now, most, total }
}

/// A publisher (1) and two viewers (2, 3) in a room of `live`.
fn busy() -> Tallies {
    let mut tallies = Tallies::new(at(1));
    let camera = stream("live/room", "camera");
    tallies.opens(SessionId(1), &camera, SessionRole::Publisher, at(5));
    tallies.opens(SessionId(2), &camera, WATCHES_1, at(6));
    tallies.opens(SessionId(3), &camera, WATCHES_1, at(7));
    tallies
}

/// A room is part of its app: whoever asks for the app wants to know of all that is in it.
#[test]
fn a_session_counts_in_its_stream_and_in_every_scope_around_it() {
    let mut tallies = busy();
    tallies.opens(SessionId(4), &stream("live", "other"), SessionRole::Publisher, at(8));
    tallies.closes(SessionId(2));
    let app = *tallies.scope("live").unwrap();
    assert_eq!(app.created, at(5), "when the first came");
    assert_eq!((app.sessions, app.publishers, app.viewers), (gauge(3, 4, 4), gauge(2, 2, 2), gauge(1, 2, 2)));
    assert_eq!(app.scopes, gauge(1, 1, 1), "one room below it");
    let room = *tallies.scope("live/room").unwrap();
    assert_eq!(
        (room.sessions, room.publishers, room.viewers),
        (gauge(2, 3, 3), gauge(1, 1, 1), gauge(1, 2, 2))
    );
    assert_eq!(tallies.stream(&stream("live/room", "camera")).unwrap().viewers, gauge(1, 2, 2));
    assert_eq!((tallies.server().sessions, tallies.server().scopes), (gauge(3, 4, 4), gauge(1, 1, 1)));
    assert_eq!(tallies.server().created, at(1));
    assert_eq!(tallies.apps().collect::<Vec<_>>(), ["live"]);
    assert_eq!(tallies.scope("live/roo"), None);
}

/// The dataplane's counters only grow while it lives; what is added must be the growth, however often it is told.
#[test]
fn traffic_is_the_growth_of_the_sessions_counters_and_nothing_twice() {
    let mut tallies = busy();
    let first = report(vec![stats(1, 10_000, 100), stats(2, 0, 8_000), stats(3, 0, 9_000)]);
    tallies.record(&first);
    // The connection is lost, found again, and the same is told once more.
    tallies.record(&first);
    tallies.record(&report(vec![stats(1, 12_000, 100), stats(2, 0, 9_000)]));
    let flow = Flow { bytes_in: 12_000, bytes_out: 18_100, packets_in: 120, packets_out: 181 };
    for counted in [tallies.server().flow, tallies.scope("live").unwrap().flow] {
        assert_eq!(counted, flow);
    }
    assert_eq!(tallies.stream(&stream("live/room", "camera")).unwrap().flow, flow);
}

/// A snapshot tells of sessions that are known, and an end may be told twice or of somebody unknown.
#[test]
fn what_is_told_again_is_not_counted_again() {
    let mut tallies = busy();
    tallies.opens(SessionId(2), &stream("live/room", "camera"), WATCHES_1, at(9));
    assert_eq!(tallies.server().sessions, gauge(3, 3, 3));
    for _ in 0..2 {
        tallies.closes(SessionId(3));
    }
    tallies.closes(SessionId(99));
    assert_eq!(tallies.server().sessions, gauge(2, 3, 3));
    tallies.record(&report(vec![stats(3, 0, 1_000), stats(99, 5, 5)]));
    assert_eq!(tallies.server().flow, Flow::default(), "of those who are gone nothing is added");
}

/// Totals are what an app has seen, so they outlast its sessions; a stream's are those of this publication.
#[test]
fn an_empty_scope_is_remembered_and_an_ended_stream_is_not() {
    let mut tallies = busy();
    let camera = stream("live/room", "camera");
    tallies.record(&report(vec![stats(1, 1_000, 0)]));
    for session in [3, 2, 1] {
        tallies.closes(SessionId(session));
    }
    assert_eq!(tallies.stream(&camera), None);
    let room = *tallies.scope("live/room").unwrap();
    assert_eq!((room.sessions, room.flow.bytes_in), (gauge(0, 3, 3), 1_000));
    assert_eq!(tallies.scope("live").unwrap().scopes, gauge(0, 1, 1));
    tallies.opens(SessionId(9), &camera, SessionRole::Publisher, at(60));
    assert_eq!(tallies.scope("live/room").unwrap().sessions, gauge(1, 3, 4));
    assert_eq!(tallies.scope("live/room").unwrap().created, at(5));
    assert_eq!(tallies.scope("live").unwrap().scopes, gauge(1, 1, 2));
    assert_eq!(tallies.stream(&camera).unwrap().created, at(60));
}

/// Publishers name rooms: a new one a second must not fill the memory, nor push out those that are in use.
#[test]
fn of_empty_scopes_the_oldest_are_forgotten_beyond_a_limit() {
    let mut tallies = busy();
    for number in 0..EMPTY_SCOPES_MAX as u128 + 10 {
        let passing = stream(&format!("app{number}"), "a");
        tallies.opens(SessionId(1_000 + number), &passing, SessionRole::Publisher, at(9));
        tallies.closes(SessionId(1_000 + number));
    }
    assert_eq!(tallies.scope("app9"), None);
    assert_eq!(tallies.scope("app10").unwrap().sessions, gauge(0, 1, 1));
    assert_eq!(tallies.scope("live/room").unwrap().sessions.now, 3, "never one in use");
    assert_eq!(tallies.apps().count(), EMPTY_SCOPES_MAX + 1);
    // One that is used again leaves the line, and stands at its end the next time.
    tallies.opens(SessionId(7), &stream("app10", "a"), SessionRole::Publisher, at(10));
    tallies.closes(SessionId(7));
    tallies.opens(SessionId(8), &stream("new", "a"), SessionRole::Publisher, at(11));
    tallies.closes(SessionId(8));
    assert_eq!(tallies.scope("app11"), None);
    assert_eq!(tallies.scope("app10").unwrap().sessions, gauge(0, 1, 2));
}
