use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fanlight_protocol::{SessionRole, StreamPath};
use proptest::prelude::*;

use super::*;
use crate::auth::{Action, Admission};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const BYTES_MAX: u64 = 16 * 1024;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("fanlight-journal-{}-{number}", std::process::id())))
    }

    fn open(&self) -> Journal {
        Journal::open(self.0.clone(), BYTES_MAX).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn bytes(&self) -> u64 {
        self.files().iter().map(|file| file.metadata().unwrap().len()).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn id(number: u32) -> SessionId {
    SessionId(u128::from(number))
}

/// Sessions with an odd number watch.
fn session(number: u32) -> Session {
    let stream = StreamPath { app: "live".into(), name: format!("camera{number}") };
    let role = match number % 2 {
        0 => SessionRole::Publisher,
        _ => SessionRole::Viewer { publisher: id(number - 1) },
    };
    Session {
        admission: Arc::new(Admission::unknown(stream.clone(), Action::Publish)),
        stream,
        role,
        phase: Phase::Connected,
        ice_tag: String::new(),
        tracks: vec![],
        wish: Default::default(),
        muted: Default::default(),
        bitrate_bps_max: None,
        since: NOW,
        viewers: 0,
    }
}

/// What the journal holds, shortly: `+2` began, `-2 deleted` ended.
fn told(journal: &Journal) -> Vec<String> {
    let entries = journal.read_after(Number(0), usize::MAX).unwrap().entries;
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.number.0).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    entries.iter().map(|entry| shortly(&entry.event)).collect()
}

fn shortly(event: &Event) -> String {
    let number = event.party().stream.trim_start_matches("camera").to_owned();
    match event {
        Event::Published(_) | Event::Subscribed(_) => format!("+{number}"),
        Event::Unpublished(left) | Event::Unsubscribed(left) => {
            format!("-{number} {}", left.reason)
        }
    }
}

/// Programs of others read it: names and fields are a promise.
#[test]
fn an_entry_is_json_with_names_that_stay() {
    let journal = Journal::in_memory();
    let now = NOW + Duration::from_millis(1_500);
    journal.connected(id(2), &session(2), now);
    journal.ended(id(2), "deleted", now);
    let [begins, ends] = &journal.read_after(Number(0), 9).unwrap().entries[..] else { panic!() };
    let handle = SessionHandle::from(id(2)).to_string();
    let party = serde_json::json!({
        "id": 1, "time": "1970-01-01T00:00:01.5Z", "event": "stream_published", "session": handle, "app": "live",
        "stream": "camera2", "address": "0.0.0.0", "since": "1970-01-01T00:00:00Z",
    });
    assert_eq!(serde_json::to_value(begins).unwrap(), party);
    let mut left = party;
    for (key, value) in
        [("id", 2.into()), ("event", "stream_unpublished".into()), ("reason", "deleted".into())]
    {
        left[key] = value;
    }
    assert_eq!(serde_json::to_value(ends).unwrap(), left);
}

/// A beginning is told once, an end once, and no end without a beginning: receivers keep accounts of who is there.
#[test]
fn each_session_begins_and_ends_once() {
    let journal = Journal::in_memory();
    for _ in 0..2 {
        journal.connected(id(2), &session(2), NOW);
    }
    journal.ended(id(3), "never_connected", NOW);
    for _ in 0..2 {
        journal.ended(id(2), "deleted", NOW);
    }
    assert_eq!(told(&journal), ["+2", "-2 deleted"]);
}

/// Control is killed and started again: what it had told it knows, what it missed it tells, in an order that makes sense.
#[test]
fn the_next_control_tells_what_was_missed_and_nothing_twice() {
    let folder = Folder::new();
    let journal = folder.open();
    for number in [2, 3, 4, 5] {
        journal.connected(id(number), &session(number), NOW);
    }
    drop(journal);
    let journal = folder.open();
    let there = [(id(4), session(4)), (id(6), session(6))];
    let connecting = Session { phase: Phase::Connecting, ..session(8) };
    let all = there.iter().map(|(id, session)| (*id, session)).chain([(id(8), &connecting)]);
    journal.reconcile(all, NOW);
    let mut after = told(&journal).split_off(4);
    let last = after.split_off(2);
    after.sort();
    assert_eq!(after, ["-3 unseen", "-5 unseen"], "viewers before their publisher");
    assert_eq!(last, ["-2 unseen", "+6"]);
    journal.reconcile(there.iter().map(|(id, session)| (*id, session)), NOW);
    assert_eq!(told(&journal).len(), 8, "to reconcile twice tells nothing more");
}

/// The process was killed while it wrote, or the disk was full: the rest is as good as before, and numbers go on.
#[test]
fn half_a_line_is_cut_off() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.connected(id(2), &session(2), NOW);
    journal.connected(id(4), &session(4), NOW);
    drop(journal);
    let file = folder.files().pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for cut in [1, 20, whole.len() / 2 - 1] {
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let journal = folder.open();
        assert_eq!(told(&journal), ["+2"], "{cut}");
        journal.connected(id(4), &session(4), NOW);
        assert_eq!(told(&journal), ["+2", "+4"]);
        drop(journal);
        assert_eq!(told(&folder.open()), ["+2", "+4"]);
    }
}

/// Webhooks that are down for days must not fill the disk; whoever comes too late is told that he does.
#[test]
fn files_are_bounded_and_a_late_reader_sees_the_gap() {
    let folder = Folder::new();
    let journal = folder.open();
    journal.connected(id(2), &session(2), NOW);
    for number in (4..4_000).step_by(2) {
        journal.connected(id(number), &session(number), NOW);
        journal.ended(id(number), "deleted", NOW);
    }
    let bytes = folder.bytes();
    assert!(bytes <= BYTES_MAX + BYTES_MAX / 8 + 1_000, "{bytes}");
    assert!(folder.files().len() >= 8);
    drop(journal);
    let journal = folder.open();
    let page = journal.read_after(Number(0), 5).unwrap();
    assert!(page.has_gap && page.entries.len() == 5);
    journal.ended(id(2), "deleted", NOW);
    let last = told_last(&journal);
    assert_eq!(last, "-2 deleted", "its beginning is long gone, but not forgotten");
}

fn told_last(journal: &Journal) -> String {
    let last = *journal.follow().borrow();
    shortly(&journal.read_after(last.before(), 1).unwrap().entries[0].event)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, with restarts in between: a reader that remembers its cursor sees each entry once.
    #[test]
    fn a_reader_with_a_cursor_sees_every_entry_once(
        steps in prop::collection::vec((0_u8..4, 1_u32..9), 0..120),
        page in 1_usize..7,
    ) {
        let folder = Folder::new();
        let mut journal = Journal::open(folder.0.clone(), 1 << 20).unwrap();
        let (mut cursor, mut seen) = (Number(0), Vec::new());
        for (step, number) in steps {
            match step {
                0 => journal.connected(id(number), &session(number), NOW),
                1 => journal.ended(id(number), "deleted", NOW),
                2 => {
                    drop(journal);
                    journal = Journal::open(folder.0.clone(), 1 << 20).unwrap();
                }
                _ => {
                    let read = journal.read_after(cursor, page).unwrap();
                    prop_assert!(!read.has_gap);
                    for entry in read.entries {
                        cursor = entry.number;
                        seen.push(shortly(&entry.event));
                    }
                }
            }
        }
        let rest = journal.read_after(cursor, usize::MAX).unwrap();
        seen.extend(rest.entries.iter().map(|entry| shortly(&entry.event)));
        prop_assert_eq!(seen, told(&journal));
    }
}
