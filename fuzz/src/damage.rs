//! What a network or a forger does to a packet.

use arbitrary::{Result, Unstructured};

/// Changes that one packet may take.
const CHANGES_MAX: u8 = 4;

/// The packet with some bits flipped, its end cut or something behind it; often as it was.
pub(crate) fn damage(input: &mut Unstructured<'_>, packet: &[u8]) -> Result<Vec<u8>> {
    let mut damaged = packet.to_vec();
    for _ in 0..input.int_in_range(0..=CHANGES_MAX)? {
        match input.arbitrary::<u8>()? {
            0..=31 => {
                let cut = usize::from(input.arbitrary::<u8>()?);
                damaged.truncate(damaged.len().saturating_sub(cut));
            }
            32..=63 => damaged.push(input.arbitrary()?),
            _ if damaged.is_empty() => {}
            _ => {
                let place = usize::from(input.arbitrary::<u16>()?) % damaged.len();
                damaged[place] ^= input.arbitrary::<u8>()?;
            }
        }
    }
    Ok(damaged)
}
