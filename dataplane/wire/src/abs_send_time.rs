//! The abs-send-time header extension: 24 bits of send time, 6.18 fixed-point seconds.
//!
//! <http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time>

use core::time::Duration;

/// The extension's three bytes for a moment, given as the time since any epoch: it wraps every 64 s.
///
/// The unit is 2⁻¹⁸ s (3.8 µs), rounded down.
#[must_use]
pub fn abs_send_time(since_epoch: Duration) -> [u8; 3] {
    let seconds = since_epoch.as_secs() << 18;
    let fraction = (u64::from(since_epoch.subsec_nanos()) << 18) / 1_000_000_000;
    let [.., a, b, c] = (seconds | fraction).to_be_bytes();
    [a, b, c]
}
