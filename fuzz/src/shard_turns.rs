//! The shard as a whole: bytes become a list of what peers, the network and the link thread do.

mod scene;
mod step;

use arbitrary::{Arbitrary, Unstructured};

use self::scene::Scene;
use self::step::Step;

/// Steps of one input.
const STEPS_MAX: usize = 250;

/// Turns of two shards (`Shard::turn`), past authentication.
///
/// The input is a list of steps: publishers of two layers and their viewers come and go on either shard; media is lost, repeated,
/// damaged, forged and late; viewers ask for packets again, for key frames and layers, report, and say whatever bytes they like
/// under their own keys; lanes are short, the kernel takes nothing, time goes by. It holds that
///
/// - received = accepted + Σ rejects, and what was counted out is what left (each turn; by the world itself);
/// - no nonce is used twice: each (SSRC, index) of RTP and each index of RTCP reaches a peer once, and is authentic;
/// - media goes to connected viewers alone, on SSRCs and with extensions that they negotiated, and every payload is one that the
///   watched publisher sent; nothing goes to an address that no session has;
/// - shards come to rest, and when all sessions are closed nothing is left: no session, no track;
/// - the same turns on fresh shards give the same outputs, to the byte.
pub fn shard_turns(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut scene = Scene::new(input.arbitrary().unwrap_or_default());
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        // The end of the input is the end of the list.
        let Ok(step) = Step::arbitrary(&mut input) else { break };
        scene.play(step);
    }
    scene.end();
}
