//! Numbers inside a payload that a decoder follows, continued where its stream goes over to another track: of VP8 the picture id,
//! TL0PICIDX and KEYIDX (RFC 7741 §4.2), each of which one encoder counts for itself.
//!
//! The other codecs need none of this. H.264 and H.265 have no such numbers, and AV1's are in the dependency descriptor, which is
//! not agreed on with viewers of layers. VP9 has a picture id: libwebrtc's frame buffer takes a key frame with an older id and a
//! newer timestamp for a jump in the ids, empties itself and goes on from it (read in frame_buffer2.cc; an emptied buffer is why
//! VP8's are continued all the same).

use fanlight_wire::Vp8Descriptor;
use fanlight_wire::codec::Codec;

/// A descriptor is no longer.
const DESCRIPTOR_BYTES_MAX: usize = 6;

/// The three numbers; or what is to be added to them, each modulo its width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Numbers {
    picture_id: u16,
    tl0_picture_index: u8,
    key_index: u8,
}

impl Numbers {
    fn of(descriptor: &Vp8Descriptor) -> Self {
        Self {
            picture_id: descriptor.picture_id.unwrap_or_default(),
            tl0_picture_index: descriptor.tl0_picture_index.unwrap_or_default(),
            key_index: descriptor.key_index.unwrap_or_default(),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            picture_id: self.picture_id.wrapping_add(other.picture_id) & 0x7fff,
            tl0_picture_index: self.tl0_picture_index.wrapping_add(other.tl0_picture_index),
            key_index: self.key_index.wrapping_add(other.key_index) & 0x1f,
        }
    }

    /// What is to be added to `first`, so that it comes right behind this.
    fn continued_by(self, first: Self) -> Self {
        Self {
            picture_id: self.picture_id.wrapping_add(1).wrapping_sub(first.picture_id) & 0x7fff,
            tl0_picture_index: self.tl0_picture_index.wrapping_add(1).wrapping_sub(first.tl0_picture_index),
            key_index: self.key_index.wrapping_add(1).wrapping_sub(first.key_index) & 0x1f,
        }
    }
}

/// How a subscription's descriptors come from its track's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Continuation {
    /// They are the track's: the stream has never gone over to another.
    #[default]
    Untouched,
    /// The next packet begins a run behind the one that showed these.
    Behind(Continued),
    /// The track's, and these added.
    Shifted(Continued),
}

/// See [`Continuation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Continued(Numbers);

/// A descriptor that is sent in place of the payload's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edited {
    bytes: [u8; DESCRIPTOR_BYTES_MAX],
    len: usize,
}

impl Edited {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Continuation {
    /// The stream leaves a track, the last packet of which that it showed had this payload.
    pub(crate) fn leave(&mut self, codec: Codec, last: &[u8]) {
        let Some(descriptor) = (codec == Codec::Vp8).then(|| Vp8Descriptor::parse(last).ok()).flatten()
        else {
            return;
        };
        let shift = match self {
            Self::Untouched => Numbers::default(),
            Self::Shifted(Continued(shift)) => *shift,
            // It has shown nothing of that track.
            Self::Behind(_) => return,
        };
        *self = Self::Behind(Continued(Numbers::of(&descriptor).plus(shift)));
    }

    /// A packet with this payload leaves, the first of its run or a later one.
    pub(crate) fn begin(&mut self, payload: &[u8]) {
        let Self::Behind(Continued(last)) = self else { return };
        if let Ok(first) = Vp8Descriptor::parse(payload) {
            *self = Self::Shifted(Continued(last.continued_by(Numbers::of(&first))));
        }
    }

    /// What is sent in place of the descriptor of this payload. None: it stays as it is.
    pub(crate) fn edit(&self, payload: &[u8]) -> Option<Edited> {
        let Self::Shifted(Continued(shift)) = self else { return None };
        let descriptor = Vp8Descriptor::parse(payload).ok()?;
        let mut bytes = [0; DESCRIPTOR_BYTES_MAX];
        let edited = bytes.get_mut(..descriptor.len)?;
        edited.copy_from_slice(payload.get(..descriptor.len)?);
        let shown = Numbers::of(&descriptor).plus(*shift);
        let is_written =
            descriptor.renumber(edited, shown.picture_id, shown.tl0_picture_index, shown.key_index);
        is_written.then_some(Edited { bytes, len: descriptor.len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A descriptor as libwebrtc writes it, with 15 bits of picture id, and a byte of VP8.
    fn payload(picture_id: u16, tl0_picture_index: u8, key_index: u8) -> Vec<u8> {
        let [high, low] = (0x8000 | picture_id).to_be_bytes();
        vec![0x90, 0xf0, high, low, tl0_picture_index, 0x20 | key_index, 0x77]
    }

    fn shown(continuation: &Continuation, payload: &[u8]) -> (u16, u8, u8) {
        let edited = continuation.edit(payload).unwrap();
        let descriptor = Vp8Descriptor::parse(edited.bytes()).unwrap();
        assert_eq!((descriptor.len, descriptor.layer_sync), (6, true), "the rest is as it came");
        let Numbers { picture_id, tl0_picture_index, key_index } = Numbers::of(&descriptor);
        (picture_id, tl0_picture_index, key_index)
    }

    /// A decoder that sees its picture ids leap back takes the frames for old ones, and waits.
    #[test]
    fn numbers_go_on_by_one_at_a_seam_and_as_the_encoder_counts_behind_it() {
        let mut continuation = Continuation::default();
        assert!(continuation.edit(&payload(1, 2, 3)).is_none(), "untouched before the first seam");
        continuation.leave(Codec::Vp8, &payload(0x7fff, 255, 31));
        continuation.leave(Codec::Vp8, &payload(9, 9, 9));
        continuation.begin(&payload(500, 10, 4));
        assert_eq!(shown(&continuation, &payload(500, 10, 4)), (0, 0, 0), "each wraps at its width");
        continuation.begin(&payload(505, 12, 5));
        assert_eq!(shown(&continuation, &payload(505, 12, 5)), (5, 2, 1));
        continuation.leave(Codec::Vp8, &payload(505, 12, 5));
        continuation.begin(&payload(3, 200, 30));
        assert_eq!(
            shown(&continuation, &payload(4, 201, 30)),
            (7, 4, 2),
            "a second seam goes on from what was shown"
        );
    }

    /// A narrow field shows what it can of a number that goes on.
    #[test]
    fn seven_bits_of_picture_id_wrap_at_seven_bits() {
        let narrow = |picture_id: u8| vec![0x90, 0x80, picture_id, 0x77];
        let mut continuation = Continuation::default();
        continuation.leave(Codec::Vp8, &narrow(127));
        continuation.begin(&narrow(60));
        assert_eq!(continuation.edit(&narrow(60)).unwrap().bytes(), [0x90, 0x80, 0]);
        assert_eq!(continuation.edit(&narrow(62)).unwrap().bytes(), [0x90, 0x80, 2]);
    }

    /// Payloads of other codecs are never written to.
    #[test]
    fn other_codecs_stay_as_they_are() {
        let mut continuation = Continuation::default();
        continuation.leave(Codec::H264, &payload(1, 2, 3));
        continuation.begin(&payload(4, 5, 6));
        assert_eq!(continuation, Continuation::Untouched);
    }
}
