use super::*;
use crate::testing::{hex, hex_array};

fn key_stream_at(block: u16) -> [u8; BLOCK_LEN] {
    let key = AesKey::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let mut counter: [u8; BLOCK_LEN] = hex_array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    counter[14..].copy_from_slice(&block.to_be_bytes());
    let mut text = [0; BLOCK_LEN];
    key.add_key_stream(counter, Plaintext::InPlace, &mut text);
    text
}

// RFC 3711 appendix B.2, both ends of the 16-bit block counter.
#[test]
fn the_key_stream_is_that_of_rfc_3711() {
    for (block, expected) in [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(key_stream_at(block), hex_array(expected), "block {block:#x}");
    }
}

// RFC 3711 §4.1.1: SSRC and index must land on their own bits; all ones shows every border at once.
#[test]
fn the_counter_holds_ssrc_and_index_above_the_block_count() {
    let cipher = CounterMode::new(&[1; 16], &[0; SALT_LEN], &[2; AUTHENTICATION_KEY_LEN]);
    let header: [u8; 12] = hex_array("8060ffff 00000000 a1a2a3a4");
    let envelope = Envelope::rtp(&header, 0xb1b2_b3b4_ffff).unwrap();
    assert_eq!(cipher.first_counter(&envelope), hex_array("00000000 a1a2a3a4 b1b2b3b4ffff 0000"));
    let salted = CounterMode::new(&[1; 16], &[0xff; SALT_LEN], &[2; AUTHENTICATION_KEY_LEN]);
    assert_eq!(salted.first_counter(&envelope), hex_array("ffffffff 5e5d5c5b 4e4d4c4b0000 0000"));
}

// RFC 2202 §3, case 1 (key of 20 bytes 0x0b, "Hi There"): the kept midstates are HMAC-SHA1 and nothing like
// it.
#[test]
fn the_midstates_make_hmac_sha1() {
    let key = [0x0b; AUTHENTICATION_KEY_LEN];
    let mut inner = midstate(&key, 0x36);
    inner.update(b"Hi There");
    let mut outer = midstate(&key, 0x5c);
    outer.update(&inner.finish());
    assert_eq!(outer.finish(), hex_array("b617318655057264e28bc0b6fb378c8ef146be00"));
}
