//! What the server did to its viewers' packets: noted when it is done, read by a test.

use std::iter::Sum;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use str0m::media::MediaKind;

use super::faults::Fate;

/// By so much what follows a rest is later, by the clock of its timestamps: loads rest 300 ms.
const REST_S: f64 = 0.15;
/// After a talk's last packet its retransmissions come so late.
const RETRANSMISSION_TIME: Duration = Duration::from_millis(300);

/// Packets of media, audio and video together; neither RTCP nor retransmissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// Came from the publisher for this viewer, whatever became of them.
    pub(crate) forwarded: u64,
    pub(crate) dropped: u64,
    /// Those of the dropped ones that sequence numbers show: packets of their stream were sent before and after them.
    pub(crate) gaps: u64,
    pub(crate) duplicated: u64,
    pub(crate) delayed: u64,
    pub(crate) corrupted_on_the_wire: u64,
    pub(crate) damaged_inside: u64,
    /// Were overtaken by the next one of their stream.
    pub(crate) reordered: u64,
    /// Sent again because the viewer asked: no packets of their own.
    pub(crate) retransmitted: u64,
}

/// One packet's story.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// When it came from the publisher.
    pub(super) came: Instant,
    pub(super) stream: MediaKind,
    /// Its RTP timestamp.
    pub(super) media_s: f64,
    /// Counts the viewer's packets from 1.
    pub(super) number: u64,
    pub(super) fate: Fate,
    pub(super) is_delayed: bool,
}

/// One viewer's stories.
#[derive(Debug, Default)]
struct Log {
    entries: Vec<Entry>,
    retransmitted: Vec<Instant>,
}

/// All logs, shared between the server's thread and the test's.
#[derive(Debug, Clone, Default)]
pub(super) struct Books(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    logs: Vec<Log>,
    refused: u64,
}

impl Books {
    /// Opens the log of one more viewer; gives back its place.
    pub(super) fn open(&self) -> usize {
        let logs = &mut self.lock().logs;
        logs.push(Log::default());
        logs.len() - 1
    }

    pub(super) fn note(&self, viewer: usize, entry: Entry) {
        self.lock().logs[viewer].entries.push(entry);
    }

    pub(super) fn note_retransmission(&self, viewer: usize, at: Instant) {
        self.lock().logs[viewer].retransmitted.push(at);
    }

    pub(super) fn note_refusal(&self) {
        self.lock().refused += 1;
    }

    pub(super) fn begin(&self) {
        let mut inner = self.lock();
        inner.refused = 0;
        inner.logs.iter_mut().for_each(|log| *log = Log::default());
    }

    pub(super) fn read(&self) -> Vec<Book> {
        self.lock().logs.iter().map(Log::book).collect()
    }

    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counters are whole whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Of the talk after the first rest, or of all if there was none.
    fn book(&self) -> Book {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.came);
        let levels = levels(&entries);
        let mut talks = levels.chunk_by(|one, next| next - one < REST_S).map(<[f64]>::len);
        let (first, second) = (talks.next().unwrap_or(0), talks.next());
        let talk = second.map_or(&entries[..], |packets| &entries[first..first + packets]);
        Book::of(talk, &self.retransmitted)
    }
}

/// How late the publisher is from each packet on, by its timestamps: a stair with a step at each rest. What comes after a
/// pause that a busy machine made is caught up with, and makes no step: only what stays late does.
fn levels(entries: &[&Entry]) -> Vec<f64> {
    let Some(first) = entries.first() else { return Vec::new() };
    let lag = |entry: &Entry| (entry.came - first.came).as_secs_f64() - entry.media_s;
    // Each stream's timestamps begin anywhere.
    let least = [MediaKind::Audio, MediaKind::Video].map(|stream| {
        let of_stream = entries.iter().filter(|entry| entry.stream == stream);
        of_stream.map(|entry| lag(entry)).fold(f64::INFINITY, f64::min)
    });
    let mut level = f64::INFINITY;
    let mut levels: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            level = level.min(lag(entry) - least[usize::from(entry.stream.is_video())]);
            level
        })
        .collect();
    levels.reverse();
    levels
}

/// Dropped packets of a stream between others that were sent.
fn gaps(talk: &[&Entry], stream: MediaKind) -> u64 {
    let of_stream = talk.iter().filter(|entry| entry.stream == stream);
    let (dropped, sent): (Vec<&Entry>, Vec<&Entry>) =
        of_stream.partition(|entry| entry.fate == Fate::Dropped);
    let numbers = sent.iter().map(|entry| entry.number);
    let (Some(first), Some(last)) = (numbers.clone().min(), numbers.max()) else { return 0 };
    dropped.iter().filter(|entry| (first..last).contains(&entry.number)).count() as u64
}

impl Book {
    fn of(talk: &[&Entry], retransmitted: &[Instant]) -> Self {
        let mut book = Self::default();
        let (Some(first), Some(last)) = (talk.first(), talk.last()) else { return book };
        talk.iter().for_each(|entry| book.note(entry));
        book.gaps = [MediaKind::Audio, MediaKind::Video].map(|stream| gaps(talk, stream)).iter().sum();
        let time = first.came..last.came + RETRANSMISSION_TIME;
        book.retransmitted = retransmitted.iter().filter(|at| time.contains(*at)).count() as u64;
        book
    }

    fn note(&mut self, entry: &Entry) {
        self.forwarded += 1;
        self.delayed += u64::from(entry.is_delayed);
        match entry.fate {
            Fate::Forwarded => {}
            Fate::Dropped => self.dropped += 1,
            Fate::Corrupted => self.corrupted_on_the_wire += 1,
            Fate::Damaged => self.damaged_inside += 1,
            Fate::Duplicated => self.duplicated += 1,
            Fate::Swapped => self.reordered += 1,
        }
    }
}

impl Sum for Book {
    fn sum<I: Iterator<Item = Self>>(books: I) -> Self {
        books.fold(Self::default(), |sum, book| Self {
            forwarded: sum.forwarded + book.forwarded,
            dropped: sum.dropped + book.dropped,
            gaps: sum.gaps + book.gaps,
            duplicated: sum.duplicated + book.duplicated,
            delayed: sum.delayed + book.delayed,
            corrupted_on_the_wire: sum.corrupted_on_the_wire + book.corrupted_on_the_wire,
            damaged_inside: sum.damaged_inside + book.damaged_inside,
            reordered: sum.reordered + book.reordered,
            retransmitted: sum.retransmitted + book.retransmitted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said before and after a window is in no report, a drop at its edge is one that numbers do not show, and a pause
    /// that is caught up with ends no window.
    #[test]
    fn the_book_is_of_the_talk_between_the_first_rest_and_the_next() {
        let (books, began) = (Books::default(), Instant::now());
        let viewer = books.open();
        let story = [
            (0, 9_000, Fate::Dropped),
            (100, 9_100, Fate::Duplicated),
            (500, 9_200, Fate::Dropped),
            (600, 9_300, Fate::Forwarded),
            (1_300, 9_400, Fate::Dropped),
            (1_301, 9_500, Fate::Forwarded),
            (1_302, 9_999, Fate::Dropped),
            (1_700, 10_099, Fate::Corrupted),
            (1_800, 10_199, Fate::Damaged),
        ];
        for ((came_ms, media_ms, fate), number) in story.into_iter().zip(1..) {
            let (came, stream) = (began + Duration::from_millis(came_ms), MediaKind::Video);
            let media_s = Duration::from_millis(media_ms).as_secs_f64();
            books.note(viewer, Entry { came, stream, media_s, number, fate, is_delayed: false });
        }
        let expected = Book { forwarded: 5, dropped: 3, gaps: 1, ..Book::default() };
        assert_eq!(books.read(), [expected]);
        books.begin();
        assert_eq!(books.read(), [Book::default()]);
    }
}
