use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Result, Unstructured};
use fanlight_shard::bandwidth::Bandwidth;
use fanlight_shard::limits::{ESTIMATE_BPS_MAX, ESTIMATE_BPS_MIN};
use fanlight_wire::Member;

use crate::member;

/// Steps of one input.
const STEPS_MAX: usize = 500;

/// Padding that may be due at once, bytes: the highest rate over the longest probe.
const PADDING_BYTES_MAX: u64 = 60_000_000 / 8 * 150 / 1000;

#[derive(Debug)]
enum Step {
    /// Packets of so many bytes leave, so many µs apart.
    Send { packets: u8, bytes: u16, apart_us: u16 },
    /// Feedback whose body may say anything; it tells of packets that left if `aimed`.
    Feedback { aimed: bool, back: u8, body: [u8; 48], round_trip_ms: Option<u16> },
    Wait { milliseconds: u16 },
    Want { kilobits: Option<u32> },
    /// Padding leaves as far as it is due.
    Pad,
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match input.arbitrary::<u8>()? % 8 {
            0..=2 => Self::Send {
                packets: input.arbitrary()?,
                bytes: input.arbitrary()?,
                apart_us: input.arbitrary()?,
            },
            3 | 4 => Self::Feedback {
                aimed: input.arbitrary()?,
                back: input.arbitrary()?,
                body: input.arbitrary()?,
                round_trip_ms: input.arbitrary()?,
            },
            5 => Self::Wait { milliseconds: input.arbitrary()? },
            6 => Self::Want { kilobits: input.arbitrary()? },
            _ => Self::Pad,
        })
    }
}

/// What a viewer may say about the packets that it was sent (the estimator of its link).
///
/// The input is a list of steps: packets leave, feedback of any body comes, time goes by, a rate is wanted. The estimate is
/// within its bounds; padding is due only when a rate was wanted, and bounded; feedback allocates nothing; and
/// the same steps give the same estimates.
pub fn bandwidth_feedback(data: &[u8]) {
    let start = Instant::now();
    let estimates = run(data, start);
    assert_eq!(run(data, start), estimates);
}

fn run(data: &[u8], start: Instant) -> Vec<Option<u64>> {
    let mut input = Unstructured::new(data);
    let mut now = start;
    let mut bandwidth = Bandwidth::new(now);
    let (mut next, mut asked, mut estimates) = (0_u16, false, Vec::new());
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut input) else { break };
        match step {
            Step::Send { packets, bytes, apart_us } => {
                for _ in 0..packets {
                    now += Duration::from_micros(apart_us.into());
                    next = send(&mut bandwidth, now, bytes.into(), false);
                }
            }
            Step::Feedback { aimed, back, mut body, round_trip_ms } => {
                if aimed {
                    body[8..10].copy_from_slice(&next.wrapping_sub(back.into()).to_be_bytes());
                }
                take(&mut bandwidth, now, &body, round_trip_ms);
            }
            Step::Wait { milliseconds } => {
                now += Duration::from_millis(milliseconds.into());
                bandwidth.tick(now);
            }
            Step::Want { kilobits } => {
                bandwidth.want(kilobits.map(|kilobits| u64::from(kilobits) * 1000));
                asked |= kilobits.is_some();
            }
            Step::Pad => {
                assert!(asked || bandwidth.padding_due(now) == 0, "padding that nobody wanted");
                pad(&mut bandwidth, now);
            }
        }
        let estimate = bandwidth.estimate_bps();
        assert!(estimate.is_none_or(|bps| (ESTIMATE_BPS_MIN..=ESTIMATE_BPS_MAX).contains(&(bps as f64))));
        estimates.push(estimate);
    }
    estimates
}

fn send(bandwidth: &mut Bandwidth, now: Instant, bytes: usize, is_padding: bool) -> u16 {
    let sequence = bandwidth.next_sequence();
    bandwidth.sent(now, sequence, bytes, is_padding);
    sequence.0
}

fn take(bandwidth: &mut Bandwidth, now: Instant, body: &[u8], round_trip_ms: Option<u16>) {
    let packet = member::around(15, 205, body);
    let Ok(Member::Twcc(twcc)) = member::only(&packet) else { panic!("48 bytes are a body") };
    let round_trip = round_trip_ms.map(|ms| Duration::from_millis(ms.into()));
    let allocations = allocation_counter::measure(|| bandwidth.feedback(now, &twcc, round_trip));
    assert_eq!(allocations.count_total, 0);
}

fn pad(bandwidth: &mut Bandwidth, now: Instant) {
    let due = bandwidth.padding_due(now);
    assert!(due <= PADDING_BYTES_MAX, "{due} bytes at once");
    while bandwidth.padding_due(now) > 0 {
        send(bandwidth, now, 1000, true);
    }
}
