//! What is counted: whole turns, and the stages that take most of them.

use std::error::Error;
use std::hint::black_box;

use fanlight_srtp::Profile;
use fanlight_wire::{classify, frame_facts};

use crate::scene::hall::{FRAME_PACKETS, Hall, TURNS_A_SECOND};
use crate::scene::keys;
use crate::scene::packets::{COMPOUND, INDEX, PAYLOADS, RECEIVER_REPORT, RTP, STUN, write_header};
use crate::scene::reading::{read_rtcp, read_rtp, read_stun};

/// A case by its name, which is that of its figure.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Left out of a short run.
    pub(crate) is_long: bool,
    /// Returns how many packets the instructions were spent on.
    run: fn() -> usize,
}

/// Every case.
pub(crate) const CASES: [Case; 9] = [
    Case { name: "parse_rtp", is_long: false, run: parse_rtp },
    Case { name: "parse_rtcp", is_long: false, run: parse_rtcp },
    Case { name: "parse_stun", is_long: false, run: parse_stun },
    Case { name: "open", is_long: false, run: open },
    Case { name: "rewrite", is_long: false, run: rewrite },
    Case { name: "seal", is_long: false, run: seal },
    Case { name: "turn_1", is_long: false, run: || turns(1, TURNS_A_SECOND) },
    Case { name: "turn_100", is_long: false, run: || turns(100, TURNS_A_SECOND) },
    // A fifth of a second has a fifth of the reports.
    Case { name: "turn_1000", is_long: true, run: || turns(1_000, TURNS_A_SECOND / 5) },
];

/// How often a case that has no turns is done.
const REPEATS: usize = 100;
/// Bytes of a sealed packet.
const PACKET_BYTES: usize = 1_200;

/// By this name callgrind finds what is to be counted: instructions from its begin to its end, callees included.
#[inline(never)]
pub(crate) fn counted<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// Runs a case; returns its packets.
pub(crate) fn run(name: &str) -> Result<usize, Box<dyn Error>> {
    let case = CASES.iter().find(|case| case.name == name).ok_or_else(|| format!("no case {name}"))?;
    Ok((case.run)())
}

/// Counts what is done for one packet, a number of times.
fn repeat<R>(mut work: impl FnMut() -> R) -> usize {
    counted(|| (0..REPEATS).for_each(|_| _ = black_box(work())));
    REPEATS
}

/// Delivered packets.
fn turns(viewers: usize, turns: usize) -> usize {
    let mut hall = Hall::with_viewers(viewers);
    for _ in 0..turns {
        hall.prepare();
        counted(|| hall.turn());
    }
    turns * viewers * FRAME_PACKETS
}

/// A publisher's packet: all that is asked of it, apart from its authenticity.
fn parse_rtp() -> usize {
    let (_, codec, payload) = PAYLOADS[0];
    repeat(|| {
        let packet = black_box(RTP);
        black_box(classify(packet));
        let (header, _) = black_box(read_rtp(packet));
        frame_facts(codec, header.marker, black_box(payload)).unwrap()
    })
}

/// A datagram of ten members, as none comes: each kind is in it.
fn parse_rtcp() -> usize {
    repeat(|| read_rtcp(black_box(COMPOUND)) + read_rtcp(black_box(RECEIVER_REPORT)))
}

fn parse_stun() -> usize {
    repeat(|| read_stun(black_box(STUN)))
}

fn open() -> usize {
    let (sealer, opener) = keys::pair(Profile::AeadAes128Gcm);
    let mut sealed = vec![0; PACKET_BYTES];
    let header_len = write_header(&mut sealed);
    let payload_len = PACKET_BYTES - header_len - Profile::AeadAes128Gcm.rtp_overhead();
    sealer.seal_in_place(INDEX, &mut sealed, header_len, payload_len).unwrap();
    let mut packets = vec![sealed; REPEATS];
    let mut unopened = packets.iter_mut();
    repeat(|| opener.open(unopened.next().unwrap(), header_len, INDEX).unwrap())
}

fn rewrite() -> usize {
    let mut slot = [0; 64];
    repeat(|| write_header(black_box(&mut slot)))
}

fn seal() -> usize {
    let (sealer, _) = keys::pair(Profile::AeadAes128Gcm);
    let mut slot = vec![0; PACKET_BYTES];
    let header_len = write_header(&mut slot);
    let payload = vec![0x5a; PACKET_BYTES - header_len - Profile::AeadAes128Gcm.rtp_overhead()];
    repeat(|| sealer.seal(INDEX, black_box(&mut slot), header_len, black_box(&payload)).unwrap())
}
