use fanlight_wire::{LOST_RUN_STATUSES_MAX, Malformed, Member, Twcc};

use crate::bits::Bits;
use crate::member;

/// Reading transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
///
/// The input is the body. What is told of each packet is what a parser tells that spells everything out, but for the oldest
/// losses of long runs; and the walk is bounded by the bytes, not by the count that the message claims.
pub fn twcc(data: &[u8]) {
    let packet = member::around(15, 205, data);
    let body = &packet[4..];
    let twcc = match member::only(&packet) {
        Ok(Member::Twcc(twcc)) => twcc,
        Err(Malformed::BadLength) => return assert!(body.len() < 16),
        other => panic!("{other:?}"),
    };
    check_head(&twcc, body);
    let told: Vec<(u16, Option<i64>)> = twcc.packets().map(|(number, arrival)| (number.0, arrival)).collect();
    assert!(told.len() <= 7 * body.len() + usize::from(LOST_RUN_STATUSES_MAX));
    assert!(told.len() <= usize::from(twcc.status_count()));

    let spelled = reference(body, twcc.reference_time_ms() * 1000);
    let run_losses = spelled.iter().filter(|fate| fate.lost_in_run).count();
    if run_losses <= usize::from(LOST_RUN_STATUSES_MAX) {
        assert!(told.iter().copied().eq(spelled.iter().map(|fate| (fate.number, fate.arrival_us))));
    }
    let mut told = told.into_iter().peekable();
    for fate in &spelled {
        if told.next_if_eq(&(fate.number, fate.arrival_us)).is_none() {
            assert!(fate.lost_in_run, "{} is left out", fate.number);
        }
    }
    assert_eq!(told.next(), None, "told of what the message does not say");
}

fn check_head(twcc: &Twcc<'_>, body: &[u8]) {
    let mut bits = Bits::new(body);
    let mut number = |width| bits.number(width).unwrap();
    assert_eq!((twcc.sender().0, twcc.media().0), (number(32), number(32)));
    assert_eq!((u32::from(twcc.base().0), u32::from(twcc.status_count())), (number(16), number(16)));
    let units = i64::from(number(24));
    let signed = if units < 1 << 23 { units } else { units - (1 << 24) };
    assert_eq!(twcc.reference_time_ms(), signed * 64);
    assert_eq!(u32::from(twcc.feedback_count()), number(8));
}

/// What became of one packet.
struct Fate {
    number: u16,
    arrival_us: Option<i64>,
    lost_in_run: bool,
}

/// Every status that the chunks tell, up to the count; then the deltas, until one is missing or a status means nothing.
fn reference(body: &[u8], reference_us: i64) -> Vec<Fate> {
    let mut bits = Bits::new(body);
    bits.number(32).and_then(|_| bits.number(32)).unwrap();
    let (base, count) = (bits.number(16).unwrap(), bits.number(16).unwrap() as usize);
    bits.number(32).unwrap();
    let mut statuses: Vec<(u32, bool)> = Vec::new();
    while statuses.len() < count && bits.rest().len() >= 2 {
        read_chunk(&mut bits, &mut statuses);
    }
    statuses.truncate(count);
    let mut deltas = Bits::new(bits.rest());
    let mut clock_us = reference_us;
    let mut fates = Vec::new();
    for (number, (status, in_run)) in (base..).zip(statuses) {
        let delta = match status {
            0 => None,
            1 => deltas.number(8).map(i64::from),
            2 => deltas.number(16).map(|delta| i64::from(delta) - if delta < 0x8000 { 0 } else { 0x1_0000 }),
            _ => break,
        };
        if status != 0 && delta.is_none() {
            break;
        }
        clock_us += delta.unwrap_or(0) * 250;
        let number = u16::try_from(number % 65_536).unwrap();
        fates.push(Fate { number, arrival_us: delta.map(|_| clock_us), lost_in_run: status == 0 && in_run });
    }
    fates
}

/// The statuses of the next chunk, and whether a run told them.
fn read_chunk(bits: &mut Bits<'_>, statuses: &mut Vec<(u32, bool)>) {
    if !bits.flag().unwrap() {
        let status = bits.number(2).unwrap();
        let run = bits.number(13).unwrap();
        statuses.extend((0..run).map(|_| (status, true)));
    } else if bits.flag().unwrap() {
        statuses.extend((0..7).map(|_| (bits.number(2).unwrap(), false)));
    } else {
        statuses.extend((0..14).map(|_| (bits.number(1).unwrap(), false)));
    }
}
