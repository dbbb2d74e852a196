//! The line before one server: some requests are under way, some more wait, the rest is told at once that it is busy.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::fault::Fault;

/// Under way to one server: more would be taken for an attack by many a back end.
pub(super) const UNDER_WAY_MAX: usize = 64;

/// In line behind them: an arena that joins at once.
pub(super) const WAITING_MAX: usize = 1024;

pub(super) struct Line {
    tickets: Semaphore,
    places: Semaphore,
}

/// Kept while the request is under way.
pub(super) type Place<'a> = [SemaphorePermit<'a>; 2];

impl Line {
    pub(super) fn new() -> Self {
        Self { tickets: Semaphore::new(UNDER_WAY_MAX + WAITING_MAX), places: Semaphore::new(UNDER_WAY_MAX) }
    }

    /// Waits for a place, in the order of coming.
    pub(super) async fn enter(&self) -> Result<Place<'_>, Fault> {
        let ticket = self.tickets.try_acquire().map_err(|_| Fault::Busy)?;
        let place = self.places.acquire().await.map_err(|_| Fault::Busy)?;
        Ok([ticket, place])
    }
}
