//! SRTP contexts whose keys a benchmark holds on both sides.

use fanlight_srtp::{MasterKey, Profile, RtpOpener, RtpSealer};

/// What seals, and what opens that.
pub(crate) fn pair(profile: Profile) -> (RtpSealer, RtpOpener) {
    let bytes: Vec<u8> = (0..46).map(|place: u8| place.wrapping_mul(7)).collect();
    let (key, salt) = bytes.split_at(32);
    let master = MasterKey::new(profile, &key[..profile.key_len()], &salt[..profile.salt_len()]).unwrap();
    (RtpSealer::new(&master), RtpOpener::new(&master))
}
