//! How a ring is set up.

use std::io;

use io_uring::IoUring;

use crate::error::RingError;

/// Who hands entries to the kernel, and when what they bring is worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// The owner, both: the second when it asks for completions (`DEFER_TASKRUN`). A port's choice.
    Deferred,
    /// The owner, the second whenever the kernel interrupts it.
    #[cfg(feature = "trial")]
    Prompt,
    /// A thread of the kernel, which polls the queue and sleeps after so many milliseconds without work (`SQPOLL`).
    #[cfg(feature = "trial")]
    Polled { idle_ms: u32 },
}

/// A ring with all flags, or with all that this kernel knows.
pub(crate) fn build(entries: u32, completions: u32, setup: Setup) -> Result<IoUring, RingError> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_submit_all().setup_cqsize(completions);
    let name = match setup {
        Setup::Deferred => {
            builder.setup_defer_taskrun().setup_taskrun_flag();
            "DEFER_TASKRUN"
        }
        #[cfg(feature = "trial")]
        Setup::Prompt => "SINGLE_ISSUER",
        #[cfg(feature = "trial")]
        Setup::Polled { idle_ms } => {
            builder.setup_sqpoll(idle_ms);
            "SQPOLL"
        }
    };
    let plainer = builder.clone();
    let is_unknown_flag = |error: &io::Error| error.raw_os_error() == Some(libc::EINVAL);
    let ring = match builder.setup_no_sqarray().build(entries) {
        Err(error) if is_unknown_flag(&error) => plainer.build(entries),
        built => built,
    };
    let ring = ring.map_err(|error| match error {
        error if is_unknown_flag(&error) => RingError::Lacks(name),
        error => RingError::at("setting up a ring")(error),
    })?;
    let features = ring.params();
    for (has, name) in [
        (features.is_feature_nodrop(), "NODROP"),
        (features.is_feature_ext_arg(), "EXT_ARG"),
        (features.is_feature_skip_cqe_on_success(), "CQE_SKIP"),
        (features.is_feature_submit_stable(), "SUBMIT_STABLE"),
    ] {
        if !has {
            return Err(RingError::Lacks(name));
        }
    }
    Ok(ring)
}
