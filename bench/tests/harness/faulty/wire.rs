//! The way of one viewer's sealed packets to the socket, where they are dropped, corrupted, doubled, swapped and delayed.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::book::{Books, Entry};
use super::faults::Fate;

/// So long a packet waits for the next one to overtake it; after the last one of a stream comes none.
const SWAP_TIMEOUT: Duration = Duration::from_millis(100);

/// A sealed datagram.
struct Parcel {
    to: SocketAddr,
    datagram: Vec<u8>,
    /// None: a retransmission.
    entry: Option<Entry>,
    /// When it may leave.
    due: Instant,
}

/// See the file's head.
pub(super) struct Wire {
    books: Books,
    /// The viewer's log.
    log: usize,
    delay: Duration,
    /// In the order of leaving, which is the order of being due.
    queue: VecDeque<Parcel>,
    /// To be overtaken, at most one of each stream.
    held: Vec<Parcel>,
}

impl Wire {
    pub(super) fn new(books: Books, delay: Duration) -> Self {
        let log = books.open();
        Self { books, log, delay, queue: VecDeque::new(), held: Vec::new() }
    }

    /// Takes a packet of media with its fate.
    pub(super) fn put(&mut self, now: Instant, to: SocketAddr, mut datagram: Vec<u8>, mut entry: Entry) {
        let overtaken = self.held.iter().position(|held| held.is_of(&entry));
        match entry.fate {
            Fate::Dropped => {
                self.books.note(self.log, entry);
                return;
            }
            Fate::Corrupted => flip_a_bit(&mut datagram),
            // It overtakes one itself.
            Fate::Swapped if overtaken.is_some() => entry.fate = Fate::Forwarded,
            _ => {}
        }
        let parcel = Parcel { to, datagram, entry: Some(entry), due: now + self.delay };
        if entry.fate == Fate::Swapped {
            self.held.push(parcel);
            return;
        }
        self.queue.push_back(parcel);
        if let Some(at) = overtaken {
            let held = self.held.remove(at);
            self.queue.push_back(Parcel { due: now + self.delay, ..held });
        }
    }

    /// Takes a retransmission.
    pub(super) fn put_retransmission(&mut self, now: Instant, to: SocketAddr, datagram: Vec<u8>) {
        self.queue.push_back(Parcel { to, datagram, entry: None, due: now + self.delay });
    }

    /// Sends what is due; whether anything was.
    pub(super) fn send_due(&mut self, now: Instant, socket: &UdpSocket) -> io::Result<bool> {
        self.give_up_swaps(now);
        let mut has_sent = false;
        while let Some(parcel) = self.queue.pop_front_if(|parcel| parcel.due <= now) {
            has_sent = true;
            socket.send_to(&parcel.datagram, parcel.to)?;
            let Some(entry) = parcel.entry else {
                self.books.note_retransmission(self.log, now);
                continue;
            };
            if entry.fate == Fate::Duplicated {
                socket.send_to(&parcel.datagram, parcel.to)?;
            }
            self.books.note(self.log, Entry { is_delayed: !self.delay.is_zero(), ..entry });
        }
        Ok(has_sent)
    }

    /// What nothing overtook goes as if nothing should have.
    fn give_up_swaps(&mut self, now: Instant) {
        let due = now + self.delay;
        for mut parcel in self.held.extract_if(.., |held| held.due + SWAP_TIMEOUT <= due) {
            if let Some(entry) = &mut parcel.entry {
                entry.fate = Fate::Forwarded;
            }
            self.queue.push_back(Parcel { due, ..parcel });
        }
    }
}

impl Parcel {
    fn is_of(&self, other: &Entry) -> bool {
        self.entry.is_some_and(|entry| entry.stream == other.stream)
    }
}

/// In the first byte behind the RTP header (RFC 3550 §5.1, §5.3.1), which SRTP leaves readable.
fn flip_a_bit(datagram: &mut [u8]) {
    let (sources, has_extension) = (usize::from(datagram[0] & 0x0f), datagram[0] & 0x10 != 0);
    let mut payload_at = 12 + 4 * sources;
    if has_extension {
        let words = u16::from_be_bytes([datagram[payload_at + 2], datagram[payload_at + 3]]);
        payload_at += 4 + 4 * usize::from(words);
    }
    datagram[payload_at] ^= 1;
}
