//! Which of a publisher's tracks a new SSRC belongs to: by its m-section (RFC 8843 §9.2), and of an m-section in layers by the
//! layer that it names, or that its retransmission stream repairs (RFC 8852 §3.1, §3.2). Browsers name both until a receiver
//! report says that the SSRC was seen, so that a binding has to last.

use fanlight_wire::{ExtensionElement, ExtensionKind, ExtensionMap, PayloadType};

use crate::receiver::Stream;
use crate::reject::Reject;
use crate::spec::PublishedTrack;

/// What a packet says of where it belongs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names<'p> {
    mid: Option<&'p [u8]>,
    rid: Option<&'p [u8]>,
    repaired_rid: Option<&'p [u8]>,
}

impl<'p> Names<'p> {
    pub(crate) fn read(map: &ExtensionMap, elements: impl Iterator<Item = ExtensionElement<'p>>) -> Self {
        let mut names = Self::default();
        for element in elements {
            match map.kind(element.id) {
                Some(ExtensionKind::Mid) => names.mid = Some(element.data),
                Some(ExtensionKind::Rid) => names.rid = Some(element.data),
                Some(ExtensionKind::RepairedRid) => names.repaired_rid = Some(element.data),
                _ => {}
            }
        }
        names
    }

    fn layer(&self, stream: Stream) -> Option<&'p [u8]> {
        match stream {
            Stream::Media => self.rid,
            Stream::Retransmission => self.repaired_rid,
        }
    }
}

/// What packets of this payload type are to the track. None: they are not its.
pub(crate) fn stream_of(track: &PublishedTrack, payload_type: PayloadType) -> Option<Stream> {
    if [Some(track.payload_type), track.red_payload_type].contains(&Some(payload_type)) {
        Some(Stream::Media)
    } else {
        (track.rtx_payload_type == Some(payload_type)).then_some(Stream::Retransmission)
    }
}

/// The track's place among `tracks`, and what the stream carries for it.
pub(crate) fn find<'t>(
    tracks: impl Iterator<Item = &'t PublishedTrack> + Clone,
    names: &Names<'_>,
    payload_type: PayloadType,
) -> Result<(usize, Stream), Reject> {
    let is_named = |track: &&PublishedTrack| names.mid.is_none_or(|mid| track.mid.as_slice() == mid);
    if !tracks.clone().any(|track| is_named(&track)) {
        return Err(Reject::Unbound);
    }
    let mut candidates = tracks
        .enumerate()
        .filter(|(_, track)| is_named(track))
        .filter_map(|(place, track)| Some((place, track.rid, stream_of(track, payload_type)?)))
        .peekable();
    let (place, rid, stream) = *candidates.peek().ok_or(Reject::UnknownPayloadType)?;
    if rid.is_none() {
        return Ok((place, stream));
    }
    let name = names.layer(stream).ok_or(Reject::Unbound)?;
    let layer = candidates.find(|(_, rid, _)| rid.is_some_and(|rid| rid.as_bytes() == name));
    layer.map(|(place, _, stream)| (place, stream)).ok_or(Reject::UnknownRid)
}

#[cfg(test)]
mod tests {
    use fanlight_wire::codec::Codec;

    use super::*;
    use crate::spec::{Rid, TrackId};

    fn track(mid: &[u8], rid: Option<&[u8]>, payload_types: [u8; 2]) -> PublishedTrack {
        let [payload_type, rtx] = payload_types.map(PayloadType::new);
        PublishedTrack {
            track: TrackId(1),
            mid: mid.iter().copied().collect(),
            rid: rid.map(|rid| Rid::new(rid).unwrap()),
            codec: Codec::Vp8,
            clock_rate_hz: 90_000,
            payload_type: payload_type.unwrap(),
            rtx_payload_type: rtx,
            red_payload_type: None,
            ssrc: None,
            rtx_ssrc: None,
            nack: true,
            pli: true,
            transport_cc: true,
        }
    }

    fn found(names: [Option<&[u8]>; 3], payload_type: u8) -> Result<(usize, Stream), Reject> {
        let tracks = [
            track(b"a", None, [111, 112]),
            track(b"v", Some(b"q"), [96, 97]),
            track(b"v", Some(b"h"), [96, 97]),
        ];
        let [mid, rid, repaired_rid] = names;
        let names = Names { mid, rid, repaired_rid };
        find(tracks.iter(), &names, PayloadType::new(payload_type).unwrap())
    }

    /// Layers share m-section and payload types: the rid alone tells them apart, and the repaired rid their retransmissions.
    #[test]
    fn a_layer_is_found_by_its_rid_and_its_retransmissions_by_the_rid_they_repair() {
        let (v, q, h) = (Some(&b"v"[..]), Some(&b"q"[..]), Some(&b"h"[..]));
        assert_eq!(found([v, q, None], 96), Ok((1, Stream::Media)));
        assert_eq!(found([v, h, None], 96), Ok((2, Stream::Media)));
        assert_eq!(found([v, None, h], 97), Ok((2, Stream::Retransmission)));
        assert_eq!(
            found([None, h, None], 96),
            Ok((2, Stream::Media)),
            "the payload type names the m-section"
        );
        assert_eq!(found([Some(b"a"), None, None], 111), Ok((0, Stream::Media)));
    }

    /// To guess a layer would show one viewer's decoder two pictures in turn.
    #[test]
    fn what_names_no_layer_of_ours_is_bound_to_none() {
        let v = Some(&b"v"[..]);
        assert_eq!(found([v, Some(b"x"), None], 96), Err(Reject::UnknownRid));
        assert_eq!(found([v, Some(b"qq"), None], 96), Err(Reject::UnknownRid));
        assert_eq!(found([v, None, Some(b"x")], 97), Err(Reject::UnknownRid));
        assert_eq!(found([v, None, None], 96), Err(Reject::Unbound));
        assert_eq!(found([v, Some(b"q"), None], 97), Err(Reject::Unbound), "a rid names no repaired stream");
        assert_eq!(found([Some(b"w"), Some(b"q"), None], 96), Err(Reject::Unbound));
        assert_eq!(found([v, Some(b"q"), None], 111), Err(Reject::UnknownPayloadType));
    }
}
