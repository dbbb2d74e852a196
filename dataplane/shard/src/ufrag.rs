//! Our ICE username fragment carries its own route: shard, slot, generation and a keyed tag.
//!
//! A binding request then finds its session with no table, and a random or forged username dies at the tag, before any
//! HMAC or look-up: one in 2³² gets through by chance, to be refused by the session's own message integrity.
//!
//! ```text
//!   bits  12        16       24          24              32            = 108 bits = 18 ice-chars of 6 bits (RFC 8839 §5.4)
//!        restart   shard     slot     generation    SipHash-2-4 tag
//! ```
//!
//! Each ICE restart of a session has a fragment of its own (RFC 8445 §9), and all of them lead to the session.

use std::hash::Hasher;

use fanlight_wire::Stun;
use siphasher::sip::SipHasher24;

use crate::spec::{SessionKey, ShardId};

/// Characters of a username fragment of ours.
pub const UFRAG_LEN: usize = 18;

/// Largest slot and generation that fit.
pub const UFRAG_FIELD_MAX: u32 = (1 << 24) - 1;

/// Largest number of a restart; the one after it is 0 again. Only a session's last two are alive at a time.
pub const UFRAG_RESTART_MAX: u16 = (1 << 12) - 1;

/// ice-char of RFC 8839 §5.4: ALPHA / DIGIT / "+" / "/".
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Makes and reads username fragments. One random key a process: a fragment of an earlier run is refused.
#[derive(Clone)]
pub struct UfragKey(SipHasher24);

impl std::fmt::Debug for UfragKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UfragKey")
    }
}

impl UfragKey {
    /// `secret`: 128 bits from the operating system.
    #[must_use]
    pub fn new(secret: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&secret))
    }

    /// The first fragment of this session, or None if a field exceeds [`UFRAG_FIELD_MAX`].
    #[must_use]
    pub fn encode(&self, shard: ShardId, key: SessionKey) -> Option<[u8; UFRAG_LEN]> {
        self.encode_restart(shard, key, 0)
    }

    /// The fragment of that restart of this session, or None if a field exceeds [`UFRAG_FIELD_MAX`] or
    /// [`UFRAG_RESTART_MAX`].
    #[must_use]
    pub fn encode_restart(&self, shard: ShardId, key: SessionKey, restart: u16) -> Option<[u8; UFRAG_LEN]> {
        if key.slot > UFRAG_FIELD_MAX || key.generation > UFRAG_FIELD_MAX || restart > UFRAG_RESTART_MAX {
            return None;
        }
        let route = u64::from(shard.0) << 48 | u64::from(key.slot) << 24 | u64::from(key.generation);
        let tag = self.tag(restart, route);
        let bits = u128::from(restart) << 96 | u128::from(route) << 32 | u128::from(tag);
        let mut fragment = [0; UFRAG_LEN];
        for (place, character) in fragment.iter_mut().enumerate() {
            let sextet = (bits >> (6 * (UFRAG_LEN - 1 - place))) & 0x3f;
            *character = ALPHABET.get(sextet as usize).copied()?;
        }
        Some(fragment)
    }

    /// Where this fragment leads, or None if we did not make it.
    #[must_use]
    pub fn decode(&self, fragment: &[u8]) -> Option<(ShardId, SessionKey)> {
        if fragment.len() != UFRAG_LEN {
            return None;
        }
        let mut bits = 0u128;
        for character in fragment {
            bits = bits << 6 | u128::from(sextet(*character)?);
        }
        let [_, _, r1, r0, s1, s0, a2, a1, a0, g2, g1, g0, t3, t2, t1, t0] = bits.to_be_bytes();
        let restart = u16::from_be_bytes([r1, r0]);
        let route = u64::from_be_bytes([s1, s0, a2, a1, a0, g2, g1, g0]);
        if self.tag(restart, route) != u32::from_be_bytes([t3, t2, t1, t0]) {
            return None;
        }
        let key = SessionKey {
            slot: u32::from_be_bytes([0, a2, a1, a0]),
            generation: u32::from_be_bytes([0, g2, g1, g0]),
        };
        Some((ShardId(u16::from_be_bytes([s1, s0])), key))
    }

    /// Whom a connectivity check is for, by its username alone: "<ours>:<theirs>" as we receive it (RFC 8445 §7.2.2).
    #[must_use]
    pub fn addressee(&self, check: &Stun<'_>) -> Option<(ShardId, SessionKey)> {
        let (ours, _) = check.username()?;
        self.decode(ours)
    }

    fn tag(&self, restart: u16, route: u64) -> u32 {
        let mut hasher = self.0;
        hasher.write_u16(restart);
        hasher.write_u64(route);
        let [tag @ .., _, _, _, _] = hasher.finish().to_be_bytes();
        u32::from_be_bytes(tag)
    }
}

const fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The demultiplexer finds exactly the session that the fragment was made for.
        #[test]
        fn a_fragment_leads_back_to_its_session(
            secret: [u8; 16],
            shard: u16,
            slot in 0..=UFRAG_FIELD_MAX,
            generation in 0..=UFRAG_FIELD_MAX,
        ) {
            let key = UfragKey::new(secret);
            let session = SessionKey { slot, generation };
            let fragment = key.encode(ShardId(shard), session).unwrap();
            prop_assert!(fragment.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'+' || *c == b'/'));
            prop_assert_eq!(key.decode(&fragment), Some((ShardId(shard), session)));
        }

        /// A peer that restarts ICE must be found under the new fragment, and under the old one until it has moved.
        #[test]
        fn each_restart_has_a_fragment_of_its_own_that_leads_to_the_same_session(
            one in 0..=UFRAG_RESTART_MAX,
            other in 0..=UFRAG_RESTART_MAX,
        ) {
            prop_assume!(one != other);
            let (key, session) = (UfragKey::new([7; 16]), SessionKey { slot: 3, generation: 2 });
            let fragments = [one, other].map(|restart| key.encode_restart(ShardId(1), session, restart).unwrap());
            prop_assert_ne!(fragments[0], fragments[1]);
            for fragment in fragments {
                prop_assert_eq!(key.decode(&fragment), Some((ShardId(1), session)));
            }
        }

        /// Whoever knows one fragment must not be able to make another.
        #[test]
        fn a_changed_fragment_is_refused(secret: [u8; 16], slot in 0..1000u32, place in 0..UFRAG_LEN, other: u8) {
            let key = UfragKey::new(secret);
            let mut fragment = key.encode(ShardId(0), SessionKey { slot, generation: 1 }).unwrap();
            prop_assume!(fragment[place] != other);
            fragment[place] = other;
            prop_assert_eq!(key.decode(&fragment), None);
        }

        /// Any bytes may stand in a USERNAME.
        #[test]
        fn rubbish_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(UfragKey::new([7; 16]).decode(&bytes), None);
        }
    }

    /// A restarted server must not take the requests of its former life for its own.
    #[test]
    fn a_fragment_of_another_key_is_refused() {
        let fragment =
            UfragKey::new([1; 16]).encode(ShardId(3), SessionKey { slot: 5, generation: 9 }).unwrap();
        assert_eq!(UfragKey::new([2; 16]).decode(&fragment), None);
    }

    #[test]
    fn a_field_that_does_not_fit_is_not_cut() {
        let key = UfragKey::new([1; 16]);
        assert_eq!(key.encode(ShardId(0), SessionKey { slot: UFRAG_FIELD_MAX + 1, generation: 0 }), None);
        let session = SessionKey { slot: 0, generation: 0 };
        assert_eq!(key.encode_restart(ShardId(0), session, UFRAG_RESTART_MAX + 1), None);
    }
}
