use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use fanlight_srtp::{OpenError, RtcpOpener, RtcpSealer};

use crate::damage::damage;
use crate::keys::{PROFILES, master};

/// Indices that the replay window of a sender holds.
const WINDOW: u32 = 64;
/// Compounds sealed by one input.
const SEALED_MAX: usize = 400;

/// Sealing and opening SRTCP (RFC 3711 §3.4, RFC 7714 §9).
///
/// The input seals compounds of up to eight senders and delivers them in any order, more than once and damaged. A compound
/// opens if it is one that was sealed, did not open before and is not older than its sender's window; whatever is refused
/// changes nothing of what opens later.
pub fn srtcp(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(profile) = input.choose(&PROFILES) else { return };
    let mut exchange = Exchange {
        sealer: RtcpSealer::new(&master(*profile, 1)),
        opener: RtcpOpener::new(&master(*profile, 1)),
        overhead: profile.rtcp_overhead(),
        sealed: Vec::new(),
        opened: BTreeMap::new(),
    };
    while !input.is_empty() {
        if exchange.step(&mut input).is_err() {
            break;
        }
    }
}

/// A compound in the clear and as it went out.
struct Sealed {
    sender: u8,
    plain: Vec<u8>,
    packet: Vec<u8>,
}

struct Exchange {
    sealer: RtcpSealer,
    opener: RtcpOpener,
    overhead: usize,
    /// At its index.
    sealed: Vec<Sealed>,
    /// The indices that opened, by sender.
    opened: BTreeMap<u8, Vec<u32>>,
}

impl Exchange {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let step = input.arbitrary::<u8>()?;
        if step < 96 && self.sealed.len() < SEALED_MAX {
            self.seal(step % 8, input)
        } else {
            let back = usize::from(input.arbitrary::<u8>()?);
            let Some(index) = self.sealed.len().checked_sub(back + 1) else { return Ok(()) };
            let packet = &self.sealed[index].packet;
            let packet = if step < 224 { packet.clone() } else { damage(input, packet)? };
            self.deliver(index, packet);
            Ok(())
        }
    }

    fn seal(&mut self, sender: u8, input: &mut Unstructured<'_>) -> Result<()> {
        let len = usize::from(input.arbitrary::<u8>()?) % 40;
        let plain = [&[0x80, 201, 0, 1, 0, 0, 0, sender], input.bytes(len)?].concat();
        let mut packet = vec![0; plain.len() + self.overhead];
        let len = self.sealer.seal(&plain, &mut packet).expect("there is room");
        assert_eq!(len, packet.len());
        self.sealed.push(Sealed { sender, plain, packet });
        Ok(())
    }

    fn deliver(&mut self, index: usize, mut packet: Vec<u8>) {
        let Sealed { sender, plain, packet: sealed } = &self.sealed[index];
        let index = u32::try_from(index).unwrap();
        let is_sealed = packet == *sealed;
        let opened = self.opened.entry(*sender).or_default();
        let expected = match opened.iter().max() {
            Some(highest) if index + WINDOW <= *highest => Err(OpenError::TooOld),
            Some(_) if opened.contains(&index) => Err(OpenError::Replayed),
            _ => Ok(plain.as_slice()),
        };
        let result = self.opener.open(&mut packet);
        if is_sealed {
            assert_eq!(result, expected, "index {index} of sender {sender} after {opened:?}");
            if result.is_ok() {
                opened.push(index);
            }
        } else {
            assert!(result.is_err(), "what was not sealed is opened");
        }
    }
}
