//! Packets that leave together, made equally long: a train's segments have one size, and only the last may be shorter.
//!
//! Encoders cut a frame into pieces that differ by a byte, the shorter ones first, which is the wrong way round. So the
//! shorter ones are padded (RFC 3550 §5.1), once for all viewers, in the store. A byte of padding costs each viewer a byte; a
//! train that is cut in two costs its sender a message, as much as some thousand bytes.

use fanlight_wire::ExtendedSequence;

use crate::store::{Store, Stored};

/// What each viewer's own elements take of the header, modulo the four bytes that it is rounded to: media identification (2
/// bytes) and send time (4).
const OWN_ELEMENTS_BYTES: usize = 6;

/// Packets side by side that can be brought to one size.
#[derive(Clone, Copy)]
struct Run {
    /// Its place among the packets.
    first: usize,
    shortest: usize,
    longest: usize,
}

/// Pads those of the packets that have a neighbour at most `padding_bytes_max` longer.
pub(crate) fn equalise(store: &mut Store, packets: &[ExtendedSequence], padding_bytes_max: u8) {
    let mut run: Option<Run> = None;
    for (place, sequence) in packets.iter().enumerate() {
        let Some(bytes) = store.find(*sequence).map(|stored| bytes_on_the_road(&stored)) else { continue };
        run = Some(match run {
            Some(run) => match run.with(bytes, padding_bytes_max) {
                Some(longer) => longer,
                None => {
                    run.pad(store, packets.get(..place).unwrap_or_default());
                    Run { first: place, shortest: bytes, longest: bytes }
                }
            },
            None => Run { first: place, shortest: bytes, longest: bytes },
        });
    }
    if let Some(run) = run {
        run.pad(store, packets);
    }
}

impl Run {
    /// With one packet more, if that is near enough.
    fn with(self, bytes: usize, padding_bytes_max: u8) -> Option<Self> {
        let (shortest, longest) = (self.shortest.min(bytes), self.longest.max(bytes));
        (longest - shortest <= usize::from(padding_bytes_max)).then_some(Self { shortest, longest, ..self })
    }

    /// Pads the packets from the run's first to the last of `packets`.
    fn pad(self, store: &mut Store, packets: &[ExtendedSequence]) {
        if self.shortest == self.longest {
            return;
        }
        for sequence in packets.iter().skip(self.first) {
            let bytes = store.find(*sequence).map(|stored| bytes_on_the_road(&stored));
            let missing = bytes.map(|bytes| self.longest.saturating_sub(bytes)).unwrap_or_default();
            if let Ok(missing @ 1..) = u8::try_from(missing) {
                store.pad(*sequence, missing);
            }
        }
    }
}

/// The bytes of a packet in which it may differ from its neighbours: payload and header extensions.
fn bytes_on_the_road(stored: &Stored<'_>) -> usize {
    let mut elements = stored.extensions;
    let mut bytes = OWN_ELEMENTS_BYTES;
    while let [_, len, rest @ ..] = elements {
        bytes += 1 + usize::from(*len);
        elements = rest.get(usize::from(*len)..).unwrap_or_default();
    }
    bytes.next_multiple_of(4) + stored.payload.len()
}

#[cfg(test)]
mod tests {
    use fanlight_wire::Timestamp;

    use super::*;
    use crate::store::PacketFacts;

    /// How long the packets are on the road after they were made equal. `packets`: payload and extensions.
    fn equalised(packets: &[(usize, &[u8])], padding_bytes_max: u8) -> Vec<usize> {
        let mut store = Store::new(64);
        let sequences: Vec<_> = (100..).map(ExtendedSequence).take(packets.len()).collect();
        for (sequence, (payload_len, extensions)) in sequences.iter().zip(packets) {
            let facts = PacketFacts {
                timestamp: Timestamp(0),
                marker: false,
                key_frame_start: false,
                extension_len: u8::try_from(extensions.len()).unwrap(),
                payload_len: u16::try_from(*payload_len).unwrap(),
                redundant_len: 0,
                layer: None,
            };
            store.keep(*sequence, facts, extensions, &vec![7; *payload_len]).unwrap();
        }
        equalise(&mut store, &sequences, padding_bytes_max);
        let found = sequences.iter().map(|sequence| store.find(*sequence).unwrap());
        found
            .map(|stored| bytes_on_the_road(&stored) - 8 + stored.padded.len() - stored.payload.len())
            .collect()
    }

    /// What libwebrtc's packetizer makes of a frame.
    #[test]
    fn pieces_that_differ_by_a_byte_become_equal() {
        let pieces: [(usize, &[u8]); 5] =
            [(1_099, b""), (1_099, b""), (1_100, b""), (1_100, b""), (1_100, b"")];
        assert_eq!(equalised(&pieces, 32), [1_100; 5]);
    }

    /// The last piece of an encoder that fills its packets may be of any length, and parameter sets are short.
    #[test]
    fn what_is_much_shorter_stays_so() {
        let pieces: [(usize, &[u8]); 4] = [(40, b""), (1_170, b""), (1_180, b""), (300, b"")];
        assert_eq!(equalised(&pieces, 32), [40, 1_180, 1_180, 300]);
        assert_eq!(equalised(&pieces, 0), [40, 1_170, 1_180, 300], "never, where that is wished");
    }

    /// Two frames of different sizes: each is a train of its own.
    #[test]
    fn each_run_has_its_own_size() {
        let pieces: [(usize, &[u8]); 4] = [(900, b""), (901, b""), (1_099, b""), (1_100, b"")];
        assert_eq!(equalised(&pieces, 32), [901, 901, 1_100, 1_100]);
    }

    /// An element that only one packet of a frame carries makes its header longer by whole words.
    #[test]
    fn header_extensions_count() {
        let orientation = [1, 1, 0]; // 6 + 2 bytes are two words, as 6 bytes are
        let capture_time = [[4, 8].as_slice(), &[0; 8]].concat(); // 6 + 9 bytes are four words
        let pieces: [(usize, &[u8]); 3] = [(1_000, &capture_time), (1_000, b""), (1_001, &orientation)];
        assert_eq!(equalised(&pieces, 32), [1_008; 3]);
    }
}
