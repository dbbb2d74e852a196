//! Why a request of ours came to nothing. No text holds what was sent, what came back, or where it went.

use std::error::Error;
use std::io;

/// See the file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("too many requests to it are under way")]
    Busy,
    #[error("it did not answer lately; it will be tried again soon")]
    Down,
    #[error("its name cannot be resolved")]
    NameUnknown,
    #[error("its name leads to a private network; set allow_private = true if that is meant")]
    NotPublic,
    #[error("it cannot be connected to")]
    Unreachable,
    #[error("its certificate is not trusted, or TLS with it failed otherwise")]
    Tls,
    #[error("it did not answer in time")]
    TimedOut,
    #[error("it does not speak HTTP, or the connection broke")]
    Broken,
    #[error("its answer is compressed, which was not asked for")]
    Encoded,
    #[error("its answer is too large")]
    TooLarge,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is not the JSON that it should be")]
    BadReply,
}

impl Fault {
    /// Stable name for logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Down => "down",
            Self::NameUnknown => "name_unknown",
            Self::NotPublic => "not_public",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::Encoded => "encoded",
            Self::TooLarge => "too_large",
            Self::Status(_) => "status",
            Self::BadReply => "bad_reply",
        }
    }

    /// Whether the server itself, rather than one answer of it, is at fault. What a peer's credentials alone may bring about, such
    /// as a 500, does not count: nobody must be able to close the door to others.
    pub(crate) const fn is_outage(self) -> bool {
        match self {
            Self::NameUnknown
            | Self::NotPublic
            | Self::Unreachable
            | Self::Tls
            | Self::TimedOut
            | Self::Broken => true,
            Self::Status(status) => matches!(status, 502..=504),
            Self::Down => true,
            Self::Busy | Self::Encoded | Self::TooLarge | Self::BadReply => false,
        }
    }
}

/// What the HTTP library says, by its innermost reason.
pub(super) fn classify(error: &reqwest::Error) -> Fault {
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(reason) = source {
        if let Some(fault) = reason.downcast_ref::<Fault>() {
            return *fault;
        }
        if reason.is::<rustls::Error>() || reason.downcast_ref::<io::Error>().is_some_and(is_of_tls) {
            return Fault::Tls;
        }
        source = reason.source();
    }
    if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_connect() {
        Fault::Unreachable
    } else {
        Fault::Broken
    }
}

/// One within another: each layer of the connection wraps what it got.
fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inside| {
        inside.is::<rustls::Error>() || inside.downcast_ref::<io::Error>().is_some_and(is_of_tls)
    })
}
