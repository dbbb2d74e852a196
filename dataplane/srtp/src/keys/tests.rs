use crate::testing::{PROFILES, hex, hex_array, master_key};
use crate::{KeyError, MasterKey, Profile, SessionKeys};

use super::{AesKey, Label, derive};

// RFC 3711 appendix B.3: encryption key, salt and 94 bytes of authentication key, which pins the block
// counter too.
#[test]
fn aes_128_derivation_gives_the_keys_of_rfc_3711() {
    let key = AesKey::new(&hex("E1F97A0D3E018BE0D64FA32C06DE4139"));
    let salt = hex_array("0EC675AD498AFEEBB6960B3AABE6");
    assert_eq!(
        derive(&key, &salt, Label::RtpEncryption).bytes(),
        &hex_array::<16>("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(derive(&key, &salt, Label::RtpSalt).bytes(), &hex_array::<14>("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        derive(&key, &salt, Label::RtpAuthentication).bytes(),
        &hex_array::<94>(
            "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
             E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
             6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"
        )
    );
}

// RFC 6188 §7.2. The 256-bit profile has no derivation vector of its own; the PRF is this one.
#[test]
fn aes_256_derivation_gives_the_keys_of_rfc_6188() {
    let key = AesKey::new(&hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6"));
    let salt = hex_array("3b04803de51ee7c96423ab5b78d2");
    assert_eq!(
        derive(&key, &salt, Label::RtpEncryption).bytes(),
        &hex_array::<32>("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(derive(&key, &salt, Label::RtpSalt).bytes(), &hex_array::<14>("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(
        derive(&key, &salt, Label::RtpAuthentication).bytes(),
        &hex_array::<20>("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
    );
}

// Two labels that gave the same key would let an RTP packet pass for RTCP, or reveal the authentication key.
#[test]
fn every_label_derives_another_key() {
    let labels = [
        Label::RtpEncryption,
        Label::RtpAuthentication,
        Label::RtpSalt,
        Label::RtcpEncryption,
        Label::RtcpAuthentication,
        Label::RtcpSalt,
    ];
    for profile in PROFILES {
        let master = master_key(profile, 1);
        let mut keys: Vec<[u8; 12]> = labels.iter().map(|&label| *master.derive(label).bytes()).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), labels.len(), "{profile:?}");
    }
}

// RFC 7714 §11: the salt of 96 bits stands in the upper bits of the 112 that the derivation takes.
#[test]
fn a_short_salt_is_padded_on_the_right() {
    let key = hex("000102030405060708090a0b0c0d0e0f");
    let master = MasterKey::new(Profile::AeadAes128Gcm, &key, &hex("a0a1a2a3a4a5a6a7a8a9aaab")).unwrap();
    assert_eq!(
        master.derive::<16>(Label::RtpEncryption).bytes(),
        derive(&AesKey::new(&key), &hex_array("a0a1a2a3a4a5a6a7a8a9aaab0000"), Label::RtpEncryption).bytes()
    );
}

// RFC 5764 §4.2: client key, server key, client salt, server salt. Each byte says which part it is of.
#[test]
fn the_exporter_is_cut_in_the_order_of_rfc_5764() {
    for profile in PROFILES {
        let lens = [profile.key_len(), profile.key_len(), profile.salt_len(), profile.salt_len()];
        let exporter: Vec<u8> =
            lens.iter().zip(1..).flat_map(|(&len, part)| std::iter::repeat_n(part, len)).collect();
        let parts = |master: &MasterKey| {
            let key = &master.key.bytes()[..profile.key_len()];
            let salt = &master.salt.bytes()[..profile.salt_len()];
            assert!(key.iter().all(|byte| *byte == key[0]) && salt.iter().all(|byte| *byte == salt[0]));
            (key[0], salt[0])
        };
        let client = SessionKeys::from_dtls(profile, &exporter, true).unwrap();
        assert_eq!((parts(&client.local), parts(&client.remote)), ((1, 3), (2, 4)), "{profile:?}");
        let server = SessionKeys::from_dtls(profile, &exporter, false).unwrap();
        assert_eq!((parts(&server.local), parts(&server.remote)), ((2, 4), (1, 3)), "{profile:?}");
        assert_eq!(server.profile(), profile);
    }
}

// A wrong length means a wrong profile: better no session than one under half a key.
#[test]
fn keying_material_of_another_length_is_refused() {
    let profile = Profile::AeadAes256Gcm;
    assert_eq!(
        MasterKey::new(profile, &[0; 16], &[0; 12]).err(),
        Some(KeyError::KeyLength { expected: 32, actual: 16 })
    );
    assert_eq!(
        MasterKey::new(profile, &[0; 32], &[0; 14]).err(),
        Some(KeyError::SaltLength { expected: 12, actual: 14 })
    );
    for actual in [0, 56, 87, 89] {
        assert_eq!(
            SessionKeys::from_dtls(profile, &vec![0; actual], true).err(),
            Some(KeyError::ExporterLength { expected: 88, actual })
        );
    }
}

// Keys end up in logs by way of Debug; ours print the profile and nothing else.
#[test]
fn debug_output_holds_no_key_bytes() {
    let exporter: Vec<u8> = std::iter::repeat_n(0xc7, 56).collect();
    let keys = SessionKeys::from_dtls(Profile::AeadAes128Gcm, &exporter, true).unwrap();
    assert_eq!(format!("{keys:?}"), "SessionKeys { profile: AeadAes128Gcm, .. }");
    assert_eq!(format!("{:?}", keys.local), "MasterKey { profile: AeadAes128Gcm, .. }");
}

// What every secret does on drop.
#[test]
fn wiping_leaves_zeros() {
    let mut secret = [0xa5; 37];
    crate::aead::wipe(&mut secret);
    assert_eq!(secret, [0; 37]);
    crate::aead::wipe(&mut []);
}
