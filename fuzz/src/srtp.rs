use arbitrary::{Result, Unstructured};
use fanlight_srtp::{OpenError, Profile, RtpOpener, RtpSealer, SealError};

use crate::damage::damage;
use crate::keys::{PROFILES, master};

/// Indices end before this one. RFC 3711 §3.3.1.
const INDEX_END: u64 = 1 << 48;

/// Sealing and opening SRTP (RFC 3711 §3.1, RFC 7714 §8).
///
/// A packet is sealed, out of place and in place alike, and damaged. It opens to its payload if it is the one that was sealed,
/// under the index that it was sealed with, and in no other case; nor does anything that was never sealed.
pub fn srtp(data: &[u8]) {
    // The end of the input is the end of the attempt.
    let _ = attempt(&mut Unstructured::new(data));
}

fn attempt(input: &mut Unstructured<'_>) -> Result<()> {
    let profile = *input.choose(&PROFILES)?;
    let (index, seen_as) = (input.arbitrary::<u64>()? >> input.int_in_range(0..=48)?, input.arbitrary::<u8>()?);
    // CSRCs and extension words behind the fixed part.
    let words = input.int_in_range(0..=20_usize)?;
    let mut header = input.bytes(12 + 4 * words)?.to_vec();
    let [.., high, low] = index.to_be_bytes();
    header[2..4].copy_from_slice(&[high, low]);
    let damaged_by = input.bytes(12)?;
    let payload = input.bytes(input.len())?;

    let Some(sealed) = seal(profile, index, &header, payload) else {
        assert!(index >= INDEX_END, "what can be sealed is not");
        return Ok(());
    };
    let opener = RtpOpener::new(&master(profile, 1));
    let damaged = damage(&mut Unstructured::new(damaged_by), &sealed)?;
    let index_seen = match seen_as {
        0..=200 => index,
        201..=227 => index ^ 1 << 16,
        _ => index.wrapping_add(u64::from(seen_as)),
    };
    let mut packet = damaged.clone();
    match opener.open(&mut packet, header.len(), index_seen) {
        Ok(proof) => {
            assert!(damaged == sealed && index_seen == index, "what was not sealed is opened");
            assert_eq!(proof.index(), index);
            assert_eq!(packet[header.len()..][..proof.payload_len()], *payload);
        }
        Err(fault) => {
            assert!(damaged != sealed || index_seen != index, "what was sealed is not opened: {fault}");
            assert!(matches!(fault, OpenError::TooShort | OpenError::WrongIndex | OpenError::NotAuthentic));
        }
    }
    let other = RtpOpener::new(&master(profile, 2));
    assert!(other.open(&mut sealed.clone(), header.len(), index).is_err(), "another key opens it");
    check_plaintext(&opener, profile, index, &header, payload);
    Ok(())
}

/// What was never sealed does not open. The engine sees the tags that this target compares, and puts them into its inputs: a
/// payload may be a sealed one after all, and then it is exactly what sealing its plaintext gives.
fn check_plaintext(opener: &RtpOpener, profile: Profile, index: u64, header: &[u8], payload: &[u8]) {
    let plain = [header, payload].concat();
    let mut packet = plain.clone();
    if let Ok(proof) = opener.open(&mut packet, header.len(), index) {
        let text = &packet[header.len()..][..proof.payload_len()];
        assert_eq!(seal(profile, index, header, text), Some(plain), "plaintext is opened");
    }
}

/// The sealed packet; both ways of sealing give the same one, and refuse a buffer that is a byte too short.
fn seal(profile: Profile, index: u64, header: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let sealer = RtpSealer::new(&master(profile, 1));
    let len = header.len() + payload.len() + profile.rtp_overhead();
    let mut apart = vec![0; len];
    apart[..header.len()].copy_from_slice(header);
    let mut in_place = apart.clone();
    in_place[header.len()..][..payload.len()].copy_from_slice(payload);
    let short = sealer.seal(index, &mut apart[..len - 1], header.len(), payload);
    let sealed = sealer.seal(index, &mut apart, header.len(), payload);
    let sealed_in_place = sealer.seal_in_place(index, &mut in_place, header.len(), payload.len());
    assert_eq!(sealed, sealed_in_place);
    match sealed {
        Ok(written) => {
            assert_eq!((written, short), (len, Err(SealError::NoRoom)));
            assert_eq!(apart, in_place);
            assert_eq!(apart[..header.len()], *header);
            Some(apart)
        }
        Err(fault) => {
            assert_eq!(fault, SealError::IndexExhausted);
            None
        }
    }
}
