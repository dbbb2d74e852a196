//! SRTP keys that a target holds.

use fanlight_srtp::{MasterKey, Profile};

pub(crate) const PROFILES: [Profile; 3] =
    [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

/// The master key of this number; no other number gives it.
pub(crate) fn master(profile: Profile, number: u8) -> MasterKey {
    let bytes: Vec<u8> = (0..46_u8).map(|place| place.wrapping_mul(7).wrapping_add(number)).collect();
    let (key, salt) = bytes.split_at(32);
    MasterKey::new(profile, &key[..profile.key_len()], &salt[..profile.salt_len()]).unwrap()
}
