//! Plain words for what the dataplane knows: why a session has no media yet, why it ended, what happened to it.
//!
//! Pure. Each text says what happened and what to do; each has a stable name beside it, for programs, metrics and logs. The
//! texts go to the session's owner and to the log, and hold nothing that a peer could write but addresses.

pub(crate) mod notes;

use fanlight_protocol::{CloseReason, Inspection, SessionState};

/// A stable name and a sentence or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) cause: &'static str,
    pub(crate) text: String,
}

/// Why a session ended, as control knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The dataplane said so, or was told to.
    Closed(CloseReason),
    /// The dataplane does not have it any more: it was started anew, or ended the session while it could not be heard.
    Unseen,
}

impl EndReason {
    /// Stable name for logs, metrics and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Closed(reason) => reason.name(),
            Self::Unseen => "unseen",
        }
    }
}

/// How far a session came on its way to media. RFC 8445, RFC 5764.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of the peer reached a media port.
    NoCheck,
    /// Checks came, and none was made with the password of the answer.
    WrongPassword,
    /// A path works, DTLS is not up.
    Handshake,
    Up,
}

impl Stage {
    fn of(inspection: &Inspection) -> Self {
        let pairs = &inspection.ice.pairs;
        if inspection.state == SessionState::Connected || inspection.dtls.is_some() {
            Self::Up
        } else if pairs.iter().any(|pair| pair.answered > 0) {
            Self::Handshake
        } else if pairs.is_empty() {
            Self::NoCheck
        } else {
            Self::WrongPassword
        }
    }
}

/// What a session that lives waits for, or that it needs nothing.
pub(crate) fn progress(inspection: &Inspection) -> Explanation {
    let local = local(inspection);
    match Stage::of(inspection) {
        Stage::NoCheck => Explanation {
            cause: "no_check_came",
            text: format!(
                "No connectivity check has reached {local} so far. {}",
                way_to_the_port(inspection)
            ),
        },
        Stage::WrongPassword => Explanation {
            cause: "wrong_password",
            text: format!("Connectivity checks came {}, but {WRONG_PASSWORD}", from_where(inspection)),
        },
        Stage::Handshake => Explanation {
            cause: "handshake",
            text: format!("A path works {}; the DTLS handshake is under way.", from_where(inspection)),
        },
        Stage::Up => match inspection.ice.pairs.iter().find(|pair| pair.selected) {
            Some(pair) => Explanation { cause: "up", text: format!("Media goes to {}.", pair.remote) },
            None => Explanation { cause: "up", text: "ICE and DTLS are up.".to_owned() },
        },
    }
}

/// Why a session ended, as well as what was seen of it can tell.
pub(crate) fn ending(reason: EndReason, last: Option<&Inspection>) -> Explanation {
    match (reason, last) {
        (EndReason::Closed(CloseReason::NeverConnected), Some(last)) => never_connected(last),
        (EndReason::Closed(CloseReason::TransportFailed), Some(last)) if last.dtls.is_none() => {
            handshake_failed(last)
        }
        (EndReason::Closed(CloseReason::ConsentLost), Some(last)) => consent_lost(last),
        (EndReason::Closed(CloseReason::Deleted), Some(last)) if waited_in_vain(last) => {
            let Explanation { cause, text } = never_connected(last);
            Explanation { cause, text: format!("The client gave up. {text}") }
        }
        (EndReason::Closed(reason), _) => {
            Explanation { cause: reason.name(), text: plain(reason).to_owned() }
        }
        (EndReason::Unseen, _) => Explanation {
            cause: reason.name(),
            text: "It ended while the media process could not be heard, and perhaps was started anew. Open a new session."
                .to_owned(),
        },
    }
}

/// Whether somebody wanted the session to go on, so that its end deserves a line in the log.
pub(crate) fn is_failure(reason: EndReason, last: Option<&Inspection>) -> bool {
    match reason {
        EndReason::Unseen => true,
        EndReason::Closed(CloseReason::Deleted) => last.is_some_and(waited_in_vain),
        EndReason::Closed(reason) => {
            use CloseReason as R;
            matches!(reason, R::NeverConnected | R::TransportFailed | R::ConsentLost)
        }
    }
}

/// A client that leaves sooner has changed its mind.
const PATIENCE_MS: u64 = 5_000;

fn waited_in_vain(last: &Inspection) -> bool {
    Stage::of(last) != Stage::Up && last.age_ms >= PATIENCE_MS
}

const WRONG_PASSWORD: &str = "none was made with the ICE password of the answer. The client mixed up two sessions, or lost \
                              the answer: open a new session.";

fn plain(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Deleted => "It was ended by its owner, with DELETE on its URL.",
        CloseReason::PeerClosed => "The peer closed the connection itself.",
        CloseReason::ConsentLost => {
            "Nothing was heard of the peer any more: its network went away. Open a new session."
        }
        CloseReason::NeverConnected => "ICE or DTLS did not come up in time. Open a new session.",
        CloseReason::Replaced => "Another publisher has taken over the name. To take it back publish again.",
        CloseReason::StreamEnded => "The publisher has ended the stream. Watch again when it is live.",
        CloseReason::TransportFailed => {
            "The connection failed inside the server; its log has more. Open a new session."
        }
        CloseReason::Kicked => "An operator of the server, or a policy of it, has ended the session.",
        CloseReason::Expired => {
            "The permission that it was opened with has run out. Get a new one, and open a new session with it."
        }
        CloseReason::Revoked => {
            "The permission that it was opened with was taken back. Ask whoever gave it for another."
        }
        CloseReason::Shutdown => "The server is going down. Try again in a moment.",
    }
}

fn never_connected(last: &Inspection) -> Explanation {
    let (local, seconds) = (local(last), last.age_ms.div_ceil(1_000));
    match Stage::of(last) {
        Stage::NoCheck => Explanation {
            cause: "no_check_came",
            text: format!(
                "No connectivity check reached {local} within {seconds} s. {}",
                way_to_the_port(last)
            ),
        },
        Stage::WrongPassword => Explanation {
            cause: "wrong_password",
            text: format!("Connectivity checks came {}, but {WRONG_PASSWORD}", from_where(last)),
        },
        Stage::Handshake | Stage::Up => Explanation {
            cause: "handshake_unfinished",
            text: format!(
                "A path was found {}, but the DTLS handshake did not finish within {seconds} s. Large packets may be lost \
                 on the way, or the client stopped: try again, or from another network.",
                from_where(last)
            ),
        },
    }
}

fn handshake_failed(last: &Inspection) -> Explanation {
    Explanation {
        cause: "handshake_failed",
        text: format!(
            "A path was found {}, but the DTLS handshake failed: the certificate is not the one whose fingerprint the offer \
             announced, or the client gave up with an alert. Open a new session with a fresh offer.",
            from_where(last)
        ),
    }
}

fn consent_lost(last: &Inspection) -> Explanation {
    let selected = last.ice.pairs.iter().find(|pair| pair.selected);
    let peer = selected.map_or("the peer", |pair| pair.remote.as_str());
    Explanation {
        cause: CloseReason::ConsentLost.name(),
        text: format!(
            "Nothing was heard of {peer} any more: its network went away, or it closed without a word. Open a new session."
        ),
    }
}

/// What stands between the peer and our ports, when nothing gets through.
fn way_to_the_port(inspection: &Inspection) -> &'static str {
    if inspection.ice.local.iter().any(|address| address.starts_with("tcp ")) {
        "A firewall on the way blocks these ports for UDP and TCP (try another network; open them at the server), or the \
         server is reached under another address than it tells (set media.public_addresses)."
    } else {
        "A firewall on the way blocks UDP to this port (try another network; open it at the server), or the server is \
         reached under another address than it tells (set media.public_addresses)."
    }
}

/// Where the peer was told to send to.
fn local(inspection: &Inspection) -> String {
    match inspection.ice.local.as_slice() {
        [] => "the server".to_owned(),
        addresses => addresses.join(", "),
    }
}

/// Most addresses named in one text.
const NAMED_MAX: usize = 3;

fn from_where(inspection: &Inspection) -> String {
    let mut pairs: Vec<_> = inspection.ice.pairs.iter().collect();
    // Those that proved themselves first: the others may be anybody.
    pairs.sort_by_key(|pair| std::cmp::Reverse(pair.answered));
    let named: Vec<&str> = pairs.iter().take(NAMED_MAX).map(|pair| pair.remote.as_str()).collect();
    let more = pairs.len().saturating_sub(NAMED_MAX);
    match (named.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("from {}", named.join(", ")),
        (false, more) => format!("from {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests;
