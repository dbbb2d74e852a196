//! What the tests of this folder share.

use fanlight_wire::{Compound, Member, RtcpWriter, Sequence, Ssrc, Twcc};

/// Feedback as a viewer sends it: written, and read again. At most what one message can tell.
pub(super) fn with_feedback<T>(
    base: u16,
    arrivals_us: &[Option<i64>],
    then: impl FnOnce(&Twcc<'_>) -> T,
) -> T {
    let mut buffer = [0; 4096];
    let mut writer = RtcpWriter::new(&mut buffer);
    let told = writer.twcc(Ssrc(1), Ssrc(2), 0, Sequence(base), arrivals_us).unwrap();
    assert_eq!(told, arrivals_us.len());
    match Compound::new(writer.as_bytes()).next() {
        Some(Ok(Member::Twcc(twcc))) => then(&twcc),
        other => panic!("{other:?}"),
    }
}
