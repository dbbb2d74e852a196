//! The group of pictures that is under way: where a late joiner begins.

use fanlight_wire::{ExtendedSequence, Timestamp};

/// Begun by the newest key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gop {
    /// Its first packet. A key frame may begin with several (parameter sets, then the picture), and they may be reordered.
    pub(crate) first: ExtendedSequence,
    pub(crate) timestamp: Timestamp,
}

impl Gop {
    /// Takes note of a packet that a decoder can begin with. Returns the group, and whether it has just begun.
    pub(crate) fn note(
        under_way: Option<Self>,
        sequence: ExtendedSequence,
        timestamp: Timestamp,
    ) -> (Self, bool) {
        match under_way {
            Some(gop) if gop.timestamp == timestamp => {
                (Self { first: gop.first.min(sequence), timestamp }, false)
            }
            // An old key frame that came late.
            Some(gop) if sequence < gop.first => (gop, false),
            _ => (Self { first: sequence, timestamp }, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(gop: Option<Gop>, sequence: u64, timestamp: u32) -> (Gop, bool) {
        Gop::note(gop, ExtendedSequence(sequence), Timestamp(timestamp))
    }

    /// A viewer that begins behind the parameter sets, or at a frame that is long past, sees nothing.
    #[test]
    fn the_newest_key_frame_begins_the_group_with_its_first_packet() {
        let (gop, begun) = note(None, 10, 900);
        assert!(begun);
        let (gop, begun) = note(Some(gop), 9, 900);
        assert_eq!((gop.first, begun), (ExtendedSequence(9), false), "parameter sets that came second");
        let (gop, begun) = note(Some(gop), 11, 900);
        assert_eq!((gop.first, begun), (ExtendedSequence(9), false));
        let (gop, begun) = note(Some(gop), 50, 9900);
        assert_eq!((gop.first, begun), (ExtendedSequence(50), true));
        let (gop, begun) = note(Some(gop), 30, 5000);
        assert_eq!((gop.first, begun), (ExtendedSequence(50), false), "recovered late");
    }
}
