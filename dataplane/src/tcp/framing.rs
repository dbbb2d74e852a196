//! Datagrams in a stream: a length of two bytes, big-endian, before each. RFC 4571 §2.
//!
//! ```text
//!  0      2               2+n     4+n
//! ┌──────┬───────────────┬───────┬────
//! │  n   │ n bytes       │  m    │ …
//! └──────┴───────────────┴───────┴────
//! ```
//! A length of zero frames nothing and is passed over, as the RFC has it.

use super::limits::{FRAME_BYTES_MAX, READ_BYTES};

const LENGTH_BYTES: usize = 2;

/// The stream announces a frame that is longer than a datagram may be. What follows cannot be made sense of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes datagrams out of a stream that arrives in pieces of any size.
pub(super) struct Deframer {
    buffer: Box<[u8]>,
    /// What has come and was not given out lies between.
    start: usize,
    end: usize,
}

impl Deframer {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; READ_BYTES].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where the next piece of the stream is to be put. Never empty once [`next`](Self::next) has said None.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        &mut self.buffer[self.end..]
    }

    /// So many bytes of the room are filled.
    pub(super) fn fill(&mut self, count: usize) {
        self.end = self.buffer.len().min(self.end + count);
    }

    /// The next datagram, or None: more of the stream is needed.
    ///
    /// # Errors
    /// [`TooLong`], for ever after.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        while let [high, low, ..] = self.buffer[self.start..self.end] {
            let len = usize::from(u16::from_be_bytes([high, low]));
            if len > FRAME_BYTES_MAX {
                return Err(TooLong);
            }
            let begin = self.start + LENGTH_BYTES;
            if begin + len > self.end {
                return Ok(None);
            }
            self.start = begin + len;
            if len > 0 {
                return Ok(Some(&self.buffer[begin..begin + len]));
            }
        }
        Ok(None)
    }
}

/// Bytes that a datagram takes in the stream.
pub(super) const fn framed_len(datagram: &[u8]) -> usize {
    LENGTH_BYTES + datagram.len()
}

/// Appends a datagram, of [`FRAME_BYTES_MAX`] bytes at most, to the stream.
pub(super) fn append(stream: &mut Vec<u8>, datagram: &[u8]) {
    let len = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
    assert!(usize::from(len) <= FRAME_BYTES_MAX, "a frame of {len} bytes");
    stream.extend(len.to_be_bytes());
    stream.extend(datagram);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Feeds a stream in pieces of these sizes, over and over, and takes out all that is whole after each.
    fn deframe(mut stream: &[u8], pieces: &[usize]) -> Result<Vec<Vec<u8>>, TooLong> {
        let (mut deframer, mut datagrams) = (Deframer::new(), Vec::new());
        for piece in pieces.iter().cycle() {
            while let Some(datagram) = deframer.next()? {
                datagrams.push(datagram.to_vec());
            }
            if stream.is_empty() {
                break;
            }
            let room = deframer.room();
            let count = room.len().min(*piece).min(stream.len());
            assert!(count > 0, "no room for more, and nothing to take out");
            let (now, later) = stream.split_at(count);
            room[..count].copy_from_slice(now);
            deframer.fill(count);
            stream = later;
        }
        Ok(datagrams)
    }

    proptest! {
        /// TCP keeps no borders: however the bytes are split, the datagrams are the same.
        #[test]
        fn datagrams_survive_any_split_of_the_stream(
            datagrams in vec(vec(any::<u8>(), 0..=FRAME_BYTES_MAX), 0..20),
            pieces in vec(1..3000usize, 1..20),
        ) {
            let mut stream = Vec::new();
            datagrams.iter().for_each(|datagram| append(&mut stream, datagram));
            let sent: Vec<_> = datagrams.into_iter().filter(|datagram| !datagram.is_empty()).collect();
            prop_assert_eq!(deframe(&stream, &pieces), Ok(sent));
        }

        /// Any bytes may come: none makes it panic, stand still, or give out what was not in them.
        #[test]
        fn rubbish_comes_to_an_end(stream in vec(any::<u8>(), 0..20_000), pieces in vec(1..3000usize, 1..20)) {
            if let Ok(datagrams) = deframe(&stream, &pieces) {
                let bytes: usize = datagrams.iter().map(|datagram| framed_len(datagram)).sum();
                prop_assert!(bytes <= stream.len());
            }
        }
    }

    /// The longest datagram fits, one byte more does not, and nothing is held for it.
    #[test]
    fn a_frame_that_no_datagram_can_fill_is_an_error_at_once() {
        let mut stream = Vec::new();
        append(&mut stream, &[7; FRAME_BYTES_MAX]);
        assert_eq!(deframe(&stream, &[1]), Ok(vec![vec![7; FRAME_BYTES_MAX]]));
        let length = u16::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        assert_eq!(deframe(&length, &[2]), Err(TooLong));
        // An HTTP request on the wrong port announces 18,245 bytes.
        assert_eq!(deframe(b"GET / HTTP/1.1\r\n", &[16]), Err(TooLong));
    }

    /// The wire format, to the byte.
    #[test]
    fn a_length_is_two_bytes_with_the_high_one_first() {
        let mut stream = Vec::new();
        append(&mut stream, &[9; 259]);
        assert_eq!((&stream[..3], stream.len()), (&[1, 3, 9][..], framed_len(&[9; 259])));
        assert_eq!(deframe(&[0, 0, 0, 1, 5, 0, 0, 0, 2, 6], &[3]), Ok(vec![vec![5]]));
    }
}
