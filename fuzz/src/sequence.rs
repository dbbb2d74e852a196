use arbitrary::Unstructured;
use fanlight_wire::{ExtendedSequence, Sequence, SequenceExtender};

/// Numbers on one turn of the wire's circle.
const CIRCLE: i128 = 1 << 16;

/// Extending sequence numbers (RFC 3550 appendix A.1).
///
/// The input is a list of numbers as they arrive. Each is extended to the number nearest to the highest so far among all
/// those with the same low 16 bits, by arithmetic that cannot wrap; looking does not move the highest, observing never
/// lowers it.
pub fn sequence(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut extender = SequenceExtender::new();
    let mut highest: Option<u64> = None;
    // Some begin near the end of all numbers.
    if let (Ok(true), Ok(start)) = (input.arbitrary(), input.arbitrary::<u64>()) {
        extender.observe(ExtendedSequence(start));
        highest = Some(start);
    }
    while let (false, Ok(number), Ok(seen)) = (input.is_empty(), input.arbitrary(), input.arbitrary::<u8>()) {
        let extended = extender.extend(Sequence(number));
        assert_eq!(extended.0, reference(highest, number), "{number} beside {highest:?}");
        assert_eq!(extended.sequence(), Sequence(number));
        assert_eq!(u64::from(extended.rollover()), extended.0 >> 16 & 0xffff_ffff);
        assert_eq!(extender.highest().map(|highest| highest.0), highest);
        if seen % 4 != 0 {
            extender.observe(extended);
            highest = highest.max(Some(extended.0));
        }
    }
}

fn reference(highest: Option<u64>, number: u16) -> u64 {
    let Some(highest) = highest.map(i128::from) else { return 65_536 + u64::from(number) };
    let turn = highest / CIRCLE;
    let candidates = (turn - 1..=turn + 1).map(|turn| turn * CIRCLE + i128::from(number));
    let possible = candidates.filter_map(|candidate| u64::try_from(candidate).ok());
    // The first of two that are equally near: the older one.
    possible.min_by_key(|candidate| (i128::from(*candidate) - highest).abs()).unwrap()
}
