//! What other crates rely on besides bytes: contexts move to the shard that owns the session and stay small
//! enough that a thousand viewers' fit in the second-level cache.

use fanlight_srtp::{
    Authenticated, MasterKey, OpenError, Profile, ReceiveIndex, RtcpOpener, RtcpSealer, RtpOpener, RtpSealer,
    SealError, SessionKeys,
};

const fn is_send<T: Send>() {}
const fn is_sync<T: Sync>() {}
const fn is_error<T: std::error::Error + Copy + Eq>() {}

// Keys are made on the link thread and used on a shard.
const _: () = {
    is_send::<SessionKeys>();
    is_sync::<SessionKeys>();
    is_send::<MasterKey>();
    is_send::<RtpSealer>();
    is_send::<RtpOpener>();
    is_send::<RtcpSealer>();
    is_send::<RtcpOpener>();
    is_send::<ReceiveIndex>();
    is_send::<Authenticated>();
    is_error::<SealError>();
    is_error::<OpenError>();
};

// A viewer is one RtpSealer, one RtcpSealer and one RtcpOpener: 1.8 KiB. Whoever grows one sees it here.
#[cfg(target_pointer_width = "64")]
#[test]
fn contexts_are_as_small_as_promised() {
    assert_eq!(size_of::<RtpSealer>(), 600);
    assert_eq!(size_of::<RtpOpener>(), 600);
    assert_eq!(size_of::<RtcpSealer>(), 608);
    assert_eq!(size_of::<RtcpOpener>(), 624);
    assert_eq!(size_of::<ReceiveIndex>(), 136);
}

// A context is moved into its session, its slab, its shard. The tables of AES-GCM must not care where they
// lie.
#[test]
fn a_context_works_after_it_was_moved() {
    for profile in [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80] {
        let master =
            MasterKey::new(profile, &vec![7; profile.key_len()], &vec![8; profile.salt_len()]).unwrap();
        let sealer = RtpSealer::new(&master);
        let first = seal(&sealer, profile);
        assert!(first.is_ok());

        // Every new one pushes the others on by a slot.
        let mut slab = vec![sealer];
        for _ in 0..20 {
            slab.insert(0, RtpSealer::new(&master));
        }
        assert!(slab.iter().all(|sealer| seal(sealer, profile) == first), "{profile:?}");
        let moved = slab.pop().unwrap();
        let elsewhere = std::thread::spawn(move || seal(&moved, profile)).join().unwrap();
        assert_eq!(elsewhere, first, "{profile:?}");
    }
}

fn seal(sealer: &RtpSealer, profile: Profile) -> Result<Vec<u8>, SealError> {
    let mut out = vec![0x80; 12 + 333 + profile.rtp_overhead()];
    sealer.seal(0x8080, &mut out, 12, &[9; 333])?;
    Ok(out)
}
