//! NTP timestamps: the wall clock of sender reports. RFC 3550 §4, RFC 5905 §6.

use core::time::Duration;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970). RFC 868.
const UNIX_EPOCH_SECONDS: u32 = 2_208_988_800;
/// Nanoseconds a second.
const NANOS: u64 = 1_000_000_000;

/// A moment: seconds since 1900 in the upper 32 bits, 2⁻³² s in the lower. Wraps in February 2036 and then
/// every 136 years, so all arithmetic here wraps too.
///
/// A [`Duration`] survives the way here and back to the nanosecond: 2⁻³² s is 0.23 ns and both ways round to
/// nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From seconds since 1900 and their fraction in units of 2⁻³² s.
    #[must_use]
    pub const fn from_parts(seconds: u32, fraction: u32) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (seconds.to_be_bytes(), fraction.to_be_bytes());
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// From the time since the Unix epoch.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        Self::from_parts(UNIX_EPOCH_SECONDS, 0).wrapping_add(since_epoch)
    }

    /// Seconds since 1900, modulo 2³².
    #[must_use]
    pub const fn seconds(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The fraction of the second, in units of 2⁻³² s.
    #[must_use]
    pub const fn fraction(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The middle 32 bits, in units of 2⁻¹⁶ s: the form that LSR takes in a report block. RFC 3550 §6.4.1.
    #[must_use]
    pub const fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// This much later, modulo 136 years.
    #[must_use]
    pub fn wrapping_add(self, duration: Duration) -> Self {
        Self(self.0.wrapping_add(units(duration)))
    }

    /// This much earlier, modulo 136 years.
    #[must_use]
    pub fn wrapping_sub(self, duration: Duration) -> Self {
        Self(self.0.wrapping_sub(units(duration)))
    }

    /// The time from `earlier` to here, going forwards round the circle of 136 years.
    #[must_use]
    pub fn wrapping_since(self, earlier: Self) -> Duration {
        let apart = Self(self.0.wrapping_sub(earlier.0));
        let nanos = (u64::from(apart.fraction()) * NANOS + (1 << 31)) >> 32;
        // Addition and not `Duration::new`: rounding may reach a whole second, which carries.
        Duration::from_secs(u64::from(apart.seconds())) + Duration::from_nanos(nanos)
    }
}

/// A duration in units of 2⁻³² s, rounded to nearest, modulo 2³² s.
fn units(duration: Duration) -> u64 {
    let fraction = ((u64::from(duration.subsec_nanos()) << 32) + NANOS / 2) / NANOS;
    (duration.as_secs() << 32).wrapping_add(fraction)
}
