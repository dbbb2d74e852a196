//! What of a viewer each packet touches: it has to be read from memory for each viewer and turn, so it is bounded, and what is
//! not part of it lies behind it.

use std::mem::{offset_of, size_of};

use fanlight_srtp::RtpSealer;

use crate::nonces::Nonces;
use crate::session::{Session, Viewer};
use crate::spec::SubscriptionSpec;
use crate::subscription::Subscription;

/// Bytes that a packet touches for one viewer.
const HOT_BYTES_MAX: usize = 1024;

/// A thousand viewers' hot state then fits the second-level cache of one core beside the packets. A field that is added to it
/// has to be worth its place.
#[test]
fn the_hot_state_of_a_viewer_is_a_kibibyte() {
    let session = offset_of!(Session, transport);
    let viewer = offset_of!(Viewer, constraint);
    let subscription = offset_of!(Subscription, spec) + offset_of!(SubscriptionSpec, layers);
    // Of the ring of used indices a packet touches one word.
    let untouched = size_of::<Nonces>() - 2 * size_of::<u64>();
    let hot = size_of::<RtpSealer>() + session + viewer + subscription - untouched;
    assert!(hot <= HOT_BYTES_MAX, "{hot}: session {session}, viewer {viewer}, subscription {subscription}");
}
