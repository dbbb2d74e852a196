//! The bounds of a port, why they are what they are, and what the operating system has to allow.

#![expect(unsafe_code, reason = "getrlimit and prctl are system calls that std does not wrap")]

use std::time::Duration;

use crate::config::PortConfig;
use crate::datagram;
use crate::error::OpenError;

/// Most segments in one message. Linux took 64 until 6.9 and 128 since; a train longer than 64 gains nothing (53 ns a
/// packet at 40 segments, 98 at 10).
pub const SEGMENTS_MAX: usize = 64;

/// Most payload bytes in one message: an IPv4 packet's 65,535 less its header and UDP's. RFC 768, RFC 791 §3.1.
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Most datagrams that the inbox gives out after one wait: a turn's work is bounded.
pub const RECEIVED_PER_WAIT_MAX: usize = 256;

/// Most bytes in all send slots together: they, the keys and the headers share a core's L2 cache.
pub const SLOTS_BYTES_MAX: usize = 512 * 1024;

/// What a receive buffer holds besides the datagram: the kernel's header and the source address.
pub const RECEIVE_OVERHEAD_BYTES: usize = datagram::PREFIX_BYTES;

/// io_uring's buffer rings end here.
const RECEIVE_BUFFERS_MAX: u16 = 32_768;
/// A spin longer than this is a busy loop.
const SPIN_MAX: Duration = Duration::from_millis(1);
/// A socket's smallest buffer that still holds a datagram: the kernel counts its own bookkeeping too.
const SOCKET_BYTES_MIN: usize = 4096;
/// The kernel keeps the doubled size of a socket's buffer in an `int`.
const SOCKET_BYTES_MAX: usize = 1 << 30;
/// Below this the gateway and the link run out of descriptors under load.
const FILES_COMFORTABLE: u64 = 4096;
/// How late a timer of the worker may fire, in nanoseconds. The default of 50 µs would add to every paced packet.
const TIMER_SLACK_NANOSECONDS: libc::c_ulong = 1000;

const UNKNOWN: libc::rlimit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };

const _: () = assert!(RECEIVED_PER_WAIT_MAX <= u16::MAX as usize);

/// Holds a configuration to its bounds.
pub(crate) fn check(config: &PortConfig) -> Result<(), OpenError> {
    let within = |key, value: usize, allowed: bool, rule| {
        if allowed { Ok(()) } else { Err(OpenError::Limit { key, value, rule }) }
    };
    let buffers = config.receive_buffers;
    within(
        "receive_buffers",
        buffers.into(),
        buffers.is_power_of_two() && (8..=RECEIVE_BUFFERS_MAX).contains(&buffers),
        "a power of two from 8 to 32768",
    )?;
    within(
        "receive_buffer_bytes",
        config.receive_buffer_bytes,
        (256..=65_536 + RECEIVE_OVERHEAD_BYTES).contains(&config.receive_buffer_bytes),
        "from 256 to 65580",
    )?;
    within(
        "send_slots",
        config.send_slots.into(),
        (1..=1024).contains(&config.send_slots),
        "from 1 to 1024",
    )?;
    within("slot_bytes", config.slot_bytes, (64..=65_536).contains(&config.slot_bytes), "from 64 to 65536")?;
    let slots_bytes = usize::from(config.send_slots) * config.slot_bytes;
    within(
        "send_slots × slot_bytes",
        slots_bytes,
        slots_bytes <= SLOTS_BYTES_MAX,
        "at most 524288 bytes, to stay in the L2 cache",
    )?;
    for (key, value) in [
        ("socket_receive_bytes", config.socket_receive_bytes),
        ("socket_send_bytes", config.socket_send_bytes),
    ] {
        let allowed = (SOCKET_BYTES_MIN..=SOCKET_BYTES_MAX).contains(&value);
        within(key, value, allowed, "from 4096 to 1 GiB")?;
    }
    let spin_microseconds = usize::try_from(config.spin.as_micros()).unwrap_or(usize::MAX);
    within("spin (in µs)", spin_microseconds, config.spin <= SPIN_MAX, "at most 1000")
}

/// What of the process's limits an operator should know, though the port works.
pub(crate) fn note_process_limits(notes: &mut Vec<String>) {
    let files = files_max();
    if files < FILES_COMFORTABLE {
        notes.push(format!(
            "RLIMIT_NOFILE is {files}, {FILES_COMFORTABLE} wanted: raise LimitNOFILE= or `ulimit -n`"
        ));
    }
}

/// The soft limit on open files.
pub(crate) fn files_max() -> u64 {
    let mut limit = UNKNOWN;
    // SAFETY: `limit` is a valid rlimit that the call fills; on failure it stays unknown.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

/// The soft limit on locked memory, in bytes.
pub(crate) fn locked_bytes_max() -> u64 {
    let mut limit = UNKNOWN;
    // SAFETY: as above.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    limit.rlim_cur
}

/// The sysctl `kernel.io_uring_disabled` as text: 0 = open to all, 1 = to a group, 2 = to nobody.
pub(crate) fn io_uring_disabled() -> String {
    std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Lets this thread's timers fire almost on time. A refusal costs precision, never correctness.
pub(crate) fn sharpen_timers() {
    // SAFETY: PR_SET_TIMERSLACK takes one number and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, TIMER_SLACK_NANOSECONDS) };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::check;
    use crate::config::PortConfig;
    use crate::error::OpenError;

    fn refused_key(change: impl FnOnce(&mut PortConfig)) -> Option<&'static str> {
        let mut config = PortConfig::default();
        change(&mut config);
        match check(&config) {
            Err(OpenError::Limit { key, .. }) => Some(key),
            _ => None,
        }
    }

    /// The defaults are what every deployment runs; they must satisfy their own bounds.
    #[test]
    fn the_defaults_are_within_bounds() {
        assert_eq!(refused_key(|_| {}), None);
    }

    /// A value out of bounds must be named, since the operator sees only the message.
    #[test]
    fn a_value_out_of_bounds_is_named() {
        assert_eq!(refused_key(|config| config.receive_buffers = 500), Some("receive_buffers"));
        assert_eq!(refused_key(|config| config.receive_buffers = 4), Some("receive_buffers"));
        assert_eq!(refused_key(|config| config.receive_buffer_bytes = 255), Some("receive_buffer_bytes"));
        assert_eq!(refused_key(|config| config.send_slots = 0), Some("send_slots"));
        assert_eq!(refused_key(|config| config.slot_bytes = 65_537), Some("slot_bytes"));
        assert_eq!(refused_key(|config| config.send_slots = 33), Some("send_slots × slot_bytes"));
        assert_eq!(refused_key(|config| config.socket_send_bytes = usize::MAX), Some("socket_send_bytes"));
        assert_eq!(refused_key(|config| config.socket_receive_bytes = 0), Some("socket_receive_bytes"));
        assert_eq!(refused_key(|config| config.spin = Duration::from_millis(2)), Some("spin (in µs)"));
    }
}
