use fanlight_wire::{Stun, StunClass};

/// Bytes of a STUN header. RFC 8489 §5.
const HEADER_LEN: usize = 20;

/// STUN messages (RFC 8489).
///
/// What is read says all there is: a message built anew from it has the input's bytes, those of padding apart. The walk
/// takes no more steps than there are words; USERNAME and USE-CANDIDATE are the first of their type before integrity.
pub fn stun(data: &[u8]) {
    let Ok(message) = Stun::parse(data) else { return };
    let attributes: Vec<(u16, &[u8])> = message.attributes().collect();
    assert!(attributes.len() <= (data.len() - HEADER_LEN) / 4);
    assert_eq!(emit(&message, &attributes), without_padding(data, &attributes));

    let vouched = attributes.iter().take_while(|(kind, _)| ![0x0008, 0x001c].contains(kind));
    let first = |wanted| vouched.clone().find(|(kind, _)| *kind == wanted).map(|(_, value)| *value);
    assert_eq!(message.use_candidate(), first(0x0025).is_some());
    let joined = message.username().map(|(left, right)| [left, b":", right].concat());
    assert_eq!(joined.as_deref(), first(0x0006).filter(|name| name.contains(&b':')));
    assert!(message.username().is_none_or(|(left, _)| !left.contains(&b':')), "the first colon parts them");
}

/// The message with zeros for padding.
fn emit(message: &Stun<'_>, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let class = match message.class() {
        StunClass::Request => 0,
        StunClass::Indication => 1,
        StunClass::Success => 2,
        StunClass::Error => 3,
    };
    // RFC 8489 §5, figure 3: M11–M7 C1 M6–M4 C0 M3–M0.
    let method = message.method();
    let head =
        (method & 0xf80) << 2 | (class & 2) << 7 | (method & 0x070) << 1 | (class & 1) << 4 | method & 0xf;
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let len = u16::try_from(body.len()).unwrap();
    [&head.to_be_bytes()[..], &len.to_be_bytes(), &[0x21, 0x12, 0xa4, 0x42], &message.transaction_id(), &body]
        .concat()
}

/// The input with zeros for padding: where it is follows from the lengths of the values.
fn without_padding(data: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut zeroed = data.to_vec();
    let mut end = HEADER_LEN;
    for (_, value) in attributes {
        let padding = end + 4 + value.len();
        end = padding.next_multiple_of(4);
        zeroed[padding..end].fill(0);
    }
    zeroed
}
