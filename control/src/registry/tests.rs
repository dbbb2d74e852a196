use fanlight_protocol::{Codec, MutedKinds, Terms, TrackKind};
use proptest::prelude::*;

use super::reconcile::Reconciled;
use super::*;
use crate::auth::Action;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn stream(name: &str) -> StreamPath {
    StreamPath { app: "live".into(), name: name.into() }
}

fn admission(stream: &StreamPath) -> Arc<Admission> {
    Arc::new(Admission::unknown(stream.clone(), Action::Play))
}

fn rules(may_replace: bool) -> Rules {
    Rules { may_replace, ..Rules::default() }
}

fn id(number: u32) -> SessionId {
    SessionId(u128::from(number))
}

fn vp8() -> Vec<TrackInfo> {
    vec![TrackInfo {
        kind: TrackKind::Video,
        codec: Codec::Vp8,
        mid: "0".into(),
        layers: vec![],
        scalable: false,
    }]
}

fn registry() -> Registry {
    let limits = Limits { sessions_max: 6, streams_max: 3, viewers_per_stream_max: 2, ..Limits::default() };
    Registry::new(limits, NOW)
}

/// A registry with one connected publisher of `live/a`.
fn with_publisher(session: SessionId) -> Registry {
    let mut registry = registry();
    registry.reserve_publisher(session, admission(&stream("a")), &rules(false), NOW).unwrap();
    assert!(registry.accept(session, "tag".into(), vp8()));
    registry.connected(session);
    registry
}

impl Registry {
    /// What must hold after every step.
    fn assert_sound(&self) {
        let open = self.sessions.values().filter(|session| session.phase != Phase::Reserved).count();
        assert_eq!(self.tallies.server().sessions.now as usize, open, "whoever is open is counted");
        for (path, publisher) in &self.publishers {
            let session = self.sessions.get(publisher).expect("a name in use belongs to a session");
            assert_eq!((&session.stream, session.role), (path, SessionRole::Publisher));
        }
        for (id, session) in &self.sessions {
            match session.role {
                SessionRole::Publisher => assert!(
                    self.publishers.get(&session.stream) == Some(id)
                        || self.challengers.get(&session.stream) == Some(id)
                ),
                SessionRole::Viewer { .. } => assert_eq!(session.viewers, 0),
            }
            let watchers =
                self.sessions.values().filter(|s| s.role == (SessionRole::Viewer { publisher: *id }));
            assert_eq!(session.viewers as usize, watchers.count());
            assert!(!self.doomed.contains(id), "a session that is given up is not listed");
        }
        let mut census = Census::default();
        self.sessions.values().for_each(|session| census.joins(session));
        assert_eq!(self.census, census);
    }
}

/// Two encoders with one name must not take turns.
#[test]
fn a_name_is_in_use_from_its_reservation_to_its_end() {
    let mut registry = registry();
    registry.reserve_publisher(id(1), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert_eq!(
        registry.reserve_publisher(id(2), admission(&stream("a")), &rules(false), NOW),
        Err(Fault::NameInUse(stream("a")))
    );
    assert!(registry.accept(id(1), "tag".into(), vp8()));
    assert_eq!(
        registry.reserve_publisher(id(2), admission(&stream("a")), &rules(false), NOW),
        Err(Fault::NameInUse(stream("a")))
    );
    registry.doom(id(1));
    assert_eq!(registry.reserve_publisher(id(2), admission(&stream("a")), &rules(false), NOW), Ok(()));
    registry.assert_sound();
}

/// Without the publisher's tracks there is nothing to answer a viewer with.
#[test]
fn a_stream_can_be_watched_once_its_publisher_is_answered() {
    let mut registry = registry();
    assert_eq!(
        registry.reserve_viewer(id(9), admission(&stream("a")), &rules(false), NOW),
        Err(Fault::NotLive(stream("a")))
    );
    registry.reserve_publisher(id(1), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert_eq!(
        registry.reserve_viewer(id(9), admission(&stream("a")), &rules(false), NOW),
        Err(Fault::NotLive(stream("a")))
    );
    registry.accept(id(1), "tag".into(), vp8());
    assert_eq!(registry.reserve_viewer(id(9), admission(&stream("a")), &rules(false), NOW), Ok(id(1)));
    assert_eq!(registry.session(id(1)).unwrap().viewers, 1);
    assert_eq!(registry.live().count(), 0, "media cannot flow before ICE and DTLS are up");
    registry.connected(id(1));
    assert_eq!(registry.live().count(), 1);
}

/// Full is a named refusal, never growth.
#[test]
fn each_limit_refuses_by_its_own_name() {
    let limit = |result: Result<(), Fault>| match result {
        Err(Fault::Full { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    let mut registry = with_publisher(id(1));
    registry.reserve_viewer(id(2), admission(&stream("a")), &rules(false), NOW).unwrap();
    registry.reserve_viewer(id(3), admission(&stream("a")), &rules(false), NOW).unwrap();
    let viewer = registry.reserve_viewer(id(4), admission(&stream("a")), &rules(false), NOW).map(|_| ());
    assert_eq!(limit(viewer), "limits.viewers_per_stream_max");
    registry.reserve_publisher(id(5), admission(&stream("b")), &rules(false), NOW).unwrap();
    registry.reserve_publisher(id(6), admission(&stream("c")), &rules(false), NOW).unwrap();
    assert_eq!(
        limit(registry.reserve_publisher(id(7), admission(&stream("d")), &rules(false), NOW)),
        "limits.streams_max"
    );
    registry.accept(id(5), "tag".into(), vp8());
    registry.reserve_viewer(id(7), admission(&stream("b")), &rules(false), NOW).unwrap();
    assert_eq!(
        limit(registry.reserve_viewer(id(8), admission(&stream("b")), &rules(false), NOW).map(|_| ())),
        "limits.sessions_max"
    );
    registry.closed(id(2));
    assert_eq!(
        registry.reserve_viewer(id(8), admission(&stream("b")), &rules(false), NOW),
        Ok(id(5)),
        "a place is free at once"
    );
    registry.assert_sound();
}

/// The dataplane closes viewers after their publisher, one by one; meanwhile the name has a new owner.
#[test]
fn viewers_of_an_ended_publisher_are_not_counted_to_its_successor() {
    let mut registry = with_publisher(id(1));
    registry.reserve_viewer(id(2), admission(&stream("a")), &rules(false), NOW).unwrap();
    registry.closed(id(1));
    registry.reserve_publisher(id(3), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert_eq!(registry.session(id(3)).unwrap().viewers, 0);
    assert!(registry.closed(id(2)).is_some());
    registry.assert_sound();
}

/// A client may leave just as its answer comes: then the dataplane has a session that nobody will ever use.
#[test]
fn a_place_given_back_after_the_answer_calls_for_a_close() {
    let mut registry = registry();
    registry.reserve_publisher(id(1), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert!(!registry.release(id(1)));
    assert!(!registry.accept(id(1), "tag".into(), vp8()), "the answer comes too late");
    registry.reserve_publisher(id(2), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert!(registry.accept(id(2), "tag".into(), vp8()));
    assert!(registry.release(id(2)));
    assert_eq!(registry.doomed, HashSet::from([id(1), id(2)]));
    assert_eq!(registry.reserve_publisher(id(3), admission(&stream("a")), &rules(false), NOW), Ok(()));
    registry.assert_sound();
}

fn info(session: SessionId, name: &str, role: SessionRole, state: SessionState, age_ms: u64) -> SessionInfo {
    SessionInfo {
        session,
        stream: stream(name),
        role,
        state,
        ice_tag: "tag".into(),
        tracks: vp8(),
        wish: LayerWish::default(),
        replaces: None,
        terms: Terms::default(),
        muted: MutedKinds::default(),
        age_ms,
    }
}

/// Control was killed: all that is becomes its own, with ages and viewers.
#[test]
fn a_new_control_adopts_the_snapshot() {
    let mut registry = registry();
    let now = NOW + std::time::Duration::from_secs(60);
    let outcome = registry.reconcile(
        vec![
            info(id(2), "a", SessionRole::Viewer { publisher: id(1) }, SessionState::Connected, 1_000),
            info(id(1), "a", SessionRole::Publisher, SessionState::Connected, 9_000),
        ],
        now,
    );
    assert_eq!(outcome, Reconciled { close: vec![], adopted: 2, gone: vec![] });
    let publisher = registry.session(id(1)).unwrap();
    assert_eq!((publisher.viewers, publisher.phase), (1, Phase::Connected));
    assert_eq!(now.duration_since(publisher.since).unwrap().as_secs(), 9);
    assert_eq!(
        registry.reserve_publisher(id(3), admission(&stream("a")), &rules(false), now),
        Err(Fault::NameInUse(stream("a")))
    );
    registry.assert_sound();
}

/// What control gave up while nobody could hear it must not come back from the dead.
#[test]
fn the_snapshot_does_not_revive_what_was_given_up() {
    let mut registry = with_publisher(id(1));
    registry.doom(id(1));
    let snapshot = vec![info(id(1), "a", SessionRole::Publisher, SessionState::Connected, 10)];
    assert_eq!(registry.reconcile(snapshot.clone(), NOW).close, [id(1)]);
    // The connection is lost again before the close arrives.
    assert_eq!(registry.reconcile(snapshot, NOW).close, [id(1)]);
    assert_eq!(registry.closed(id(1)), None);
    assert!(registry.doomed.is_empty());
}

/// One name has one publisher; viewers without one are of no use.
#[test]
fn sessions_without_a_place_are_closed() {
    let mut registry = registry();
    let outcome = registry.reconcile(
        vec![
            info(id(1), "a", SessionRole::Publisher, SessionState::Connecting, 9_000),
            info(id(2), "a", SessionRole::Publisher, SessionState::Connected, 1_000),
            info(id(3), "a", SessionRole::Viewer { publisher: id(7) }, SessionState::Connected, 10),
            info(id(4), "a", SessionRole::Viewer { publisher: id(3) }, SessionState::Connected, 10),
        ],
        NOW,
    );
    let mut close = outcome.close;
    close.sort_unstable();
    assert_eq!(close, [id(1), id(3), id(4)]);
    assert_eq!(registry.publishers.get(&stream("a")), Some(&id(2)), "the connected one stays");
    registry.assert_sound();
}

/// One thing that happens to control and dataplane. Sessions and names are few, so that they collide.
#[derive(Debug, Clone)]
enum Step {
    Publish(u8),
    Watch(u8),
    Accept(u32),
    Connect(u32),
    GiveUp(u32),
    EventClosed(u32),
    LineLost,
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0u32..12;
    prop_oneof![
        3 => (0u8..3).prop_map(Step::Publish),
        3 => (0u8..3).prop_map(Step::Watch),
        4 => session.clone().prop_map(Step::Accept),
        3 => session.clone().prop_map(Step::Connect),
        2 => session.clone().prop_map(Step::GiveUp),
        2 => session.prop_map(Step::EventClosed),
        1 => Just(Step::LineLost),
    ]
}

/// A dataplane reduced to its set of sessions, with the rule that viewers end with their publisher.
#[derive(Default)]
struct Plain {
    sessions: HashMap<SessionId, SessionInfo>,
}

impl Plain {
    fn close(&mut self, session: SessionId, registry: &mut Registry) {
        if self.sessions.remove(&session).is_none() {
            return;
        }
        registry.closed(session);
        let watching = SessionRole::Viewer { publisher: session };
        let viewers: Vec<SessionId> =
            self.sessions.values().filter(|info| info.role == watching).map(|info| info.session).collect();
        for viewer in viewers {
            self.close(viewer, registry);
        }
    }

    fn reconcile(&mut self, registry: &mut Registry) {
        for session in registry.reconcile(self.sessions.values().cloned().collect(), NOW).close {
            self.close(session, registry);
        }
    }
}

fn apply(
    step: Step,
    registry: &mut Registry,
    plain: &mut Plain,
    fresh: &mut u32,
    opened: &mut Vec<SessionId>,
) {
    // Ids are never used twice; a step names one of those that were.
    let pick = |number: u32, opened: &[SessionId]| opened.get(number as usize % opened.len().max(1)).copied();
    match step {
        Step::Publish(name) | Step::Watch(name) => {
            *fresh += 1;
            let path = stream(&name.to_string());
            let reserved = match step {
                Step::Publish(..) => {
                    registry.reserve_publisher(id(*fresh), admission(&path), &rules(false), NOW)
                }
                _ => registry.reserve_viewer(id(*fresh), admission(&path), &rules(false), NOW).map(|_| ()),
            };
            if reserved.is_ok() {
                opened.push(id(*fresh));
            }
        }
        Step::Accept(number) => {
            let Some(session) = pick(number, opened) else { return };
            let Some(entry) =
                registry.session(session).filter(|entry| entry.phase == Phase::Reserved).cloned()
            else {
                return;
            };
            let opened = SessionInfo {
                stream: entry.stream,
                ..info(session, "", entry.role, SessionState::Connecting, 0)
            };
            plain.sessions.insert(session, opened);
            assert!(registry.accept(session, "tag".into(), vp8()));
        }
        Step::Connect(number) => {
            let Some(session) = pick(number, opened) else { return };
            if let Some(there) = plain.sessions.get_mut(&session) {
                there.state = SessionState::Connected;
                registry.connected(session);
            }
        }
        Step::GiveUp(number) => {
            // The dataplane hears of it only by a later reconciliation: the worst case.
            let Some(session) = pick(number, opened) else { return };
            if registry.session(session).is_some() {
                registry.doom(session);
            }
        }
        Step::EventClosed(number) => {
            if let Some(session) = pick(number, opened) {
                plain.close(session, registry);
            }
        }
        Step::LineLost => plain.reconcile(registry),
    }
}

proptest! {
    /// Whatever the order of requests, events and lost connections: the registry stays sound, and one reconciliation makes
    /// control and dataplane agree.
    #[test]
    fn any_history_stays_sound_and_converges(steps in prop::collection::vec(step(), 0..120)) {
        let mut registry = registry();
        let mut plain = Plain::default();
        let (mut fresh, mut opened) = (0, Vec::new());
        for step in steps {
            apply(step, &mut registry, &mut plain, &mut fresh, &mut opened);
            registry.assert_sound();
        }
        plain.reconcile(&mut registry);
        registry.assert_sound();
        prop_assert!(registry.doomed.is_empty());
        let mut ours: Vec<SessionId> = registry.sessions.keys().copied().collect();
        let mut theirs: Vec<SessionId> = plain.sessions.keys().copied().collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        prop_assert_eq!(ours, theirs);
    }
}

/// A newer publisher must not cost the older one's viewers anything before it can serve them.
#[test]
fn a_challenger_takes_the_name_and_the_viewers_when_the_dataplane_says_so() {
    let mut registry = with_publisher(id(1));
    registry.reserve_viewer(id(8), admission(&stream("a")), &rules(false), NOW).unwrap();
    registry.reserve_viewer(id(9), admission(&stream("a")), &rules(false), NOW).unwrap();
    assert_eq!(registry.reserve_publisher(id(2), admission(&stream("a")), &rules(true), NOW), Ok(()));
    registry.assert_sound();
    assert_eq!((registry.replaced_by(id(2)), registry.replaced_by(id(1))), (Some(id(1)), None));
    assert!(registry.accept(id(2), "tag".into(), vp8()));
    registry.connected(id(2));
    assert_eq!(registry.live().map(|(publisher, _)| publisher).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(registry.counts(), (2, 2));

    let former = registry.replaced(id(2), id(1), &[id(8)]);
    assert_eq!(former.map(|former| former.stream), Some(stream("a")));
    assert_eq!(registry.live().map(|(publisher, _)| publisher).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(registry.session(id(2)).unwrap().viewers, 1);
    assert_eq!(registry.session(id(8)).unwrap().role, SessionRole::Viewer { publisher: id(2) });
    assert!(registry.closed(id(1)).is_none(), "its name is not its own any more");
    assert!(registry.closed(id(9)).is_some(), "one that could not be carried over ends by its own event");
    registry.assert_sound();
    assert_eq!(
        registry.reserve_publisher(id(3), admission(&stream("a")), &rules(false), NOW),
        Err(Fault::NameInUse(stream("a")))
    );
}

/// An encoder that is restarted again and again must not be locked out by its own half-open tries; and whoever is left when the
/// others are gone has the name.
#[test]
fn the_newest_challenger_counts_and_inherits_the_name() {
    let mut registry = with_publisher(id(1));
    registry.reserve_publisher(id(2), admission(&stream("a")), &rules(true), NOW).unwrap();
    assert_eq!(
        registry.reserve_publisher(id(3), admission(&stream("a")), &rules(true), NOW),
        Err(Fault::NameInUse(stream("a")))
    );
    assert_eq!(registry.challenger(&stream("a")), Some(id(2)));
    registry.doom(id(2));
    assert_eq!(registry.challenger(&stream("a")), None);
    registry.reserve_publisher(id(3), admission(&stream("a")), &rules(true), NOW).unwrap();
    assert!(!registry.accept(id(2), "tag".into(), vp8()), "it was given up");
    assert!(registry.accept(id(3), "tag".into(), vp8()));
    registry.closed(id(1));
    registry.connected(id(3));
    assert_eq!(registry.live().map(|(publisher, _)| publisher).collect::<Vec<_>>(), [id(3)]);
    registry.assert_sound();
    assert_eq!(registry.replaced(id(3), id(1), &[]), None);
    assert_eq!(registry.live().count(), 1, "it had the name already");
    registry.assert_sound();
}

/// A control that is started in the middle of a takeover, or after it, must come to the same as one that saw all of it.
#[test]
fn a_snapshot_tells_challengers_and_viewers_that_were_carried_over() {
    let publisher = |number, replaces| SessionInfo {
        replaces,
        ..info(id(number), "a", SessionRole::Publisher, SessionState::Connected, 10 - u64::from(number))
    };
    let viewer = |of| info(id(9), "a", SessionRole::Viewer { publisher: id(of) }, SessionState::Connected, 1);
    let mut registry = registry();
    let outcome = registry.reconcile(vec![publisher(2, Some(id(1))), publisher(1, None), viewer(1)], NOW);
    assert_eq!(outcome, Reconciled { close: vec![], adopted: 3, gone: vec![] });
    assert_eq!(registry.replaced_by(id(2)), Some(id(1)));
    registry.assert_sound();
    let outcome = registry.reconcile(vec![publisher(2, None), viewer(2)], NOW);
    assert_eq!((outcome.close, outcome.adopted, outcome.gone.len()), (vec![], 0, 1));
    assert_eq!(registry.session(id(2)).unwrap().viewers, 1);
    registry.assert_sound();
}

/// A stream that is only just being answered has no tracks that another could take over.
#[test]
fn a_reserved_publisher_is_not_replaced() {
    let mut registry = registry();
    registry.reserve_publisher(id(1), admission(&stream("a")), &rules(true), NOW).unwrap();
    assert_eq!(
        registry.reserve_publisher(id(2), admission(&stream("a")), &rules(true), NOW),
        Err(Fault::NameInUse(stream("a")))
    );
}
