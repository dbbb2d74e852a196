//! Frames on the Unix socket: a little-endian `u32` length, then that many bytes of postcard.

use serde::{Serialize, de::DeserializeOwned};

use crate::KEEPSAKE_BYTES_MAX;

/// Longest frame body, bytes. The largest honest message is a snapshot of 50,000 sessions, each with the longest keepsake and
/// some 600 bytes more.
pub const FRAME_BYTES_MAX: usize = 50_000 * (640 + KEEPSAKE_BYTES_MAX);

const LENGTH_BYTES: usize = 4;

/// Why a stream of frames cannot go on. The connection is closed: what follows cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {0} bytes exceeds the limit of {FRAME_BYTES_MAX}")]
    TooLong(usize),
    #[error("a frame is not a message of this protocol version: {0}")]
    NotAMessage(String),
}

/// Appends `message` to `out` as one frame.
///
/// # Errors
/// [`FrameError::TooLong`], with `out` as it was before.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let body = postcard::to_stdvec(message).map_err(|fault| FrameError::NotAMessage(fault.to_string()))?;
    let length = match u32::try_from(body.len()) {
        Ok(length) if body.len() <= FRAME_BYTES_MAX => length,
        _ => return Err(FrameError::TooLong(body.len())),
    };
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&body);
    Ok(())
}

/// Cuts received bytes into messages. Holds at most one frame and what one read brought behind it.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    start: usize,
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what one read brought.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.pending.drain(..self.start);
            self.start = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole message, or None until more bytes are pushed.
    ///
    /// # Errors
    /// A length over the limit or a body that does not parse: close the connection.
    pub fn message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let unread = self.pending.get(self.start..).unwrap_or_default();
        let Some((length, rest)) = unread.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message =
            postcard::from_bytes(body).map_err(|fault| FrameError::NotAMessage(fault.to_string()))?;
        self.start += LENGTH_BYTES + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CloseReason, LayerWish, Notable, RequestId, SessionId, StreamPath, Terms, ToControl, ToDataplane,
        TrackKind,
    };

    fn messages() -> Vec<ToDataplane> {
        let stream = StreamPath { app: "live/room1".into(), name: "camera".into() };
        vec![
            ToDataplane::Hello { protocol: crate::PROTOCOL_VERSION, epoch: 7 },
            ToDataplane::Publish {
                request: RequestId(1),
                session: SessionId(2),
                stream,
                offer: "v=0\r\n".into(),
                replaces: None,
                terms: Terms { bitrate_bps_max: Some(2_500_000), keepsake: b"{}".to_vec() },
            },
            ToDataplane::Prefer {
                request: RequestId(3),
                session: SessionId(2),
                wish: LayerWish { layer: Some("h".into()), max_width: Some(640), max_height: None },
            },
            ToDataplane::Mute {
                request: RequestId(4),
                session: SessionId(2),
                kind: TrackKind::Video,
                muted: true,
            },
            ToDataplane::Limit {
                request: RequestId(5),
                session: SessionId(2),
                bitrate_bps_max: Some(1_000_000),
            },
            ToDataplane::Close { session: SessionId(2), reason: CloseReason::Deleted },
        ]
    }

    /// A socket cuts the stream anywhere; the messages must not change.
    #[test]
    fn messages_survive_every_way_of_cutting_the_stream() {
        let mut stream = Vec::new();
        for message in messages() {
            encode(&message, &mut stream).unwrap();
        }
        for cut in 1..=stream.len() {
            let mut decoder = Decoder::new();
            let mut seen = Vec::new();
            for chunk in stream.chunks(cut) {
                decoder.push(chunk);
                while let Some(message) = decoder.message::<ToDataplane>().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, messages(), "cut every {cut} bytes");
        }
    }

    /// A seed that is no message of today would have a fuzzer begin with rubbish, and say nothing.
    #[test]
    fn the_seeds_of_both_directions_are_messages_to_their_ends() {
        fn count<M: DeserializeOwned>(seed: &[u8]) -> usize {
            let mut decoder = Decoder::new();
            decoder.push(&seed[1..]);
            std::iter::from_fn(|| decoder.message::<M>().unwrap()).count()
        }
        assert_eq!(
            count::<ToDataplane>(include_bytes!("../../../fuzz/seeds/control_frames/to_dataplane")),
            9
        );
        assert_eq!(count::<ToControl>(include_bytes!("../../../fuzz/seeds/control_frames/to_control")), 7);
    }

    /// What a fuzzer begins with must be what is said today.
    #[test]
    fn the_seeds_of_wishes_and_layers_are_messages() {
        let decoded = |seed: &[u8]| {
            let mut decoder = Decoder::new();
            decoder.push(&seed[1..]);
            decoder
        };
        let mut wishes = decoded(include_bytes!("../../../fuzz/seeds/control_frames/wishes"));
        let mut layers = decoded(include_bytes!("../../../fuzz/seeds/control_frames/layers"));
        let wish = LayerWish { layer: Some("S1T2".into()), max_width: None, max_height: None };
        assert!(matches!(wishes.message(), Ok(Some(ToDataplane::Prefer { request: RequestId(9), .. }))));
        let session = SessionId(u128::MAX);
        let second = ToDataplane::Prefer { request: RequestId(10), session, wish };
        assert_eq!(wishes.message(), Ok(Some(second)));
        let Ok(Some(ToControl::Noted { note, .. })) = layers.message() else { panic!("no note") };
        assert!(
            matches!(note.what, Notable::Layer { layer, layers, .. } if layer == "h" && layers.len() == 3)
        );
        let Ok(Some(ToControl::Noted { note, .. })) = layers.message() else { panic!("no note") };
        assert_eq!(note.what, Notable::LayersWanted { layers: vec!["q".into(), "h".into()] });
    }

    /// A confused or hostile peer must not make us hold gigabytes.
    #[test]
    fn an_endless_frame_is_refused_at_its_length() {
        let mut decoder = Decoder::new();
        decoder.push(&u32::MAX.to_le_bytes());
        assert_eq!(decoder.message::<ToDataplane>(), Err(FrameError::TooLong(u32::MAX as usize)));
    }

    #[test]
    fn rubbish_is_named_as_such() {
        let mut decoder = Decoder::new();
        decoder.push(&[3, 0, 0, 0, 0xff, 0xff, 0xff]);
        assert!(matches!(decoder.message::<ToDataplane>(), Err(FrameError::NotAMessage(_))));
    }
}
