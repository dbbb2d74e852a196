//! Where a session's connectivity checks came from, and what they came to: why ICE did or did not find a path. RFC 8445 §7.3.

use crate::limits::CHECKED_REMOTES_MAX;
use crate::remote::Remote;

/// One remote address that sent binding requests under the session's username fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub remote: Remote,
    /// Requests that named the session.
    pub checks: u64,
    /// Of those, the ones that the session's agent answered: their message integrity was right.
    pub answered: u64,
}

/// See the file's head. In the order of their first check; whoever proved nothing makes room for the next. At most
/// [`CHECKED_REMOTES_MAX`], mostly one or two.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Checked>);

impl Checks {
    /// A binding request came.
    pub(crate) fn came(&mut self, remote: Remote) {
        if let Some(known) = self.find(remote) {
            known.checks += 1;
            return;
        }
        if self.0.len() == CHECKED_REMOTES_MAX {
            let idle = self.0.iter().position(|known| known.answered == 0);
            self.0.remove(idle.unwrap_or_default());
        }
        self.0.push(Checked { remote, checks: 1, answered: 0 });
    }

    /// A success response leaves.
    pub(crate) fn answered(&mut self, remote: Remote) {
        if let Some(known) = self.find(remote) {
            known.answered += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Checked> {
        self.0.iter()
    }

    fn find(&mut self, remote: Remote) -> Option<&mut Checked> {
        self.0.iter_mut().find(|known| known.remote == remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood from many ports must not push out the address that works.
    #[test]
    fn proven_addresses_outlive_a_flood() {
        let at = |port| Remote::udp(([192, 0, 2, 1], port).into());
        let mut checks = Checks::default();
        checks.came(at(7));
        checks.answered(at(7));
        for stranger in 100..10_000 {
            checks.came(at(stranger));
        }
        assert_eq!(checks.iter().next(), Some(&Checked { remote: at(7), checks: 1, answered: 1 }));
        assert_eq!(checks.iter().count(), CHECKED_REMOTES_MAX);
    }
}
