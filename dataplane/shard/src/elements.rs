//! Header extensions on their way through: taken from the publisher under its ids, kept by kind, written for each viewer
//! under that viewer's ids. Only kinds that mean the same behind us as before us pass; all others end here.

use arrayvec::ArrayVec;
use fanlight_wire::{ExtensionElement, ExtensionKind, ExtensionMap};

use crate::limits::EXTENSION_BYTES_MAX;

/// Kinds that are forwarded as they came. Not forwarded: identification and transport (made anew for each viewer), and the
/// layer allocation, which describes what the publisher sends and not what a viewer gets.
const FORWARDED: [ExtensionKind; 8] = [
    ExtensionKind::AudioLevel,
    ExtensionKind::VideoOrientation,
    ExtensionKind::PlayoutDelay,
    ExtensionKind::AbsCaptureTime,
    ExtensionKind::DependencyDescriptor,
    ExtensionKind::VideoContentType,
    ExtensionKind::VideoTiming,
    ExtensionKind::ColorSpace,
];

/// Kind (place in [`FORWARDED`]), length, data; again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Elements(ArrayVec<u8, EXTENSION_BYTES_MAX>);

impl Elements {
    /// Keeps those that are forwarded; one that exceeds the room is left out whole.
    pub(crate) fn forwardable<'p>(
        map: &ExtensionMap,
        elements: impl Iterator<Item = ExtensionElement<'p>>,
    ) -> Self {
        let mut kept = ArrayVec::new();
        for element in elements {
            let kind =
                map.kind(element.id).and_then(|kind| FORWARDED.iter().position(|known| *known == kind));
            let Some(kind) = kind.and_then(|kind| u8::try_from(kind).ok()) else { continue };
            let Ok(len) = u8::try_from(element.data.len()) else { continue };
            if kept.remaining_capacity() >= 2 + element.data.len() {
                kept.extend([kind, len]);
                kept.extend(element.data.iter().copied());
            }
        }
        Self(kept)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Of the elements of a stored packet, the data of that kind.
pub(crate) fn stored_element(mut stored: &[u8], wanted: ExtensionKind) -> Option<&[u8]> {
    while let [kind, len, rest @ ..] = stored {
        let (data, rest) = rest.split_at_checked(usize::from(*len))?;
        if FORWARDED.get(usize::from(*kind)) == Some(&wanted) {
            return Some(data);
        }
        stored = rest;
    }
    None
}

/// What one packet says to one viewer: identification and time of ours first, then what the publisher said.
#[derive(Clone)]
pub(crate) struct ViewerElements<'a> {
    own: [Option<ExtensionElement<'a>>; 3],
    map: &'a ExtensionMap,
    stored: &'a [u8],
}

impl<'a> ViewerElements<'a> {
    /// `stored`: as [`Elements::as_bytes`] gave it.
    pub(crate) fn new(
        map: &'a ExtensionMap,
        mid: &'a [u8],
        send_time: &'a [u8; 3],
        stored: &'a [u8],
    ) -> Self {
        let mid = map
            .id(ExtensionKind::Mid)
            .filter(|_| !mid.is_empty())
            .map(|id| ExtensionElement { id, data: mid });
        let send_time =
            map.id(ExtensionKind::AbsSendTime).map(|id| ExtensionElement { id, data: send_time.as_slice() });
        Self { own: [mid, send_time, None], map, stored }
    }

    /// The same for one packet alone: with the number under which its viewer tells what became of it.
    pub(crate) fn numbered<'n>(&self, number: &'n [u8; 2]) -> ViewerElements<'n>
    where
        'a: 'n,
    {
        let [mid, send_time, _] = self.own;
        let id = self.map.id(ExtensionKind::TransportSequence);
        let number = id.map(|id| ExtensionElement { id, data: number.as_slice() });
        ViewerElements { own: [mid, send_time, number], map: self.map, stored: self.stored }
    }
}

impl<'a> Iterator for ViewerElements<'a> {
    type Item = ExtensionElement<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(own) = self.own.iter_mut().find_map(Option::take) {
            return Some(own);
        }
        while let [kind, len, rest @ ..] = self.stored {
            let (data, rest) = rest.split_at_checked(usize::from(*len))?;
            self.stored = rest;
            let kind = FORWARDED.get(usize::from(*kind)).copied();
            if let Some(id) = kind.and_then(|kind| self.map.id(kind)) {
                return Some(ExtensionElement { id, data });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(u8, ExtensionKind)]) -> ExtensionMap {
        let mut map = ExtensionMap::new();
        for (id, kind) in entries {
            assert!(map.insert(*id, *kind));
        }
        map
    }

    fn seen(elements: ViewerElements<'_>) -> Vec<(u8, Vec<u8>)> {
        elements.map(|element| (element.id, element.data.to_vec())).collect()
    }

    /// Ids differ per peer: each must read every extension under its own id.
    #[test]
    fn elements_change_their_ids_on_the_way() {
        let publisher = map(&[(1, ExtensionKind::AudioLevel), (2, ExtensionKind::AbsCaptureTime)]);
        let came = [ExtensionElement { id: 1, data: &[0x85] }, ExtensionElement { id: 2, data: &[7; 8] }];
        let kept = Elements::forwardable(&publisher, came.into_iter());
        let viewer = map(&[
            (9, ExtensionKind::AbsCaptureTime),
            (4, ExtensionKind::AudioLevel),
            (3, ExtensionKind::Mid),
            (5, ExtensionKind::AbsSendTime),
        ]);
        let elements = ViewerElements::new(&viewer, b"1", &[1, 2, 3], kept.as_bytes());
        let expected = [(3, b"1".to_vec()), (5, vec![1, 2, 3]), (4, vec![0x85]), (9, vec![7; 8])];
        assert_eq!(seen(elements), expected);
    }

    /// A canary: what a viewer did not negotiate, and what identifies the publisher's transport, must not reach it.
    #[test]
    fn what_was_not_negotiated_does_not_pass() {
        let publisher = map(&[
            (1, ExtensionKind::AudioLevel),
            (2, ExtensionKind::Mid),
            (3, ExtensionKind::TransportSequence),
            (4, ExtensionKind::Rid),
        ]);
        let came = (1..=14).map(|id| ExtensionElement { id, data: b"canary" });
        let kept = Elements::forwardable(&publisher, came);
        let everything =
            map(&[(2, ExtensionKind::Mid), (3, ExtensionKind::TransportSequence), (4, ExtensionKind::Rid)]);
        assert_eq!(seen(ViewerElements::new(&everything, b"", &[0; 3], kept.as_bytes())), []);
    }

    /// Two viewers, or two packets of one, never have the number in common: it stands in none that others see.
    #[test]
    fn a_number_is_of_one_packet_alone() {
        let viewer = map(&[(3, ExtensionKind::TransportSequence), (4, ExtensionKind::AudioLevel)]);
        let publisher = map(&[(1, ExtensionKind::AudioLevel)]);
        let kept = Elements::forwardable(&publisher, [ExtensionElement { id: 1, data: &[0x85] }].into_iter());
        let elements = ViewerElements::new(&viewer, b"", &[0; 3], kept.as_bytes());
        assert_eq!(seen(elements.numbered(&[1, 2])), [(3, vec![1, 2]), (4, vec![0x85])]);
        assert_eq!(seen(elements), [(4, vec![0x85])]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let publisher = map(&[(1, ExtensionKind::DependencyDescriptor), (2, ExtensionKind::AudioLevel)]);
        let long = [0; EXTENSION_BYTES_MAX];
        let came = [ExtensionElement { id: 1, data: &long }, ExtensionElement { id: 2, data: &[1] }];
        let kept = Elements::forwardable(&publisher, came.into_iter());
        let viewer = map(&[(1, ExtensionKind::DependencyDescriptor), (2, ExtensionKind::AudioLevel)]);
        assert_eq!(seen(ViewerElements::new(&viewer, b"", &[0; 3], kept.as_bytes())), [(2, vec![1])]);
    }
}
