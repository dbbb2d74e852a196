use fanlight_wire::{Malformed, RtpHeader};

use crate::bits::Bits;

/// RTP headers (RFC 3550 §5.1).
///
/// Header, payload and padding are the packet, without a gap; every field is the one of a parser that goes bit by bit; the
/// elements of the extension block lie inside the header.
pub fn rtp(data: &[u8]) {
    let Ok(header) = RtpHeader::parse(data) else {
        assert!(reference_header_len(data).is_none(), "a whole header is refused");
        return;
    };
    assert_eq!(Some(header.header_len), reference_header_len(data));
    let mut bits = Bits::new(data);
    let mut number = |width| bits.number(width).unwrap();
    assert_eq!(number(2), 2);
    assert_eq!(u32::from(header.padding), number(1));
    let has_block = number(1) == 1;
    assert_eq!(u32::from(header.csrc_count), number(4));
    assert_eq!(u32::from(header.marker), number(1));
    assert_eq!(u32::from(header.payload_type.value()), number(7));
    assert_eq!(u32::from(header.sequence.0), number(16));
    assert_eq!(header.timestamp.0, number(32));
    assert_eq!(header.ssrc.0, number(32));

    let fields = header.fields();
    assert_eq!((fields.sequence, fields.ssrc), (header.sequence, header.ssrc));
    let inside = data[..header.header_len].as_ptr_range();
    let elements: Vec<_> = header.extensions(data).collect();
    assert!(has_block || elements.is_empty());
    assert!(elements.iter().map(|element| 1 + element.data.len()).sum::<usize>() <= header.header_len);
    for element in elements {
        let range = element.data.as_ptr_range();
        assert!(range.is_empty() || inside.start <= range.start && range.end <= inside.end);
    }
    check_payload(&header, data);
}

fn check_payload(header: &RtpHeader, data: &[u8]) {
    let behind = &data[header.header_len..];
    let count = usize::from(behind.last().copied().unwrap_or(0));
    match header.payload(data) {
        Ok(payload) => {
            let padding = if header.padding { count } else { 0 };
            assert_eq!(header.header_len + payload.len() + padding, data.len());
            assert_eq!(payload, &behind[..payload.len()]);
        }
        Err(fault) => {
            assert_eq!(fault, Malformed::BadPadding);
            assert!(header.padding && (count == 0 || count > behind.len()));
        }
    }
}

/// Bytes before the payload, or None if the packet ends before.
fn reference_header_len(data: &[u8]) -> Option<usize> {
    let mut bits = Bits::new(data);
    let version = bits.number(2)?;
    let (_padding, has_block) = (bits.flag()?, bits.flag()?);
    let csrcs = bits.number(4)?;
    bits.number(24)?;
    for _ in 0..2 + csrcs {
        bits.number(32)?;
    }
    if has_block {
        let (_profile, words) = (bits.number(16)?, bits.number(16)?);
        for _ in 0..words {
            bits.number(32)?;
        }
    }
    (version == 2).then_some(bits.bytes_read())
}
