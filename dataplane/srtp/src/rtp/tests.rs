use proptest::prelude::*;

use super::*;
use crate::aead::Aead;
use crate::testing::{PROFILES, hex, hex_array, master_key, payload, rtp_header};
use crate::{MasterKey, Profile, ReceiveIndex, Replay};

const SSRC: u32 = 0xcafe_babe;

fn pair(profile: Profile) -> (RtpSealer, RtpOpener) {
    (RtpSealer::new(&master_key(profile, 1)), RtpOpener::new(&master_key(profile, 1)))
}

/// The low half of an index.
fn sequence_of(index: u64) -> u16 {
    u16::try_from(index & 0xffff).unwrap()
}

/// A sealed packet with a header of `header_len` bytes and a payload of `payload_len`.
fn seal(sealer: &RtpSealer, index: u64, header_len: usize, payload_len: usize) -> Vec<u8> {
    let mut out = rtp_header(sequence_of(index), SSRC, header_len);
    out.resize(header_len + payload_len + sealer.cipher.tag_len(), 0);
    let len = sealer.seal(index, &mut out, header_len, &payload(payload_len)).unwrap();
    assert_eq!(len, out.len());
    out
}

fn check_vector(gcm: impl Fn() -> Cipher, sealed: &str) {
    let plain = hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
         69736120 696e2070 61727465 73207472 6573");
    let sealed = hex(sealed);
    let mut out = plain[..12].to_vec();
    out.resize(sealed.len(), 0);
    assert_eq!(RtpSealer { cipher: gcm() }.seal(0xf17b, &mut out, 12, &plain[12..]), Ok(sealed.len()));
    assert_eq!(out, sealed);

    let proof = RtpOpener { cipher: gcm() }.open(&mut out, 12, 0xf17b).unwrap();
    assert_eq!((proof.payload_len(), proof.index()), (plain.len() - 12, 0xf17b));
    assert_eq!(out[..plain.len()], plain);
}

// RFC 7714 §16.1.1 and §16.1.2.
#[test]
fn gcm_128_packets_are_those_of_rfc_7714() {
    check_vector(
        || Cipher::Gcm {
            aead: Aead::aes_128_gcm(&hex_array("000102030405060708090a0b0c0d0e0f")),
            salt: *b"Quid pro quo",
        },
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
         42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
}

// RFC 7714 §16.2.1 and §16.2.2.
#[test]
fn gcm_256_packets_are_those_of_rfc_7714() {
    check_vector(
        || Cipher::Gcm {
            aead: Aead::aes_256_gcm(&hex_array(
                "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
            )),
            salt: *b"Quid pro quo",
        },
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3
         b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
    );
}

// The reference packet that libsrtp and its descendants test against: RFC 3711 B.3's master key, SSRC
// cafebabe.
#[test]
fn counter_mode_packets_are_those_of_libsrtp() {
    let master = MasterKey::new(
        Profile::Aes128CmSha1_80,
        &hex("e1f97a0d3e018be0d64fa32c06de4139"),
        &hex("0ec675ad498afeebb6960b3aabe6"),
    )
    .unwrap();
    let sealed = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    let mut out = hex("800f1234decafbadcafebabe");
    out.resize(sealed.len(), 0);
    assert_eq!(RtpSealer::new(&master).seal(0x1234, &mut out, 12, &[0xab; 16]), Ok(sealed.len()));
    assert_eq!(out, sealed);
    let proof = RtpOpener::new(&master).open(&mut out, 12, 0x1234).unwrap();
    assert_eq!(out[12..][..proof.payload_len()], [0xab; 16]);
}

// Every block remainder of both ciphers, an empty payload, and headers with CSRCs and extensions.
#[test]
fn what_is_sealed_opens_to_the_same_bytes_at_every_length() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        for payload_len in 0..=1500 {
            for header_len in [12, 16, 20, 32, 72] {
                let index = 0x1_0000 + payload_len as u64;
                let mut packet = seal(&sealer, index, header_len, payload_len);
                assert_eq!(packet.len(), header_len + payload_len + profile.rtp_overhead());
                let header = rtp_header(sequence_of(index), SSRC, header_len);
                assert_eq!(packet[..header_len], header, "the header stays in the clear");
                if payload_len >= 16 {
                    assert_ne!(packet[header_len..][..payload_len], payload(payload_len), "not encrypted");
                }
                let proof = opener.open(&mut packet, header_len, index).unwrap();
                assert_eq!((proof.payload_len(), proof.index()), (payload_len, index));
                assert_eq!(packet[..header_len], header);
                assert_eq!(
                    packet[header_len..][..payload_len],
                    payload(payload_len),
                    "{profile:?} {payload_len}"
                );
            }
        }
    }
}

// The two ways to seal must not differ by a bit: a retransmission may take the other one.
#[test]
fn sealing_in_place_gives_the_same_packet() {
    for profile in PROFILES {
        let (sealer, _) = pair(profile);
        for payload_len in [0, 1, 15, 16, 17, 160, 1187] {
            let apart = seal(&sealer, 77, 20, payload_len);
            let mut in_place = rtp_header(77, SSRC, 20);
            in_place.extend(payload(payload_len));
            in_place.resize(apart.len() + 3, 0x55);
            assert_eq!(sealer.seal_in_place(77, &mut in_place, 20, payload_len), Ok(apart.len()));
            assert_eq!(in_place[..apart.len()], apart, "{profile:?} {payload_len}");
            assert_eq!(in_place[apart.len()..], [0x55; 3], "nothing is written behind the packet");
        }
    }
}

// Header, payload and tag are all authenticated, to the last bit.
#[test]
fn a_packet_with_any_bit_flipped_is_refused() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let sealed = seal(&sealer, 0x7_0003, 20, 43);
        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            let index = 0x7_0000 | u64::from(u16::from_be_bytes([packet[2], packet[3]]));
            let refused = opener.open(&mut packet, 20, index).unwrap_err();
            assert_eq!(refused, OpenError::NotAuthentic, "{profile:?}, bit {bit}");
            assert_ne!(packet[20..63], payload(43), "plaintext of a forged packet, {profile:?}, bit {bit}");
        }
        assert!(opener.open(&mut sealed.clone(), 20, 0x7_0003).is_ok(), "it was the flipped bit");
    }
}

// The rollover counter is not in the packet; GCM has it in the nonce, counter mode in the tag.
#[test]
fn a_packet_of_another_rollover_is_refused() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let sealed = seal(&sealer, 0x2_0010, 12, 100);
        for index in [0x10, 0x1_0010, 0x3_0010, 0xffff_ffff_0010] {
            assert_eq!(opener.open(&mut sealed.clone(), 12, index).unwrap_err(), OpenError::NotAuthentic);
        }
        assert!(opener.open(&mut sealed.clone(), 12, 0x2_0010).is_ok(), "{profile:?}");
    }
}

// Counter mode authenticates rollover and header but not the index as such: without this check a caller's
// slip would put a wrong index into the proof.
#[test]
fn an_index_that_is_not_the_headers_is_refused() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let sealed = seal(&sealer, 0x2_0010, 12, 100);
        for index in [0x2_0011, 0x2_ffff, 1 << 48 | 0x10, u64::MAX] {
            assert_eq!(opener.open(&mut sealed.clone(), 12, index).unwrap_err(), OpenError::WrongIndex);
        }
    }
}

// A session has four keys; a packet must open with exactly one of them.
#[test]
fn keys_differ_by_direction_and_session() {
    for profile in PROFILES {
        let sealed = seal(&RtpSealer::new(&master_key(profile, 1)), 9, 12, 50);
        let opens =
            |seed| RtpOpener::new(&master_key(profile, seed)).open(&mut sealed.clone(), 12, 9).is_ok();
        assert!(opens(1));
        assert!(!opens(2), "{profile:?}");
        let mirrored = pair(profile).0;
        let other = seal(&RtpSealer::new(&master_key(profile, 2)), 9, 12, 50);
        assert_ne!(seal(&mirrored, 9, 12, 50)[12..], other[12..]);
    }
}

// Each name has a key stream of its own, or two payloads could be subtracted from each other.
#[test]
fn no_two_names_share_a_key_stream() {
    for profile in PROFILES {
        let sealer = pair(profile).0;
        let mut streams = std::collections::HashSet::new();
        for ssrc in [0, 1, 2, 0x8000_0000, u32::MAX] {
            for index in [0, 1, 2, 0xffff, 0x1_0000, 0x1_0001, 0xffff_ffff, 0xffff_ffff_ffff] {
                let mut out = rtp_header(sequence_of(index), ssrc, 12);
                out.resize(12 + 32 + 16, 0);
                sealer.seal(index, &mut out, 12, &[0; 32]).unwrap();
                assert!(streams.insert(out[12..44].to_vec()), "{profile:?} {ssrc} {index}");
            }
        }
    }
}

// Nothing may be cut off silently, and a failure must not leave half a packet that somebody sends.
#[test]
fn a_buffer_without_room_is_refused_and_left_alone() {
    for profile in PROFILES {
        let (sealer, _) = pair(profile);
        let whole = 12 + 100 + profile.rtp_overhead();
        for room in 12..whole {
            let mut out = rtp_header(5, SSRC, 12);
            out.resize(room, 0x55);
            let before = out.clone();
            assert_eq!(sealer.seal(5, &mut out, 12, &payload(100)), Err(SealError::NoRoom));
            assert_eq!(out, before);
        }
        let mut out = rtp_header(5, SSRC, 12);
        out.resize(whole, 0);
        assert_eq!(sealer.seal(5, &mut out, 12, &payload(100)), Ok(whole));
        for nonsense in [usize::MAX, usize::MAX - 100, whole + 1] {
            assert_eq!(sealer.seal(5, &mut out, nonsense, &payload(100)), Err(SealError::NoRoom));
            assert_eq!(sealer.seal_in_place(5, &mut out, 12, nonsense), Err(SealError::NoRoom));
        }
    }
}

// 48 bits of index are all a key has; the next packet would use the first nonce again.
#[test]
fn an_exhausted_index_is_refused() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let last = (1 << 48) - 1;
        let mut packet = seal(&sealer, last, 12, 10);
        assert_eq!(opener.open(&mut packet, 12, last).unwrap().index(), last);
        let mut out = [0x80; 64];
        assert_eq!(sealer.seal(1 << 48, &mut out, 12, &[0; 10]), Err(SealError::IndexExhausted));
        assert_eq!(out, [0x80; 64]);
    }
}

// Lengths come off the wire: every short packet and header, to the byte.
#[test]
fn a_short_packet_is_refused_at_every_length() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let shortest = 12 + profile.rtp_overhead();
        let sealed = seal(&sealer, 3, 12, 0);
        assert_eq!(sealed.len(), shortest);
        for len in 0..shortest {
            assert_eq!(opener.open(&mut sealed[..len].to_vec(), 12, 3).unwrap_err(), OpenError::TooShort);
        }
        for header_len in (0..12).chain(13..40).chain([usize::MAX]) {
            assert_eq!(opener.open(&mut sealed.clone(), header_len, 3).unwrap_err(), OpenError::TooShort);
        }
        for header_len in 0..12 {
            let mut out = [0; 64];
            assert_eq!(sealer.seal(0, &mut out, header_len, &[1; 20]), Err(SealError::TooShort));
            assert_eq!(out, [0; 64]);
        }
    }
}

// The whole receiving side: a peer that sends forgeries far ahead must not move the stream by one index.
#[test]
fn a_forged_packet_does_not_move_the_stream() {
    for profile in PROFILES {
        let (sealer, opener) = pair(profile);
        let mut stream = ReceiveIndex::new();
        let mut receive = |packet: &[u8]| {
            let mut packet = packet.to_vec();
            let index = stream.estimate(u16::from_be_bytes([packet[2], packet[3]]));
            stream.check(index)?;
            let proof = opener.open(&mut packet, 12, index)?;
            stream.accept(&proof);
            Ok::<u64, OpenError>(index)
        };
        assert_eq!(receive(&seal(&sealer, 0xfffe, 12, 20)), Ok(0xfffe));
        for sequence in [0, 1, 0x7000, 0x7ffd, 0xffff] {
            let mut forged = rtp_header(sequence, SSRC, 12);
            forged.resize(60, 0x42);
            assert_eq!(receive(&forged), Err(OpenError::NotAuthentic));
        }
        assert_eq!(receive(&seal(&sealer, 0xffff, 12, 20)), Ok(0xffff));
        assert_eq!(receive(&seal(&sealer, 0xffff, 12, 20)), Err(OpenError::Replayed));
        assert_eq!(receive(&seal(&sealer, 0x1_0000, 12, 20)), Ok(0x1_0000), "{profile:?}");
        assert_eq!(receive(&seal(&sealer, 0xfffd, 12, 20)), Ok(0xfffd), "late, from before the wrap");
        assert_eq!(stream.check(0xfffd), Err(Replay::AlreadySeen));
    }
}

// Attack A16: each packet five times and the whole recording again, over a wrap. Every packet counts once.
#[test]
fn a_replayed_recording_is_accepted_once() {
    let (sealer, opener) = pair(Profile::AeadAes128Gcm);
    let recording: Vec<Vec<u8>> = (0xfe00..0x1_0200).map(|index| seal(&sealer, index, 12, 30)).collect();
    let mut stream = ReceiveIndex::new();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..2 {
        for packet in recording.iter().flat_map(|packet| std::iter::repeat_n(packet, 5)) {
            let mut packet = packet.clone();
            let index = stream.estimate(u16::from_be_bytes([packet[2], packet[3]]));
            let opened = stream.check(index).map_err(OpenError::from);
            match opened.and_then(|()| opener.open(&mut packet, 12, index)) {
                Ok(proof) => {
                    stream.accept(&proof);
                    accepted += 1;
                }
                Err(OpenError::Replayed | OpenError::TooOld) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!((accepted, refused), (0x400, 0x400 * 9));
}

proptest! {
    // Arbitrary bytes: never a panic, never a proof, never an out-of-bounds length.
    #[test]
    fn noise_never_opens(mut packet in prop::collection::vec(any::<u8>(), 0..200), header_len in 0_usize..220, index in any::<u64>()) {
        for profile in PROFILES {
            prop_assert!(pair(profile).1.open(&mut packet, header_len, index).is_err());
        }
    }

    // seal and open agree for any name and shape.
    #[test]
    fn any_packet_survives(index in 0_u64..1 << 48, ssrc in any::<u32>(), header_len in 12_usize..100, payload in prop::collection::vec(any::<u8>(), 0..300)) {
        for profile in PROFILES {
            let (sealer, opener) = pair(profile);
            let mut packet = rtp_header(sequence_of(index), ssrc, header_len);
            packet.resize(header_len + payload.len() + profile.rtp_overhead(), 0);
            prop_assert_eq!(sealer.seal(index, &mut packet, header_len, &payload), Ok(packet.len()));
            let proof = opener.open(&mut packet, header_len, index).unwrap();
            prop_assert_eq!(&packet[header_len..][..proof.payload_len()], &payload[..]);
        }
    }
}
