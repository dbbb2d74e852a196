//! What a viewer saw of a stream in layers: which one it gets, and whether it came over without a seam.

use super::script::{Place, Script};

/// One track's record. A perfect path has no holes, and each layer begins with the first packet of a key frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layered {
    /// The layer of the newest packet, by [`Script::layer`].
    pub current: Option<u8>,
    /// Packets of that layer since it began.
    pub packets: u64,
    /// How often another layer began.
    pub switches: u64,
    /// Of these, the ones that began elsewhere than a decoder can.
    pub torn: u64,
    /// Sequence numbers that were passed over.
    pub holes: u64,
    sequence: Option<u16>,
}

impl Layered {
    /// A first transmission with this sequence number. What is not of the stream counts for nothing.
    pub(crate) fn take(&mut self, script: &Script, sequence: u16, payload: &[u8]) {
        if let Some(before) = self.sequence.replace(sequence) {
            self.holes += u64::from(sequence.wrapping_sub(before).wrapping_sub(1));
        }
        let Some((layer, Place { packet, key, .. })) = script.place_in_layers(payload) else { return };
        if self.current != Some(layer) {
            self.switches += u64::from(self.current.is_some());
            self.torn += u64::from(!key || packet != 0);
            self.packets = 0;
        }
        self.current = Some(layer);
        self.packets += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Content;
    use super::*;

    /// A seam that this does not see would pass for none.
    #[test]
    fn a_torn_switch_and_a_hole_are_seen() {
        let of = |layer, frame, packet, key| {
            let script = Script { stream: 3, layer, content: Content::Vp8 };
            let packets = script.packets(key);
            script.payload(&Place { frame, ordinal: frame, packet, packets, key })
        };
        let script = Script { stream: 3, layer: 0, content: Content::Vp8 };
        let mut layered = Layered::default();
        let sent = [
            (65_534, of(0, 0, 0, true)),
            (65_535, of(0, 0, 1, true)),
            (0, of(2, 0, 0, true)),
            (1, of(2, 1, 0, false)),
        ];
        for (sequence, payload) in &sent {
            layered.take(&script, *sequence, payload);
        }
        let clean =
            Layered { current: Some(2), packets: 2, switches: 1, torn: 0, holes: 0, sequence: Some(1) };
        assert_eq!(layered, clean);
        layered.take(&script, 4, &of(1, 9, 0, false));
        assert_eq!((layered.torn, layered.holes, layered.current), (1, 2, Some(1)));
        let other = Script { stream: 4, layer: 0, content: Content::Vp8 };
        let mut of_another = Layered::default();
        of_another.take(&other, 1, &of(1, 9, 0, false));
        assert_eq!(of_another.current, None);
    }
}
