//! Telling the server that somebody has left, in the background: no session waits for it to end.
//!
//! Limits: [`WAITING_MAX`] in line, what comes then is lost and said so; [`AT_ONCE_MAX`] at a time; as many tries as [`PAUSES`],
//! unless the server says that it does not want to know.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::auth::Action;
use crate::outbound::{Endpoint, Fault, Message};

const WAITING_MAX: usize = 1024;
const AT_ONCE_MAX: usize = 8;

/// After each try that failed.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::ZERO];

/// See the file's head. When it is dropped, what is in line is still told.
pub(super) struct Farewells {
    line: mpsc::Sender<Vec<u8>>,
    on: Vec<Action>,
}

impl Farewells {
    pub(super) fn new(endpoint: Endpoint, on: Vec<Action>) -> Self {
        let (line, waiting) = mpsc::channel(WAITING_MAX);
        // Without a runtime the configuration is only being checked.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(say_all(Arc::new(endpoint), waiting));
        }
        Self { line, on }
    }

    pub(super) fn are_for(&self, action: Action) -> bool {
        self.on.contains(&action)
    }

    pub(super) fn say(&self, body: Vec<u8>) {
        if self.line.try_send(body).is_err() {
            tracing::warn!(
                "the authentication server is not told of a session that ended: too many wait for it"
            );
        }
    }
}

async fn say_all(endpoint: Arc<Endpoint>, mut waiting: mpsc::Receiver<Vec<u8>>) {
    let mut under_way = JoinSet::new();
    while let Some(body) = waiting.recv().await {
        if under_way.len() >= AT_ONCE_MAX {
            let _ = under_way.join_next().await;
        }
        under_way.spawn(say(Arc::clone(&endpoint), body));
    }
    under_way.join_all().await;
}

async fn say(endpoint: Arc<Endpoint>, body: Vec<u8>) {
    for pause in PAUSES {
        match endpoint.tell(Message::post(body.clone())).await {
            Ok(()) | Err(Fault::Status(400..=499)) => return,
            Err(_) => sleep(pause).await,
        }
    }
}
