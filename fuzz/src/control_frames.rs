use fanlight_protocol::{Decoder, FRAME_BYTES_MAX, FrameError, ToControl, ToDataplane, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that the work on one input may allocate for each byte of it, all that is freed again included, and for itself: a list
/// that claims to be long is given a mebibyte before its items are seen, in each of the lists that may lie in one another.
const ALLOCATED_A_BYTE_MAX: u64 = 512;
const ALLOCATED_MAX: u64 = 8 << 20;

/// Frames between control and dataplane, in both directions.
///
/// The input is a stream, cut as its first byte says. What comes out of it does not depend on the cutting; a message written
/// anew is read as the same bytes; a frame that is too long is refused at its length; and what is allocated is bounded by
/// what came, not by what it claims.
pub fn control_frames(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let cut = usize::from(*cut) + 1;
    let allocated = allocation_counter::measure(|| {
        check::<ToDataplane>(stream, cut);
        check::<ToControl>(stream, cut);
    });
    let bound = ALLOCATED_MAX + ALLOCATED_A_BYTE_MAX * stream.len() as u64;
    assert!(allocated.bytes_total <= bound, "{allocated:?} for {} bytes", stream.len());
}

fn check<M: Serialize + DeserializeOwned>(stream: &[u8], cut: usize) {
    let (whole, fault) = messages::<M>(stream, stream.len().max(1));
    let (cut, cut_fault) = messages::<M>(stream, cut);
    assert_eq!(written(&whole), written(&cut), "the cutting shows");
    assert_eq!(fault, cut_fault);
    if let Some(FrameError::TooLong(len)) = fault {
        assert!(len > FRAME_BYTES_MAX);
    }
    let first = written(&whole);
    let (again, fault) = messages::<M>(&first, first.len().max(1));
    assert_eq!((again.len(), fault), (whole.len(), None));
    assert_eq!(written(&again), first, "a message changes on its way");
}

/// The messages of a stream, up to its end or its fault.
fn messages<M: DeserializeOwned>(stream: &[u8], cut: usize) -> (Vec<M>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    for chunk in stream.chunks(cut) {
        decoder.push(chunk);
        loop {
            match decoder.message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
        }
    }
    (messages, None)
}

fn written<M: Serialize>(messages: &[M]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        encode(message, &mut out).expect("what was read can be written");
    }
    out
}
