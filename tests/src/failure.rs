//! What a test function returns when a step went wrong.

use std::error::Error;
use std::fmt;
use std::panic::Location;

/// The result of a test whose steps are tried with `?`.
pub type TestResult<T = ()> = Result<T, Failure>;

/// Any error, with the line that met it. It is no [`Error`] itself, so that it can be made from all of them.
pub struct Failure {
    text: String,
    at: &'static Location<'static>,
}

impl Failure {
    /// A step that failed without an error value.
    #[track_caller]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), at: Location::caller() }
    }
}

impl<E: Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self { text, at: Location::caller() }
    }
}

/// The test harness shows a failed test's error by `Debug`.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.at)
    }
}
