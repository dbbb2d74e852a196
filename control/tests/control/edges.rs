//! Control killed at every message edge: whatever it was about to say, or had just heard, everything comes out as if it had lived.
//!
//! The clients do what honest ones do: they ask again until they have an answer. The dataplane does what the real one does: it
//! gives up sessions whose client never came.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fanlight_protocol::{CloseReason, SessionRole, SessionState};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Cut, Dataplane, FRAGMENT, OFFER, Relay, Reply, SDP, Scratch, session_of};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ACCEPT_JSON: (&str, &str) = ("Accept", "application/json");

/// Everything is there within milliseconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// A real control process, a dataplane's side of the protocol, and the relay between them.
struct World {
    address: SocketAddr,
    control: Arc<Mutex<Option<Child>>>,
    dataplane: Dataplane,
    relay: Relay,
    scratch: Scratch,
}

/// What is when all is done.
#[derive(Debug, PartialEq)]
struct End {
    /// Of the dataplane: stream, role, state, wish.
    sessions: Vec<String>,
    /// Of control.
    streams: Value,
    viewer: [Value; 2],
    gone: [u16; 3],
}

impl World {
    fn start(cut: Option<Cut>) -> Self {
        let scratch = Scratch::new();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        let dataplane = Dataplane::start(&scratch.path().join("dataplane.sock"), 1);
        let control: Arc<Mutex<Option<Child>>> = Arc::default();
        let end = {
            let control = Arc::clone(&control);
            Box::new(move || {
                if let Some(mut child) = control.lock().unwrap().take() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            })
        };
        let (socket, behind) = (scratch.path().join("relay.sock"), scratch.path().join("dataplane.sock"));
        let relay = Relay::start(&socket, &behind, cut, end);
        Self { address, control, dataplane, relay, scratch }
    }

    /// Starts control if it does not run, as the supervisor does.
    fn supervise(&self) {
        let mut control = self.control.lock().unwrap();
        if control.is_none() {
            let child = Command::new(env!("CARGO_BIN_EXE_fanlight"))
                .arg("control")
                .env_remove("FANLIGHT_CONFIG")
                .env("FANLIGHT_HTTP__BIND", "127.0.0.1")
                .env("FANLIGHT_HTTP__PORT", self.address.port().to_string())
                .env("FANLIGHT_HTTPS__CERTIFICATE", "off")
                .env("FANLIGHT_APPS__ON_NAME_IN_USE", "replace")
                .env("FANLIGHT_CONTROL__SOCKET", self.scratch.path().join("relay.sock"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            *control = Some(child.unwrap());
        }
    }

    /// None: nobody answered.
    async fn try_once(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Reply> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all(text.as_bytes()).await.ok()?;
        Reply::read(&mut stream, false).await
    }

    /// Asks until there is an answer that is not "later".
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let begun = Instant::now();
        loop {
            self.supervise();
            match self.try_once(method, path, headers, body).await {
                Some(reply) if reply.status != 503 => return reply,
                _ => assert!(begun.elapsed() < PATIENCE, "no answer to {method} {path}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Opens a session and lets it connect.
    async fn open(&self, path: &str, body: &str) -> Reply {
        let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[SDP] };
        let reply = loop {
            let reply = self.ask("POST", path, headers, body).await;
            if reply.status == 201 {
                break reply;
            }
            // An earlier try of ours, whose answer was lost, holds the place until it is given up.
            assert!(matches!(reply.status, 409), "{path}: {reply:?}");
            self.dataplane.time_out();
        };
        if body.is_empty() {
            let patched = self.ask("PATCH", reply.location(), &[SDP], OFFER).await;
            // Had it been heard before, it is told that nobody waits for it.
            assert!(matches!(patched.status, 204 | 409), "{patched:?}");
        }
        self.dataplane.connect(session_of(&reply));
        reply
    }

    async fn control(&self, location: &str, changes: &str) {
        assert_eq!(self.ask("PATCH", location, &[JSON], changes).await.status, 204, "{changes}");
    }

    /// The whole story. Gives back how it ended.
    async fn play(&self) -> End {
        let first = self.open("/live/whip/endpoint/a", OFFER).await;
        let viewer = self.open("/live/whep/endpoint/a", OFFER).await;
        let other = self.open("/live/whep/endpoint/a", "").await;
        self.control(viewer.location(), "{\"video\": \"paused\"}").await;
        self.control(viewer.location(), "{\"max_height\": 360}").await;
        let fragment = "a=ice-ufrag:x\r\na=end-of-candidates\r\n";
        let trickled = self.ask("PATCH", other.location(), &[FRAGMENT], fragment).await;
        assert_eq!(trickled.status, 204, "{trickled:?}");
        let deleted = self.ask("DELETE", other.location(), &[], "").await;
        assert!(matches!(deleted.status, 200 | 404 | 410), "{deleted:?}");
        let short = self.open("/live/whip/endpoint/b", OFFER).await;
        self.dataplane.close(session_of(&short), CloseReason::PeerClosed);
        let second = self.open("/live/whip/endpoint/a", OFFER).await;
        self.dataplane.take_over(session_of(&second), &[]);
        self.dataplane.time_out();
        self.end([&first, &viewer, &other, &short]).await
    }

    async fn end(&self, [first, viewer, other, short]: [&Reply; 4]) -> End {
        let begun = Instant::now();
        // What was said last may still be on its way.
        loop {
            let end = self.look([first, viewer, other, short]).await;
            let streams = end.streams.as_array().map_or(0, Vec::len);
            let watched = end.streams[0]["viewers"] == 1 && end.viewer[0] == "connected";
            let settled = streams == 1 && watched && end.gone == [404; 3];
            if settled || begun.elapsed() > PATIENCE {
                return end;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look(&self, [first, viewer, other, short]: [&Reply; 4]) -> End {
        let mut sessions: Vec<String> = self
            .dataplane
            .sessions()
            .into_values()
            .map(|info| {
                let role = if info.role == SessionRole::Publisher { "publishes" } else { "watches" };
                let connected = info.state == SessionState::Connected;
                format!("{role} {}, connected: {connected}, {:?}", info.stream, info.wish)
            })
            .collect();
        sessions.sort();
        let mut streams = self.ask("GET", "/streams", &[], "").await.json();
        for stream in streams.as_array_mut().unwrap() {
            stream.as_object_mut().unwrap().remove("since");
        }
        let report = self.ask("GET", viewer.location(), &[ACCEPT_JSON], "").await.json();
        let mut gone = [0; 3];
        for (status, session) in gone.iter_mut().zip([first, other, short]) {
            // Whether the reason is still known differs: a control that was killed has forgotten it.
            let reply = self.ask("GET", session.location(), &[ACCEPT_JSON], "").await;
            *status = if reply.status == 410 { 404 } else { reply.status };
        }
        End { sessions, streams, viewer: [report["state"].clone(), report["paused"].clone()], gone }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut child) = self.control.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// No other server promises this, so it is enumerated: each message of a story with every kind of request, lost or delivered.
#[tokio::test]
async fn control_may_die_at_any_message_and_all_comes_out_the_same() {
    let unharmed = World::start(None);
    let expected = unharmed.play().await;
    let messages = unharmed.relay.messages();
    drop(unharmed);
    assert_eq!(expected.sessions.len(), 2, "{expected:?}");
    assert!(messages > 30, "the story has {messages} messages");
    for at in 0..messages {
        for delivered in [false, true] {
            let cut = Cut { at, delivered };
            let world = World::start(Some(cut));
            let end = world.play().await;
            assert_eq!(end, expected, "{cut:?} of {messages}");
            // The last messages may come later than the last answer.
            assert!(world.relay.has_cut() || at + 5 > messages, "{cut:?} of {messages}");
        }
    }
}
