//! Transport-wide feedback: the bytes of the draft, lying messages, and what the writer makes of arrivals.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

use fanlight_wire::{Compound, LOST_RUN_STATUSES_MAX, Malformed, Member, RtcpWriter, Sequence, Ssrc, Twcc};
use proptest::prelude::*;
use rtcp::packet::{marshal, unmarshal};
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TransportLayerCc,
};

/// A message of these chunks and deltas, reference time 1 (64 ms).
fn message(base: u16, status_count: u16, chunks: &[u16], deltas: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    datagram.extend(base.to_be_bytes());
    datagram.extend(status_count.to_be_bytes());
    datagram.extend([0, 0, 1, 77]);
    datagram.extend(chunks.iter().flat_map(|chunk| chunk.to_be_bytes()));
    datagram.extend(deltas);
    let padding = datagram.len().next_multiple_of(4) - datagram.len();
    if padding != 0 {
        datagram[0] |= 0x20;
        datagram.resize(datagram.len() + padding, u8::try_from(padding).unwrap());
    }
    let words = u16::try_from(datagram.len() / 4 - 1).unwrap();
    datagram[2..4].copy_from_slice(&words.to_be_bytes());
    datagram
}

fn feedback(datagram: &[u8]) -> Twcc<'_> {
    match Compound::new(datagram).next() {
        Some(Ok(Member::Twcc(twcc))) => twcc,
        other => panic!("{other:?}"),
    }
}

fn packets(datagram: &[u8]) -> Vec<(u16, Option<i64>)> {
    feedback(datagram).packets().map(|(sequence, arrival)| (sequence.0, arrival)).collect()
}

/// What the writer makes of arrivals, and how many of them it took.
fn written(base: u16, arrivals_us: &[Option<i64>]) -> (Vec<u8>, usize) {
    let mut out = vec![0; 1 << 18];
    let mut writer = RtcpWriter::new(&mut out);
    let told = writer.twcc(Ssrc(1), Ssrc(2), 77, Sequence(base), arrivals_us).unwrap();
    (writer.as_bytes().to_vec(), told)
}

/// Why: the fixed fields, with the sign of the reference time and all three kinds of chunk.
#[test]
fn a_message_is_read_field_by_field() {
    let chunks = [
        0x2002,               // two small deltas
        0x8000 | 1 << 13 | 1, // one, twelve lost, one
        0xc000 | 2 << 12 | 1, // a large one, five lost, a small one
        0x0003,               // three lost
    ];
    let datagram = message(65_530, 26, &chunks, &[1, 2, 3, 4, 0xff, 0xfe, 6]);
    let twcc = feedback(&datagram);
    assert_eq!((twcc.sender(), twcc.media()), (Ssrc(1), Ssrc(2)));
    assert_eq!((twcc.base(), twcc.status_count(), twcc.feedback_count()), (Sequence(65_530), 26, 77));
    assert_eq!(twcc.reference_time_ms(), 64);

    let read = packets(&datagram);
    let sequences: Vec<u16> = read.iter().map(|&(sequence, _)| sequence).collect();
    assert_eq!(sequences, (0..26).map(|later| 65_530_u16.wrapping_add(later)).collect::<Vec<_>>());
    let arrived: Vec<(usize, i64)> =
        read.iter().enumerate().filter_map(|(index, &(_, arrival))| Some((index, arrival?))).collect();
    // Deltas of 1, 2, 3, 4, −2 and 6 quarters of a millisecond.
    assert_eq!(arrived, [(0, 64_250), (1, 64_750), (2, 65_500), (15, 66_500), (16, 66_000), (22, 67_500)]);

    let mut negative = datagram;
    negative[16..19].copy_from_slice(&[0xff, 0xff, 0xff]);
    assert_eq!(feedback(&negative).reference_time_ms(), -64);
    assert_eq!(packets(&negative)[0].1, Some(-63_750));
}

/// Why: a count beyond the chunks, an arrival without a delta and a reserved status are lies; what was true
/// before stands.
#[test]
fn a_lie_ends_the_walk() {
    assert_eq!(packets(&message(1, 100, &[0x2001], &[4])).len(), 1, "chunks run out (padding is none)");
    assert_eq!(
        packets(&message(1, 3, &[0x2003], &[4, 4])),
        [(1, Some(65_000)), (2, Some(66_000))],
        "deltas run out"
    );
    assert_eq!(packets(&message(1, 2, &[0x4002], &[0, 4, 0])), [(1, Some(65_000))], "half a large delta");
    assert_eq!(packets(&message(1, 3, &[0xc000 | 3 << 10, 0], &[])), [(1, None)], "a reserved status");
    assert_eq!(packets(&message(1, 9, &[0x6009], &[1; 9])), [], "a run of them");
    assert_eq!(packets(&message(1, 0, &[0x2003], &[4; 3])), [], "nothing reported");
    assert_eq!(
        packets(&message(1, 2, &[0x0000, 0x2000, 0x2002], &[4, 4])).len(),
        2,
        "empty runs say nothing"
    );
}

/// Why: eight chunks can claim 65,528 losses (A34). Work is bounded by bytes, and what did arrive is still
/// found.
#[test]
fn a_long_run_of_losses_is_stepped_over() {
    let mut chunks = vec![0x1fff; 8];
    chunks.push(0x2001);
    let read = packets(&message(0, 65_529, &chunks, &[4]));
    assert_eq!(read.len(), usize::from(LOST_RUN_STATUSES_MAX) + 1);
    assert_eq!(read.last(), Some(&(65_528, Some(65_000))));
    assert_eq!(read[0].0, 0x1fff - LOST_RUN_STATUSES_MAX, "the oldest of the run are left out");

    let lost_only = packets(&message(0, 65_535, &[0x1fff; 9], &[]));
    assert_eq!(lost_only.len(), usize::from(LOST_RUN_STATUSES_MAX));
}

/// Why: a message that ends inside its fixed part is none.
#[test]
fn a_short_message_is_refused() {
    let datagram = [0x8f, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1];
    assert_eq!(Compound::new(&datagram).next().unwrap().err(), Some(Malformed::BadLength));
}

/// Why: the form decides the bytes on the way to every publisher; these are the smallest for the commonest
/// cases.
#[test]
fn the_writer_chooses_short_chunks() {
    let all = vec![Some(1_000_000); 200];
    assert_eq!(written(0, &all).0.len(), 20 + (2 + 200_usize).next_multiple_of(4), "one run");
    let mut one_lost = all;
    one_lost[100] = None;
    // A run up to the loss, a vector round it, a run behind it.
    assert_eq!(written(0, &one_lost).0.len(), 20 + (6 + 199_usize).next_multiple_of(4));
    let outage = [vec![Some(0)], vec![None; 5000], vec![Some(100_000)]].concat();
    let (datagram, told) = written(0, &outage);
    // A vector that ends inside the outage, a run, the late arrival: 6 bytes and 1 + 2 of deltas.
    assert_eq!((datagram.len(), told), (20 + 9_usize.next_multiple_of(4), 5002));
}

/// Why: a gap of more than 8 s has no form; the caller is told where to go on, and can.
#[test]
fn the_writer_stops_before_what_it_cannot_say() {
    let second = 1_000_000;
    let arrivals = [Some(0), None, Some(8 * second), None, Some(17 * second), Some(17 * second)];
    let (datagram, told) = written(5, &arrivals);
    assert_eq!(told, 4);
    assert_eq!(packets(&datagram), [(5, Some(0)), (6, None), (7, Some(8 * second)), (8, None)]);
    let (datagram, told) = written(9, &arrivals[4..]);
    assert_eq!((told, packets(&datagram)[0]), (2, (9, Some(17 * second))));

    let backwards = [Some(20 * second), Some(second)];
    assert_eq!(written(0, &backwards).1, 1);
}

/// Why: the count has 16 bits, and there may be nothing to say at all.
#[test]
fn the_writer_keeps_to_its_counts() {
    assert_eq!(written(0, &[]), (vec![], 0));
    let (datagram, told) = written(0, &vec![Some(5000); 70_000]);
    assert_eq!((told, packets(&datagram).len()), (65_535, 65_535));
    let (datagram, told) = written(3, &[None, None]);
    assert_eq!((told, packets(&datagram)), (2, vec![(3, None), (4, None)]));
    // A caller that breaks the promise of a clock above zero gets some answer, not a panic.
    assert_eq!(written(0, &[Some(i64::MIN), Some(i64::MAX)]).1, 1);
    assert_eq!(written(0, &[Some(i64::MAX), Some(i64::MIN)]).1, 1);
}

/// Arrivals as networks make them: steps, bursts, reordering, losses one by one and in runs.
fn arbitrary_arrivals() -> impl Strategy<Value = Vec<Option<i64>>> {
    let step = prop_oneof![
        8 => (0_i64..3000).prop_map(Some),
        2 => (-20_000_i64..200_000).prop_map(Some),
        1 => (-8_000_000_i64..8_000_000).prop_map(Some),
        3 => Just(None),
    ];
    let piece = prop_oneof![
        9 => step.prop_map(|step| vec![step]),
        1 => (1_usize..60).prop_map(|losses| vec![None; losses]),
        1 => (1_usize..60).prop_map(|burst| vec![Some(0); burst]),
    ];
    (0_i64..1 << 38, prop::collection::vec(piece, 0..80)).prop_map(|(start, pieces)| {
        let mut clock = start;
        pieces
            .into_iter()
            .flatten()
            .map(|step| {
                clock = (clock + step?).max(0);
                Some(clock)
            })
            .collect()
    })
}

proptest! {
    /// Why: the whole of congestion control is computed from these arrivals. Each is within one unit of the
    /// truth, losses are losses, and nothing is told beyond what was asked.
    #[test]
    fn arrivals_read_back_within_a_quarter_of_a_millisecond(base in any::<u16>(), arrivals in arbitrary_arrivals()) {
        let (datagram, told) = written(base, &arrivals);
        if arrivals.is_empty() {
            prop_assert!(datagram.is_empty());
            return Ok(());
        }
        // The steps stay below what a delta can say.
        prop_assert_eq!(told, arrivals.len());
        let read = packets(&datagram);
        prop_assert_eq!(read.len(), told);
        for (index, ((sequence, arrival), truth)) in (0_u16..).zip(read.into_iter().zip(arrivals)) {
            prop_assert_eq!(sequence, base.wrapping_add(index));
            prop_assert_eq!(arrival.is_some(), truth.is_some());
            if let (Some(arrival), Some(truth)) = (arrival, truth) {
                prop_assert!(arrival.abs_diff(truth) <= 125, "{arrival} for {truth}");
            }
        }
    }

    /// Why: another implementation must find the same statuses and the same deltas in our bytes.
    #[test]
    fn another_reader_sees_the_same_arrivals(base in any::<u16>(), arrivals in arbitrary_arrivals()) {
        // Theirs refuses a message without any delta.
        prop_assume!(arrivals.iter().any(Option::is_some));
        let (datagram, _) = written(base, &arrivals);
        let theirs = unmarshal(&mut datagram.as_slice()).unwrap();
        let theirs = theirs[0].as_any().downcast_ref::<TransportLayerCc>().unwrap();
        let ours = feedback(&datagram);
        prop_assert_eq!((theirs.sender_ssrc, theirs.media_ssrc), (1, 2));
        prop_assert_eq!((theirs.base_sequence_number, theirs.fb_pkt_count), (base, 77));
        prop_assert_eq!(usize::from(theirs.packet_status_count), arrivals.len());
        prop_assert_eq!(i64::from(theirs.reference_time) * 64, ours.reference_time_ms());
        let mut clock_us = ours.reference_time_ms() * 1000;
        let their_arrivals: Vec<i64> = theirs
            .recv_deltas
            .iter()
            .map(|delta| {
                clock_us += delta.delta;
                clock_us
            })
            .collect();
        let our_arrivals: Vec<i64> = ours.packets().filter_map(|(_, arrival)| arrival).collect();
        prop_assert_eq!(our_arrivals, their_arrivals);
    }

    /// Why: we must read any legal packing of statuses, not only our own writer's.
    #[test]
    fn we_see_what_another_writer_wrote(chunks in prop::collection::vec(their_chunk(), 1..20), noise in any::<u64>()) {
        let statuses: Vec<SymbolTypeTcc> = chunks.iter().flat_map(their_statuses).collect();
        let recv_deltas: Vec<RecvDelta> = statuses
            .iter()
            .zip(0_i64..)
            .filter_map(|(&status, index)| {
                let noise = i64::from(noise.rotate_left(7 * u32::try_from(index % 64).unwrap()).to_be_bytes()[0]);
                match status {
                    SymbolTypeTcc::PacketReceivedSmallDelta => Some(noise),
                    SymbolTypeTcc::PacketReceivedLargeDelta if noise % 2 == 0 => Some(-1 - 100 * noise),
                    SymbolTypeTcc::PacketReceivedLargeDelta => Some(256 + 100 * noise),
                    _ => None,
                }
                .map(|ticks| RecvDelta { type_tcc_packet: status, delta: ticks * 250 })
            })
            .collect();
        let mut clock_us = 640_000;
        let mut deltas = recv_deltas.iter();
        let expected: Vec<Option<i64>> = statuses
            .iter()
            .map(|status| {
                (*status != SymbolTypeTcc::PacketNotReceived).then(|| {
                    clock_us += deltas.next().unwrap().delta;
                    clock_us
                })
            })
            .collect();
        let theirs = TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: 2,
            base_sequence_number: 3,
            packet_status_count: u16::try_from(statuses.len()).unwrap(),
            reference_time: 10,
            fb_pkt_count: 4,
            packet_chunks: chunks,
            recv_deltas,
        };
        let datagram = marshal(&[Box::new(theirs)]).unwrap();
        let read: Vec<Option<i64>> = feedback(&datagram).packets().map(|(_, arrival)| arrival).collect();
        prop_assert_eq!(read, expected);
    }
}

/// A chunk with full vectors, in their words.
fn their_chunk() -> impl Strategy<Value = PacketStatusChunk> {
    let symbol = |number: u8| match number {
        0 => SymbolTypeTcc::PacketNotReceived,
        1 => SymbolTypeTcc::PacketReceivedSmallDelta,
        _ => SymbolTypeTcc::PacketReceivedLargeDelta,
    };
    let vector = move |symbol_size, symbols: Vec<u8>| {
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
            type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
            symbol_size,
            symbol_list: symbols.into_iter().map(symbol).collect(),
        })
    };
    prop_oneof![
        (0_u8..3, 1_u16..40).prop_map(move |(status, run_length)| {
            PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: symbol(status),
                run_length,
            })
        }),
        prop::collection::vec(0_u8..2, 14)
            .prop_map(move |symbols| vector(SymbolSizeTypeTcc::OneBit, symbols)),
        prop::collection::vec(0_u8..3, 7).prop_map(move |symbols| vector(SymbolSizeTypeTcc::TwoBit, symbols)),
    ]
}

fn their_statuses(chunk: &PacketStatusChunk) -> Vec<SymbolTypeTcc> {
    match chunk {
        PacketStatusChunk::RunLengthChunk(run) => vec![run.packet_status_symbol; usize::from(run.run_length)],
        PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    }
}
