use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use fanlight_srtp::{Profile, ReceiveIndex, Replay, RtpOpener, RtpSealer};

use crate::keys::master;

/// Indices that the window holds.
const WINDOW: u64 = 1024;
/// Indices end before this one.
const INDEX_END: u64 = 1 << 48;

/// The receiver's index and its replay window (RFC 3711 §3.3).
///
/// The input is a list of packets, each with the index that its sender meant. What is said of each is what a set of all
/// accepted indices says; what a sequence number is taken for is the nearest index that ends in it. Accepting twice, or what
/// is too old, changes nothing.
pub fn replay_window(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut receiver = Receiver::new();
    while !input.is_empty() {
        if receiver.step(&mut input).is_err() {
            break;
        }
    }
}

struct Receiver {
    stream: ReceiveIndex,
    accepted: BTreeSet<u64>,
    sealer: RtpSealer,
    opener: RtpOpener,
}

impl Receiver {
    fn new() -> Self {
        let key = || master(Profile::AeadAes128Gcm, 1);
        Self {
            stream: ReceiveIndex::new(),
            accepted: BTreeSet::new(),
            sealer: RtpSealer::new(&key()),
            opener: RtpOpener::new(&key()),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let highest = self.accepted.last().copied().unwrap_or(0);
        let step = input.arbitrary::<u8>()?;
        let index = match step % 8 {
            0 => input.arbitrary::<u64>()? >> 16,
            1 => highest + u64::from(input.arbitrary::<u16>()?),
            2 => highest.saturating_sub(u64::from(input.arbitrary::<u16>()?)),
            3 | 4 => highest.saturating_sub(u64::from(input.arbitrary::<u16>()?) % (WINDOW + 8)),
            _ => highest + u64::from(input.arbitrary::<u8>()?),
        };
        let index = index.min(INDEX_END - 1);
        let verdict = self.stream.check(index);
        assert_eq!(verdict, self.reference_check(index), "{index} with {highest} the highest");
        self.check_estimate(input.arbitrary()?);
        // Some are accepted against the verdict: it must not matter.
        if verdict.is_ok() && step & 0x80 == 0 || step & 0xc0 == 0xc0 {
            self.accept(index);
        }
        Ok(())
    }

    fn accept(&mut self, index: u64) {
        let [.., high, low] = index.to_be_bytes();
        let mut packet = vec![0x80, 96, high, low, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.resize(12 + Profile::AeadAes128Gcm.rtp_overhead(), 0);
        self.sealer.seal(index, &mut packet, 12, &[]).unwrap();
        let proof = self.opener.open(&mut packet, 12, index).unwrap();
        self.stream.accept(&proof);
        if self.reference_check(index).is_ok() {
            self.accepted.insert(index);
        }
    }

    fn reference_check(&self, index: u64) -> std::result::Result<(), Replay> {
        match self.accepted.last() {
            Some(highest) if index + WINDOW <= *highest => Err(Replay::TooOld),
            _ if self.accepted.contains(&index) => Err(Replay::AlreadySeen),
            _ => Ok(()),
        }
    }

    /// The nearest of all indices that end in the number; of two the one with the same rollover counter.
    fn check_estimate(&self, sequence: u16) {
        let estimate = self.stream.estimate(sequence);
        assert_eq!(estimate & 0xffff, u64::from(sequence));
        let Some(highest) = self.accepted.last().copied() else { return assert_eq!(estimate >> 16, 0) };
        let rollover = highest >> 16;
        let candidates =
            [Some(rollover), rollover.checked_sub(1), Some(rollover + 1)].into_iter().flatten();
        let nearest = candidates
            .map(|rollover| rollover << 16 | u64::from(sequence))
            .min_by_key(|candidate| candidate.abs_diff(highest))
            .unwrap();
        if nearest < INDEX_END {
            assert_eq!(estimate, nearest, "{sequence} beside {highest}");
        } else {
            assert_eq!(self.stream.check(estimate), Err(Replay::TooOld), "there are no more indices");
        }
    }
}
