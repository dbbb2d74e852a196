use arbitrary::{Result, Unstructured};
use fanlight_shard::{SessionKey, ShardId, UFRAG_FIELD_MAX, UFRAG_LEN, UfragKey};

/// Our ICE username fragments (RFC 8839 §5.4 for their letters).
///
/// A fragment leads back to its session and is made of ice-chars; a field that does not fit makes none. A fragment with a
/// wrong tag leads nowhere, and whatever leads somewhere is letter for letter the fragment of that place: no session has two.
pub fn ufrag(data: &[u8]) {
    // The end of the input is the end of the attempt.
    let _ = attempt(&mut Unstructured::new(data));
}

fn attempt(input: &mut Unstructured<'_>) -> Result<()> {
    let key = UfragKey::new(input.arbitrary()?);
    let shard = ShardId(input.arbitrary()?);
    let session = SessionKey { slot: input.arbitrary::<u32>()? >> 7, generation: input.arbitrary::<u32>()? >> 7 };
    let Some(fragment) = key.encode(shard, session) else {
        assert!(session.slot > UFRAG_FIELD_MAX || session.generation > UFRAG_FIELD_MAX);
        return check(&key, input.bytes(input.len())?);
    };
    assert!(session.slot <= UFRAG_FIELD_MAX && session.generation <= UFRAG_FIELD_MAX, "a field was cut");
    assert!(fragment.iter().all(|letter| letter.is_ascii_alphanumeric() || b"+/".contains(letter)));
    assert_eq!(key.decode(&fragment), Some((shard, session)));

    let (place, letter) = (usize::from(input.arbitrary::<u8>()?) % UFRAG_LEN, input.arbitrary()?);
    let mut tampered = fragment;
    tampered[place] = letter;
    // The tag is the last 32 of 96 bits, so letters from the twelfth on are nothing else.
    if tampered != fragment && place > 10 {
        assert_eq!(key.decode(&tampered), None, "a wrong tag is taken");
    }
    check(&key, &tampered)?;
    check(&key, input.bytes(input.len())?)
}

/// What is decoded is encoded to the same letters.
fn check(key: &UfragKey, letters: &[u8]) -> Result<()> {
    if let Some((shard, session)) = key.decode(letters) {
        let encoded = key.encode(shard, session).expect("what was read fits");
        assert_eq!(encoded, letters);
    }
    Ok(())
}
