use fanlight_wire::{Compound, MEMBERS_MAX, Malformed, Member};

/// Compound RTCP (RFC 3550 §6.1).
///
/// The members tile the input as the lengths in their headers say, up to the first that is wrong; there are 32 at most; an
/// error is the last thing said.
pub fn rtcp(data: &[u8]) {
    let members: Vec<Result<Member<'_>, Malformed>> = Compound::new(data).collect();
    let frames = frames(data);
    let good = members.iter().take_while(|member| member.is_ok()).count();
    assert!(good <= MEMBERS_MAX && members.len() <= good + 1);
    assert!(good <= frames.len(), "a member that no frame holds");
    for (member, (format, packet_type)) in members.iter().flatten().zip(&frames) {
        check_type(member, *format, *packet_type);
    }
    match members.last() {
        Some(Err(Malformed::TooManyMembers)) => assert!(good == MEMBERS_MAX),
        Some(Err(fault @ (Malformed::BadVersion | Malformed::TooShort))) => {
            assert_eq!(good, frames.len(), "{fault:?} though a frame follows");
        }
        // Of a frame, or of what is inside a frame.
        Some(Err(fault)) => assert!(matches!(fault, Malformed::BadLength | Malformed::BadPadding)),
        Some(Ok(_)) => {
            let tiled = frames.len() == members.len() && frames_len(data, frames.len()) == data.len();
            assert!(tiled, "bytes that belong to no member");
        }
        None => assert!(data.is_empty()),
    }
}

/// Format and packet type of each packet with a right header that the datagram holds whole.
fn frames(data: &[u8]) -> Vec<(u8, u8)> {
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(head) = data.get(at..at + 4) {
        at += 4 * (1 + usize::from(head[2]) * 256 + usize::from(head[3]));
        if head[0] / 64 != 2 || at > data.len() {
            break;
        }
        frames.push((head[0] % 32, head[1]));
    }
    frames
}

/// Bytes of the first `count` packets.
fn frames_len(data: &[u8], count: usize) -> usize {
    (0..count).fold(0, |at, _| at + 4 * (1 + usize::from(data[at + 2]) * 256 + usize::from(data[at + 3])))
}

/// RFC 3550 §12.1, RFC 4585 §6.1.
fn check_type(member: &Member<'_>, format: u8, packet_type: u8) {
    let expected = match member {
        Member::SenderReport(report) => {
            assert_eq!(report.reports().len(), usize::from(format));
            (200, format)
        }
        Member::ReceiverReport(report) => {
            assert_eq!(report.reports().len(), usize::from(format));
            (201, format)
        }
        Member::SourceDescription(description) => {
            assert_eq!(description.chunks().count(), usize::from(format));
            (202, format)
        }
        Member::Bye(bye) => {
            assert_eq!(bye.ssrcs().len(), usize::from(format));
            (203, format)
        }
        Member::Nack(_) => (205, 1),
        Member::Twcc(_) => (205, 15),
        Member::Pli(_) => (206, 1),
        Member::Fir(fir) => {
            assert!(fir.entries().len() > 0);
            (206, 4)
        }
        Member::Remb(_) => (206, 15),
        Member::Other { packet_type, format } => (*packet_type, *format),
    };
    assert_eq!(expected, (packet_type, format));
}
