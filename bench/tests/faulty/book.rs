//! What the server did to its viewers' packets: noted when it is done, read by a test.

use std::iter::Sum;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use str0m::media::MediaKind;

use super::faults::Fate;

/// A publisher that says nothing for so long keeps silence: between the 20 ms from sound to sound and the 300 ms that a load
/// rests, with room for a machine that is busy.
const SILENCE: Duration = Duration::from_millis(250);

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
    /// Of the talk after the first silence, or of all if there was none.
    fn book(&self) -> Book {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.came);
        let mut talks = entries.chunk_by(|one, next| next.came - one.came < SILENCE);
        let before = talks.next().unwrap_or_default();
        let talk = talks.next().unwrap_or(before);
        let (Some(first), Some(last)) = (talk.first(), talk.last()) else { return Book::default() };
        let mut book = Book::default();
        talk.iter().for_each(|entry| book.note(entry));
        book.gaps = [MediaKind::Audio, MediaKind::Video].map(|stream| gaps(talk, stream)).iter().sum();
        let time = first.came..last.came + SILENCE;
        book.retransmitted = self.retransmitted.iter().filter(|at| time.contains(*at)).count() as u64;
        book
    }
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

    fn entry(began: Instant, at_ms: u64, number: u64, fate: Fate) -> Entry {
        let (came, stream) = (began + Duration::from_millis(at_ms), MediaKind::Video);
        Entry { came, stream, number, fate, is_delayed: false }
    }

    /// What is said before and after a window is in no report, and a drop at its edge is one that numbers do not show.
    #[test]
    fn the_book_is_of_the_talk_between_the_first_silence_and_the_next() {
        let (books, began) = (Books::default(), Instant::now());
        let viewer = books.open();
        let fates = [
            (0, Fate::Dropped),
            (160, Fate::Duplicated),
            (460, Fate::Dropped),
            (480, Fate::Forwarded),
            (500, Fate::Dropped),
            (680, Fate::Forwarded),
            (700, Fate::Dropped),
            (1_000, Fate::Corrupted),
            (1_010, Fate::Damaged),
        ];
        for ((at_ms, fate), number) in fates.into_iter().zip(1..) {
            books.note(viewer, entry(began, at_ms, number, fate));
        }
        let expected = Book { forwarded: 5, dropped: 3, gaps: 1, ..Book::default() };
        assert_eq!(books.read(), [expected]);
        books.begin();
        assert_eq!(books.read(), [Book::default()]);
    }
}
