use super::*;
use crate::aead::Aead;
use crate::testing::{PROFILES, hex, hex_array, master_key, payload};
use crate::{MasterKey, Profile};

const SSRC: u32 = 0x4d61_7273;

fn pair(profile: Profile) -> (RtcpSealer, RtcpOpener) {
    (RtcpSealer::new(&master_key(profile, 1)), RtcpOpener::new(&master_key(profile, 1)))
}

/// A compound of 8 bytes and `payload_len` more.
fn compound(ssrc: u32, payload_len: usize) -> Vec<u8> {
    let mut plain = vec![0x81, 200, 0, 6];
    plain.extend(ssrc.to_be_bytes());
    plain.extend(payload(payload_len));
    plain
}

fn seal(sealer: &mut RtcpSealer, plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0; plain.len() + sealer.cipher.tag_len() + INDEX_WORD_LEN];
    assert_eq!(sealer.seal(plain, &mut out), Ok(out.len()));
    out
}

/// As [`seal`], with an index of our choice.
fn seal_at(profile: Profile, index: u32, plain: &[u8]) -> Vec<u8> {
    seal(&mut RtcpSealer { index, ..pair(profile).0 }, plain)
}

fn gcm_128() -> Cipher {
    let key = hex_array("000102030405060708090a0b0c0d0e0f");
    Cipher::Gcm { aead: Aead::aes_128_gcm(&key), salt: *b"Quid pro quo" }
}

fn gcm_256() -> Cipher {
    let key = hex_array("000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f");
    Cipher::Gcm { aead: Aead::aes_256_gcm(&key), salt: *b"Quid pro quo" }
}

/// The compound of RFC 7714 §17.
fn rfc_7714_compound() -> Vec<u8> {
    hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
         deadbeef deadbeef deadbeef deadbeef deadbeef")
}

fn check_vector(gcm: impl Fn() -> Cipher, sealed: &str) {
    let (plain, sealed) = (rfc_7714_compound(), hex(sealed));
    let mut sealer = RtcpSealer { cipher: gcm(), index: 0x5d4 };
    assert_eq!(seal(&mut sealer, &plain), sealed);
    let mut opener = RtcpOpener { cipher: gcm(), senders: Vec::new() };
    assert_eq!(opener.open(&mut sealed.clone()), Ok(&plain[..]));
}

// RFC 7714 §17.1 and §17.2 for 128 bits: the tag in front of the index word.
#[test]
fn gcm_128_packets_are_those_of_rfc_7714() {
    check_vector(
        gcm_128,
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
         4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
}

// The same under 256 bits.
#[test]
fn gcm_256_packets_are_those_of_rfc_7714() {
    check_vector(
        gcm_256,
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be
         8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
    );
}

// The reference packet of libsrtp's tests, whose first index is 1: the tag behind the index word.
#[test]
fn counter_mode_packets_are_those_of_libsrtp() {
    let master = MasterKey::new(
        Profile::Aes128CmSha1_80,
        &hex("e1f97a0d3e018be0d64fa32c06de4139"),
        &hex("0ec675ad498afeebb6960b3aabe6"),
    )
    .unwrap();
    let mut plain = hex("81c8000bcafebabe");
    plain.extend([0xab; 16]);
    let sealed = hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    let mut sealer = RtcpSealer { index: 1, ..RtcpSealer::new(&master) };
    assert_eq!(seal(&mut sealer, &plain), sealed);
    assert_eq!(RtcpOpener::new(&master).open(&mut sealed.clone()), Ok(&plain[..]));
}

// RFC 7714 §17.3: authentic under this very key, but sent in the clear. We never agreed to that.
#[test]
fn an_authentic_packet_without_the_e_bit_is_refused() {
    let mut tagged = rfc_7714_compound();
    tagged.extend(hex("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"));
    let mut opener = RtcpOpener { cipher: gcm_128(), senders: Vec::new() };
    assert_eq!(opener.open(&mut tagged), Err(OpenError::NotEncrypted));
}

// Clearing the bit on the way must not turn an encrypted packet into one that is taken as it is.
#[test]
fn a_packet_whose_e_bit_was_cleared_is_refused() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let mut packet = seal(&mut sealer, &compound(SSRC, 40));
        let word_at = if profile == Profile::Aes128CmSha1_80 { 48 } else { 64 };
        assert_eq!(packet[word_at..][..4], [0x80, 0, 0, 0]);
        packet[word_at] ^= 0x80;
        assert_eq!(opener.open(&mut packet), Err(OpenError::NotEncrypted), "{profile:?}");
    }
}

// All lengths, aligned or not: what a peer pads is the peer's business, what we authenticate is bytes.
#[test]
fn what_is_sealed_opens_to_the_same_bytes_at_every_length() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        for payload_len in 0..=1500 {
            let plain = compound(SSRC, payload_len);
            let mut packet = seal(&mut sealer, &plain);
            assert_eq!(packet.len(), plain.len() + profile.rtcp_overhead());
            assert_eq!(packet[..8], plain[..8], "the first 8 bytes stay in the clear");
            if payload_len >= 16 {
                assert_ne!(packet[8..plain.len()], plain[8..], "not encrypted");
            }
            assert_eq!(opener.open(&mut packet), Ok(&plain[..]), "{profile:?} {payload_len}");
        }
    }
}

// Header, text, index word and tag: a flipped bit anywhere, and nothing opens and nothing is remembered.
#[test]
fn a_packet_with_any_bit_flipped_is_refused() {
    for profile in PROFILES {
        let (_, mut opener) = pair(profile);
        let plain = compound(SSRC, 28);
        let sealed = seal_at(profile, 100, &plain);
        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            let refused = opener.open(&mut packet).unwrap_err();
            assert!(
                matches!(refused, OpenError::NotAuthentic | OpenError::NotEncrypted),
                "{profile:?}, bit {bit}"
            );
            assert_ne!(
                packet[8..plain.len()],
                plain[8..],
                "plaintext of a forged packet, {profile:?}, bit {bit}"
            );
        }
        assert!(opener.senders.is_empty(), "forgeries leave no trace");
        assert_eq!(opener.open(&mut sealed.clone()), Ok(&plain[..]));
    }
}

// str0m and others have no SRTCP window: an old PLI or BYE played again would do it again.
#[test]
fn a_replayed_packet_is_refused() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let packets: Vec<Vec<u8>> = (0..100).map(|_| seal(&mut sealer, &compound(SSRC, 24))).collect();
        let mut open = |index: usize| opener.open(&mut packets[index].clone()).map(<[u8]>::len);
        assert_eq!(open(70), Ok(32));
        assert_eq!(open(70), Err(OpenError::Replayed));
        assert_eq!(open(7), Ok(32), "63 behind: the last in the window");
        assert_eq!(open(7), Err(OpenError::Replayed));
        assert_eq!(open(6), Err(OpenError::TooOld));
        assert_eq!(open(99), Ok(32));
        assert_eq!(open(70), Err(OpenError::Replayed));
        assert_eq!(open(35), Err(OpenError::TooOld));
        assert_eq!(open(36), Ok(32));
    }
}

// The index is in the clear. A forger who writes a high one must not close the window on the peer.
#[test]
fn a_forged_index_does_not_move_the_window() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let first = seal(&mut sealer, &compound(SSRC, 24));
        assert!(opener.open(&mut first.clone()).is_ok());
        let mut forged = seal_at(profile, 0x7fff_0000, &compound(SSRC, 24));
        let last = forged.len() - 5;
        forged[last] ^= 1;
        assert_eq!(opener.open(&mut forged), Err(OpenError::NotAuthentic));
        let second = seal(&mut sealer, &compound(SSRC, 24));
        assert!(opener.open(&mut second.clone()).is_ok(), "{profile:?}");
    }
}

// Peers count each SSRC on its own (libsrtp) or all together (str0m); both must pass.
#[test]
fn each_sender_has_a_window_of_its_own() {
    let profile = Profile::AeadAes128Gcm;
    let (_, mut opener) = pair(profile);
    for ssrc in 1..=3 {
        let mut packet = seal_at(profile, 5, &compound(ssrc, 8));
        assert!(opener.open(&mut packet.clone()).is_ok(), "index 5 of {ssrc}");
        assert_eq!(opener.open(&mut packet), Err(OpenError::Replayed));
    }
}

// A peer may invent SSRCs as it likes: we keep 64, and forget the one that was silent the longest.
#[test]
fn the_least_recent_sender_is_forgotten_first() {
    let profile = Profile::AeadAes128Gcm;
    let (_, mut opener) = pair(profile);
    let packet = |ssrc| seal_at(profile, 9, &compound(ssrc, 8));
    for ssrc in 0..64 {
        assert!(opener.open(&mut packet(ssrc)).is_ok());
    }
    // 0 speaks again; 1 is now the oldest.
    assert!(opener.open(&mut seal_at(profile, 10, &compound(0, 8))).is_ok());
    for ssrc in 64..1000 {
        assert!(opener.open(&mut packet(ssrc)).is_ok());
        assert_eq!(opener.senders.len(), SENDERS_MAX);
        if ssrc == 64 {
            assert_eq!(opener.open(&mut packet(0)), Err(OpenError::Replayed), "remembered");
            assert_eq!(opener.open(&mut packet(2)), Err(OpenError::Replayed), "remembered");
            assert!(!opener.senders.iter().any(|sender| sender.ssrc == 1), "forgotten");
        }
    }
    let kept: Vec<u32> = opener.senders.iter().map(|sender| sender.ssrc).collect();
    assert_eq!(kept, (936..1000).rev().collect::<Vec<u32>>());
}

// RFC 3711 §9.2: after 2^31 packets the first nonce would come again.
#[test]
fn an_exhausted_index_is_refused() {
    for profile in PROFILES {
        let (sealer, mut opener) = pair(profile);
        let mut sealer = RtcpSealer { index: (1 << 31) - 1, ..sealer };
        let plain = compound(SSRC, 24);
        let mut last = seal(&mut sealer, &plain);
        assert_eq!(opener.open(&mut last), Ok(&plain[..]));
        for _ in 0..2 {
            let mut out = [0x55; 100];
            assert_eq!(sealer.seal(&plain, &mut out), Err(SealError::IndexExhausted));
            assert_eq!(out, [0x55; 100]);
        }
    }
}

// A failure must neither write half a packet nor use up an index: the next packet still has the one it should
// have.
#[test]
fn a_buffer_without_room_is_refused_and_left_alone() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let plain = compound(SSRC, 24);
        let whole = plain.len() + profile.rtcp_overhead();
        for room in 0..whole {
            let mut out = vec![0x55; room];
            assert_eq!(sealer.seal(&plain, &mut out), Err(SealError::NoRoom));
            assert!(out.iter().all(|byte| *byte == 0x55));
        }
        for len in 0..8 {
            assert_eq!(sealer.seal(&plain[..len], &mut [0; 100]), Err(SealError::TooShort));
        }
        assert_eq!(sealer.index, 0);
        assert_eq!(opener.open(&mut seal(&mut sealer, &plain)), Ok(&plain[..]));
        assert_eq!(sealer.index, 1);
    }
}

// libsrtp once read before the start of short SRTCP packets; every length up to the shortest whole one.
#[test]
fn a_short_packet_is_refused_at_every_length() {
    for profile in PROFILES {
        let (mut sealer, mut opener) = pair(profile);
        let sealed = seal(&mut sealer, &compound(SSRC, 0));
        assert_eq!(sealed.len(), 8 + profile.rtcp_overhead());
        for len in 0..sealed.len() {
            assert_eq!(opener.open(&mut vec![0xff; len]), Err(OpenError::TooShort));
            assert_eq!(opener.open(&mut sealed[..len].to_vec()), Err(OpenError::TooShort));
        }
        assert_eq!(opener.open(&mut sealed.clone()).map(<[u8]>::len), Ok(8));
    }
}

// The keys of RTP, RTCP and the other direction are all different: nothing can be reflected or relabelled.
#[test]
fn a_packet_of_another_key_is_refused() {
    for profile in PROFILES {
        let mut sealed = seal(&mut pair(profile).0, &compound(SSRC, 40));
        let mut other = RtcpOpener::new(&master_key(profile, 2));
        assert_eq!(other.open(&mut sealed), Err(OpenError::NotAuthentic));
        let mut sealed = seal(&mut pair(profile).0, &compound(SSRC, 40));
        let mut rtp =
            RtcpOpener { cipher: Cipher::new(&master_key(profile, 1), Protocol::Rtp), senders: Vec::new() };
        assert_eq!(rtp.open(&mut sealed), Err(OpenError::NotAuthentic), "{profile:?}");
    }
}

proptest::proptest! {
    // Arbitrary bytes: never a panic, never a compound, never a sender remembered.
    #[test]
    fn noise_never_opens(packet in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        for profile in PROFILES {
            let (_, mut opener) = pair(profile);
            proptest::prop_assert!(opener.open(&mut packet.clone()).is_err());
            proptest::prop_assert!(opener.senders.is_empty());
        }
    }
}
