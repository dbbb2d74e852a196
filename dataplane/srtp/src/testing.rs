//! What the unit tests share: hexadecimal vectors, keys, packets.

use crate::{MasterKey, Profile};

pub(crate) const PROFILES: [Profile; 3] =
    [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

/// Bytes from hexadecimal digits; white space is for the reader.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digit = |digit: char| u8::try_from(digit.to_digit(16).unwrap()).unwrap();
    let digits: Vec<u8> = digits.chars().filter(|digit| !digit.is_whitespace()).map(digit).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte");
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// As [`hex`], of a known length.
pub(crate) fn hex_array<const LEN: usize>(digits: &str) -> [u8; LEN] {
    hex(digits).try_into().unwrap()
}

/// A master key that no other `seed` gives.
pub(crate) fn master_key(profile: Profile, seed: u8) -> MasterKey {
    let bytes: Vec<u8> = (0..46_u8).map(|at| at.wrapping_mul(7).wrapping_add(seed)).collect();
    let (key, salt) = bytes.split_at(32);
    MasterKey::new(profile, &key[..profile.key_len()], &salt[..profile.salt_len()]).unwrap()
}

/// An RTP header of `header_len` bytes, 12 or more, with a recognisable rest.
pub(crate) fn rtp_header(sequence: u16, ssrc: u32, header_len: usize) -> Vec<u8> {
    let mut header = vec![0x80, 96];
    header.extend(sequence.to_be_bytes());
    header.extend(0x1234_5678_u32.to_be_bytes());
    header.extend(ssrc.to_be_bytes());
    header.extend((0..header_len - 12).map(|at| 0xe0 | u8::try_from(at % 32).unwrap()));
    header
}

/// A payload whose bytes all depend on where they are.
pub(crate) fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}
