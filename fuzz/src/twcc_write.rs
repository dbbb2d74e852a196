use arbitrary::{Result, Unstructured};
use fanlight_wire::{Member, RtcpWriter, Sequence, Ssrc};

use crate::member;

/// Packets that one input may tell of.
const PACKETS_MAX: usize = 3000;
/// The widest delta that a message can tell, in µs: 15 bits of 250 µs. An arrival is rounded by half a unit.
const DELTA_MAX_US: i64 = 0x7fff * 250;

/// Writing transport-wide feedback.
///
/// The input is a list of arrivals. What is written reads back packet for packet, each arrival within 125 µs; it stops only
/// before an arrival that no delta reaches; and it is never longer than two bytes a packet and its head, nor is it written at
/// all where that does not fit.
pub fn twcc_write(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let (Ok(base), Ok(arrivals)) = (input.arbitrary(), arrivals(&mut input)) else { return };
    // Head, at worst two bits and two bytes a packet, and what fills up the last chunk and word.
    let mut out = vec![0; 20 + 3 * arrivals.len() + 8];
    let mut writer = RtcpWriter::new(&mut out);
    let told = writer.twcc(Ssrc(1), Ssrc(2), 7, Sequence(base), &arrivals).expect("there is room");
    if told == 0 {
        return assert!(writer.is_empty() && arrivals.is_empty());
    }
    let written = writer.as_bytes();
    let Ok(Member::Twcc(twcc)) = member::only(written) else { panic!("ours is not read") };
    assert_eq!((twcc.base(), usize::from(twcc.status_count()), twcc.feedback_count()), (Sequence(base), told, 7));
    check_end(&arrivals, told);
    let read = twcc.packets().map(|(sequence, arrival)| (sequence.0.wrapping_sub(base), arrival));
    for (place, arrival) in read {
        match (arrival, arrivals[usize::from(place)]) {
            (None, None) => {}
            (Some(read), Some(meant)) => {
                let off = circle_distance(meant, read);
                assert!(off <= 125, "packet {place} is {off} µs off");
            }
            other => panic!("packet {place}: {other:?}"),
        }
    }
    let len = written.len();
    let mut short = vec![0; len - 1];
    assert!(RtcpWriter::new(&mut short).twcc(Ssrc(1), Ssrc(2), 7, Sequence(base), &arrivals).is_err());
}

/// How far apart two moments are on the reader's clock, which is modulo 2²⁴ units of 64 ms.
const fn circle_distance(one: i64, other: i64) -> i64 {
    const CIRCLE_US: i64 = (1 << 24) * 64_000;
    let forward = (one - other).rem_euclid(CIRCLE_US);
    if forward < CIRCLE_US - forward { forward } else { CIRCLE_US - forward }
}

/// A message that ends early does so before an arrival too far from the one before.
fn check_end(arrivals: &[Option<i64>], told: usize) {
    let Some(next) = arrivals.get(told) else { return };
    let before = arrivals[..told].iter().flatten().last().expect("the first arrival is always told");
    let delta = next.expect("a loss is always told") - before;
    assert!(delta.abs() > DELTA_MAX_US - 500, "{delta} µs can be told");
}

/// Mostly small steps of the clock, some wide ones, losses and runs of losses.
fn arrivals(input: &mut Unstructured<'_>) -> Result<Vec<Option<i64>>> {
    let mut clock_us = i64::from(input.arbitrary::<u32>()?) * 1000;
    let mut arrivals = Vec::new();
    while !input.is_empty() && arrivals.len() < PACKETS_MAX {
        match input.arbitrary::<u8>()? {
            0..=31 => arrivals.push(None),
            32..=39 => {
                let run = usize::from(input.arbitrary::<u8>()?) * 4;
                arrivals.resize(arrivals.len() + run, None);
            }
            40..=55 => {
                clock_us = clock_us.saturating_add(i64::from(input.arbitrary::<i32>()?)).max(0);
                arrivals.push(Some(clock_us));
            }
            small => {
                clock_us += i64::from(small) * 97;
                arrivals.push(Some(clock_us));
            }
        }
    }
    Ok(arrivals)
}
