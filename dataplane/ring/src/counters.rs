//! What a port has done so far. Plain numbers of its own thread; whoever exports them reads a copy.

/// Sends that the kernel refused, by class. Each is one message, lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendErrors {
    /// The socket's send buffer was full (`EAGAIN`, `ENOBUFS`).
    pub would_block: u64,
    /// A datagram longer than the path's MTU (`EMSGSIZE`).
    pub too_long: u64,
    /// No route, or an address of a family that the port does not serve.
    pub unreachable: u64,
    /// All else, as a firewall's `EPERM`.
    pub other: u64,
}

impl SendErrors {
    /// Messages lost, of all classes.
    pub fn total(&self) -> u64 {
        self.would_block + self.too_long + self.unreachable + self.other
    }

    pub(crate) fn count(&mut self, errno: i32) {
        let class = match errno {
            // EAGAIN and EWOULDBLOCK are one number on Linux.
            libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => &mut self.would_block,
            libc::EMSGSIZE => &mut self.too_long,
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EHOSTDOWN
            | libc::EADDRNOTAVAIL
            | libc::EAFNOSUPPORT
            | libc::ECONNREFUSED => &mut self.unreachable,
            _ => &mut self.other,
        };
        *class += 1;
    }
}

/// A port's counters since it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortCounters {
    /// Datagrams given out by the inbox.
    pub datagrams_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Datagrams dropped because they did not fit a receive buffer.
    pub truncated: u64,
    /// How often the multishot receive ended and was armed anew (out of buffers, an empty datagram).
    pub receive_rearms: u64,
    /// Messages that the kernel took: each is one `sendmsg`, whatever it carries.
    pub messages_out: u64,
    /// Datagrams in them.
    pub datagrams_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Trains that the path cannot cut (IPsec; before Linux 6.11 devices without checksum offload) and that were
    /// therefore sent datagram by datagram.
    pub trains_cut: u64,
    /// Messages that the kernel refused.
    pub send_errors: SendErrors,
    /// Calls of `wait`.
    pub waits: u64,
    /// Times the thread really slept.
    pub sleeps: u64,
    /// Waits that saw a wake from another thread.
    pub wakes: u64,
}

#[cfg(test)]
mod tests {
    use super::SendErrors;

    /// An operator reads the classes to find the cause, so each errno must land in the class that names it.
    #[test]
    fn each_errno_lands_in_its_class() {
        let mut errors = SendErrors::default();
        for errno in [libc::EAGAIN, libc::ENOBUFS, libc::EMSGSIZE, libc::ENETUNREACH, libc::EHOSTUNREACH] {
            errors.count(errno);
        }
        errors.count(libc::EPERM);
        assert_eq!(errors, SendErrors { would_block: 2, too_long: 1, unreachable: 2, other: 1 });
        assert_eq!(errors.total(), 6);
    }
}
