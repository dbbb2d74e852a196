use fanlight_wire::RtpHeader;

/// The walk over header extension elements (RFC 8285 §4.2, §4.3).
///
/// The input is a block behind one byte that chooses its form. The elements are those of a walk written with indices: ids 0
/// and 15 of the one-byte form end it, padding is stepped over, what reaches past the end is not handed out.
pub fn extensions(data: &[u8]) {
    let Some((form, block)) = data.split_first() else { return };
    let two_byte = form & 1 == 1;
    let profile: u16 = if two_byte { 0x1000 | u16::from(form >> 4) } else { 0xbede };
    let words = (block.len() / 4).min(usize::from(u16::MAX));
    let block = &block[..words * 4];
    let mut packet = vec![0x90, 96];
    packet.extend([7; 10]);
    packet.extend(profile.to_be_bytes());
    packet.extend(u16::try_from(words).unwrap().to_be_bytes());
    packet.extend(block);
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!(header.header_len, packet.len());

    let walked: Vec<(u8, &[u8])> =
        header.extensions(&packet).map(|element| (element.id, element.data)).collect();
    assert_eq!(walked, if two_byte { two_byte_form(block) } else { one_byte_form(block) });
    assert!(walked.len() <= block.len());
    assert!(two_byte || walked.iter().all(|(id, data)| (1..=14).contains(id) && (1..=16).contains(&data.len())));
}

fn one_byte_form(block: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut elements, mut at) = (Vec::new(), 0);
    while at < block.len() {
        let (id, len) = (block[at] / 16, usize::from(block[at] % 16) + 1);
        if block[at] == 0 {
            at += 1;
            continue;
        }
        if id == 0 || id == 15 || at + 1 + len > block.len() {
            break;
        }
        elements.push((id, &block[at + 1..at + 1 + len]));
        at += 1 + len;
    }
    elements
}

fn two_byte_form(block: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut elements, mut at) = (Vec::new(), 0);
    while at < block.len() {
        if block[at] == 0 {
            at += 1;
            continue;
        }
        let Some(len) = block.get(at + 1).copied().map(usize::from) else { break };
        if at + 2 + len > block.len() {
            break;
        }
        elements.push((block[at], &block[at + 2..at + 2 + len]));
        at += 2 + len;
    }
    elements
}
