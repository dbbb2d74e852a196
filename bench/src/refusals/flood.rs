//! The flood: connections that each send a request as soon as the last one is answered.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A server that says nothing for so long is given up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is understood.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Makes the request of a connection, by its number and how many it has sent.
pub(super) type Request = Box<dyn Fn(u8, u64) -> String + Send + Sync>;

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    by_status: BTreeMap<u16, u64>,
    pub(super) reconnects: u64,
}

impl Counts {
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let less = |(status, count): (&u16, &u64)| {
            let before = earlier.by_status.get(status).copied().unwrap_or_default();
            (*status, count.saturating_sub(before))
        };
        let by_status = self.by_status.iter().map(less).filter(|(_, count)| *count > 0).collect();
        Self { by_status, reconnects: self.reconnects.saturating_sub(earlier.reconnects) }
    }

    pub(super) fn answers(&self) -> u64 {
        self.by_status.values().sum()
    }

    pub(super) fn statuses(&self) -> Vec<(u16, u64)> {
        self.by_status.iter().map(|(status, count)| (*status, *count)).collect()
    }
}

/// See the file's head. It ends with this value.
pub(super) struct Flood {
    stop: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    pub(super) fn start(server: SocketAddr, request: Request, connections: u8) -> io::Result<Self> {
        let (stop, counts): (Arc<AtomicBool>, Arc<Mutex<Counts>>) = Default::default();
        let request = Arc::new(request);
        let mut flood = Self { stop, counts, threads: Vec::new() };
        for number in 0..connections {
            let (stop, counts, request) =
                (Arc::clone(&flood.stop), Arc::clone(&flood.counts), Arc::clone(&request));
            let run = move || {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    // The server closed, which it may: the next one begins anew.
                    let _ = pour(server, number, &request, &mut sent, &stop, &counts);
                    lock(&counts).reconnects += 1;
                }
            };
            flood.threads.push(thread::Builder::new().name(format!("flood-{number}")).spawn(run)?);
        }
        Ok(flood)
    }

    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It panicked: there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> std::sync::MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, until the server closes it.
fn pour(
    server: SocketAddr,
    number: u8,
    request: &Request,
    sent: &mut u64,
    stop: &AtomicBool,
    counts: &Mutex<Counts>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(request(number, *sent).as_bytes())?;
        *sent += 1;
        let status = answer(&mut stream, &mut buffer)?;
        *lock(counts).by_status.entry(status).or_default() += 1;
    }
    Ok(())
}

/// Reads one answer whole; gives back its status.
fn answer(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<u16> {
    let mut length = 0;
    loop {
        let room = buffer.get_mut(length..).filter(|room| !room.is_empty());
        let read = stream.read(room.ok_or(io::ErrorKind::InvalidData)?)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
        if let Some((status, whole)) = shape(&buffer[..length])
            && whole <= length
        {
            return Ok(status);
        }
    }
}

/// Status and length of an answer whose head is there.
fn shape(bytes: &[u8]) -> Option<(u16, usize)> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    Some((status, head_end + length.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every refusal is counted by what is read here: pieces of an answer are none, and none is counted twice.
    #[test]
    fn an_answer_is_counted_when_it_is_whole() {
        let whole = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(shape(whole), Some((401, whole.len())));
        assert_eq!(shape(&whole[..30]), None);
        let mut buffer = [0; 100];
        assert_eq!(answer(&mut &whole[..], &mut buffer).unwrap(), 401);
        assert!(answer(&mut &whole[..whole.len() - 1], &mut buffer).is_err());
        assert_eq!(shape(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((204, 27)));
    }

    /// Only what came within the window counts.
    #[test]
    fn counts_are_differences() {
        let earlier = Counts { by_status: [(401, 5), (429, 1)].into(), reconnects: 1 };
        let later = Counts { by_status: [(401, 5), (429, 9), (503, 2)].into(), reconnects: 4 };
        let window = later.since(&earlier);
        assert_eq!(
            (window.statuses(), window.answers(), window.reconnects),
            (vec![(429, 8), (503, 2)], 10, 3)
        );
    }
}
