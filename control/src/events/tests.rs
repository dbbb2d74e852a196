use fanlight_protocol::{LayerState, Notable};

use super::*;
use crate::config::Limits;

const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);

fn event(number: usize) -> Event {
    Event::new("constrained", &number)
}

fn note(at_ms: u64, what: Notable) -> Note {
    Note { at_ms, what }
}

fn drained(queue: &mut Queue) -> (usize, bool) {
    let mut count = 0;
    loop {
        match queue.try_recv() {
            Ok(_) => count += 1,
            Err(error) => return (count, error == mpsc::error::TryRecvError::Disconnected),
        }
    }
}

/// WHATWG HTML §9.2.6: a name, one line of data, and an empty line.
#[test]
fn an_event_is_a_name_and_one_line_of_json() {
    let event = Event::new("ended", &serde_json::json!({"text": "two\nlines"}));
    assert_eq!(event.bytes, "event: ended\ndata: {\"text\":\"two\\nlines\"}\n\n");
}

/// A reader that stalls must cost a bounded queue, and nobody else's events.
#[test]
fn whoever_does_not_read_is_cut_off_and_others_are_not() {
    let events = Events::default();
    let mut stalled = events.listen(A, None, &[], &Limits::default()).unwrap();
    let mut sound = events.listen(B, None, &[], &Limits::default()).unwrap();
    let mut heard = 0;
    for number in 0..2 * QUEUE_MAX {
        events.tell(|_| Some(event(number)));
        heard += drained(&mut sound).0;
    }
    assert_eq!(heard, 2 * QUEUE_MAX);
    assert_eq!(drained(&mut stalled), (QUEUE_MAX, true));
    assert_eq!(events.count(), 1);
}

/// Each stream holds a connection of the server: they have a limit, and one session cannot take them all.
#[test]
fn streams_are_limited_by_session_and_in_all() {
    let limits = Limits { event_streams_max: 6, retry_after_s: 9, ..Limits::default() };
    let events = Events::default();
    let mut own: Vec<Queue> = (0..6).map(|_| events.listen(A, None, &[], &limits).unwrap()).collect();
    let open: Vec<bool> = own.iter_mut().map(|queue| !drained(queue).1).collect();
    assert_eq!(open, [false, false, true, true, true, true], "the oldest make room");
    let _others =
        [events.listen(B, None, &[], &limits).unwrap(), events.listen(B, None, &[], &limits).unwrap()];
    let full = events.listen(B, None, &[], &limits).unwrap_err();
    assert_eq!(full, Fault::Full { limit: "limits.event_streams_max", retry_after_s: 9 });
    own.pop();
    assert!(events.listen(B, None, &[], &limits).is_ok(), "a stream whose reader left gives its place back");
    events.close();
    assert_eq!(events.count(), 0);
    assert!(events.listen(A, None, &[], &limits).is_err(), "a server that stops begins no streams");
}

/// A client may ask for some events only (draft-ietf-wish-whep); the end is told in any case.
#[test]
fn a_stream_has_only_the_events_asked_for_and_always_the_end() {
    let events = Events::default();
    let mut queue = events.listen(A, Some(vec!["active".into()]), &[], &Limits::default()).unwrap();
    events.tell(|_| Some(event(1)));
    events.tell(|_| Some(Event::new("active", &())));
    events.end(B, &[Event::new("ended", &())]);
    events.end(A, &[Event::new("ended", &())]);
    assert_eq!(queue.try_recv().unwrap(), "event: active\ndata: null\n\n");
    assert_eq!(queue.try_recv().unwrap(), "event: ended\ndata: null\n\n");
    assert_eq!(queue.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
}

/// Who comes late must know what lasts, and only that.
#[test]
fn what_lasts_is_remembered_until_it_is_over() {
    let events = Events::default();
    let silent = note(1, Notable::SourceSilent { video: true });
    let slow = note(3, Notable::Constrained { estimate_bps: 1, stream_bps: 2 });
    for known in [
        silent.clone(),
        note(2, Notable::Paused { video: false }),
        slow.clone(),
        note(4, Notable::Nacked { video: true, packets: 9 }),
        note(5, Notable::SourceBack { video: false, silent_ms: 7 }),
        note(6, Notable::Resumed { video: false }),
    ] {
        events.remember(A, known);
    }
    let standing = events.standing(A);
    assert_eq!(standing.notes().cloned().collect::<Vec<_>>(), [silent, slow]);
    assert!(!standing.is_paused(false));
    events.remember(A, note(7, Notable::SourceBack { video: true, silent_ms: 6 }));
    events.remember(A, note(8, Notable::Unconstrained { estimate_bps: 3 }));
    assert!(events.standing(A).is_empty());
    assert!(events.lock().standing.is_empty(), "nothing that lasts holds no memory");
}

/// A layer lasts until another one is told, or another publisher's, whose names mean other things.
#[test]
fn the_newest_layer_lasts() {
    let layer = |name: &str| {
        let state = LayerState { layer: name.to_owned(), width: None, height: None, active: true };
        Notable::Layer { layer: name.to_owned(), width: None, height: None, layers: vec![state] }
    };
    let mut standing: Standing = [note(1, layer("q")), note(2, layer("h"))].into_iter().collect();
    assert_eq!(standing.layer().map(|(layer, states)| (layer, states.len())), Some(("h", 1)));
    standing.apply(note(3, Notable::Switched { video: false }));
    assert!(standing.layer().is_some(), "another sound has no layers");
    standing.apply(note(4, Notable::Switched { video: true }));
    assert_eq!(standing.layer(), None);
    for layers in [vec!["q".to_owned()], vec![]] {
        standing.apply(note(5, Notable::LayersWanted { layers: layers.clone() }));
        assert_eq!(standing.layers_wanted(), Some(layers.as_slice()), "none is known as well");
    }
}
