//! Between control and the dataplane: counts their messages, and can end control at any one of them, as `kill -9` does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fanlight_protocol::{Decoder, ToControl, ToDataplane, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Where control ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// At this message, counted from 0 over both directions.
    pub(crate) at: usize,
    /// Whether that message still arrives.
    pub(crate) delivered: bool,
}

type End = Box<dyn FnMut() + Send>;

struct State {
    messages: usize,
    cut: Option<Cut>,
    end: End,
}

/// See the file's head.
pub(crate) struct Relay {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Control finds it at `socket`, the dataplane is at `dataplane`. `end` kills control.
    pub(crate) fn start(socket: &Path, dataplane: &Path, cut: Option<Cut>, end: End) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let state = Arc::new(Mutex::new(State { messages: 0, cut, end }));
        let task = tokio::spawn(listen(listener, dataplane.to_owned(), Arc::clone(&state)));
        Self { state, task }
    }

    /// Messages so far.
    pub(crate) fn messages(&self) -> usize {
        self.state.lock().unwrap().messages
    }

    /// Whether the cut has been made.
    pub(crate) fn has_cut(&self) -> bool {
        self.state.lock().unwrap().cut.is_none()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: UnixListener, dataplane: PathBuf, state: Arc<Mutex<State>>) {
    loop {
        let (control, _) = listener.accept().await.unwrap();
        let Ok(dataplane) = UnixStream::connect(&dataplane).await else { continue };
        let ((from_control, to_control), (from_dataplane, to_dataplane)) =
            (control.into_split(), dataplane.into_split());
        // When one direction ends the other is dropped with it.
        tokio::select! {
            () = carry::<ToDataplane>(from_control, to_dataplane, &state) => {}
            () = carry::<ToControl>(from_dataplane, to_control, &state) => {}
        }
    }
}

async fn carry<M: Serialize + DeserializeOwned>(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
) {
    let mut decoder = Decoder::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let count = from.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        decoder.push(&chunk[..count]);
        while let Some(message) = decoder.message::<M>().unwrap() {
            let mut bytes = Vec::new();
            encode(&message, &mut bytes).unwrap();
            let cut = state.lock().unwrap().pass();
            if cut.is_none_or(|cut| cut.delivered) && to.write_all(&bytes).await.is_err() {
                return;
            }
            if cut.is_some() {
                (state.lock().unwrap().end)();
                return;
            }
        }
    }
}

impl State {
    /// Counts a message; some if control ends at it.
    fn pass(&mut self) -> Option<Cut> {
        let number = self.messages;
        self.messages += 1;
        self.cut.take_if(|cut| cut.at == number)
    }
}
