use arbitrary::{Result, Unstructured};
use fanlight_wire::{
    ExtensionElement, PayloadType, RtpFields, RtpHeader, Sequence, Ssrc, Timestamp, write_rtp_header,
};

/// Bytes of the fields that the input begins with; the packet follows.
const FIELDS_LEN: usize = 13;

/// Rewriting headers as a forwarder does (RFC 3550 §5.1, RFC 8285 §4).
///
/// A packet is read and its header written with other fields: read again it has those fields, the elements of before and no
/// CSRC, and its length is a whole number of words. A buffer that is too short is refused, never written past.
pub fn rtp_rewrite(data: &[u8]) {
    let Some((head, packet)) = data.split_at_checked(FIELDS_LEN) else { return };
    let (Ok(fields), Ok(header)) = (fields(head), RtpHeader::parse(packet)) else { return };
    let elements: Vec<ExtensionElement<'_>> = header.extensions(packet).collect();
    // A two-byte head where one was: at most twice as long, and the alignment.
    let mut out = vec![0xee; 2 * header.header_len + 8];
    let len = write_rtp_header(&mut out, &fields, elements.iter().copied()).expect("there is room");

    let again = RtpHeader::parse(&out[..len]).unwrap();
    assert_eq!(again.fields(), fields);
    assert_eq!((again.header_len, again.csrc_count, len % 4), (len, 0, 0));
    assert_eq!(again.extensions(&out[..len]).collect::<Vec<_>>(), elements);
    assert!(out[len..].iter().all(|byte| *byte == 0xee), "written past its end");

    let mut twice = vec![0; len];
    let in_words = write_rtp_header(&mut twice, &again.fields(), again.extensions(&out[..len]));
    assert_eq!((in_words, twice.as_slice()), (Some(len), &out[..len]), "a header of ours is its own rewriting");
    let short = write_rtp_header(&mut twice[..len - 1], &fields, elements.iter().copied());
    assert_eq!(short, None);
}

fn fields(head: &[u8]) -> Result<RtpFields> {
    let mut input = Unstructured::new(head);
    Ok(RtpFields {
        marker: input.arbitrary()?,
        payload_type: PayloadType::new(input.arbitrary::<u8>()? & 0x7f).unwrap(),
        sequence: Sequence(input.arbitrary()?),
        timestamp: Timestamp(input.arbitrary()?),
        ssrc: Ssrc(input.arbitrary()?),
        padding: input.arbitrary()?,
    })
}
