//! The dataplane's side of the real protocol: it keeps sessions and its promises (one answer a request, viewers end with
//! their publisher), and moves no media. An offer may say what is to become of it: `a=x-test:refuse-codec`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanlight_protocol::{
    CloseReason, Codec, Decoder, DtlsInspection, IceInspection, IcePair, Inspection, Notable, Note,
    PROTOCOL_VERSION, Refusal, RequestId, SessionId, SessionInfo, SessionRole, SessionState, StreamPath,
    Terms, ToControl, ToDataplane, TrackInfo, TrackKind, TrackStats, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Sessions = BTreeMap<SessionId, SessionInfo>;

#[derive(Default)]
struct State {
    boot: u64,
    protocol: u16,
    sessions: Sessions,
    /// Viewers that were sent an offer and have not answered it.
    unanswered: BTreeSet<SessionId>,
    /// Where the checks of sessions came from; a session that is not in it has been reached as usual.
    pairs: BTreeMap<SessionId, Vec<IcePair>>,
    /// What happened, by session.
    notes: BTreeMap<SessionId, Vec<Note>>,
    /// Everything that control said.
    heard: Vec<ToDataplane>,
    /// Requests that are not answered until [`Dataplane::answer_held`].
    held: Vec<ToDataplane>,
    holding: bool,
    /// Bytes to the control that is connected.
    outbox: Option<mpsc::UnboundedSender<Vec<u8>>>,
}

pub(crate) struct Dataplane {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
    socket: std::path::PathBuf,
}

impl Dataplane {
    pub(crate) fn start(socket: &Path, boot: u64) -> Self {
        Self::start_speaking(socket, boot, PROTOCOL_VERSION)
    }

    /// A dataplane of another version of the protocol.
    pub(crate) fn start_speaking(socket: &Path, boot: u64, protocol: u16) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let state = Arc::new(Mutex::new(State { boot, protocol, ..State::default() }));
        let task = tokio::spawn(listen(listener, Arc::clone(&state)));
        Self { state, task, socket: socket.to_owned() }
    }

    /// Its process ends, or only its connection: that depends on what is started next.
    pub(crate) async fn stop(&mut self) -> Sessions {
        self.task.abort();
        let _ = (&mut self.task).await;
        std::fs::remove_file(&self.socket).unwrap();
        let mut state = self.state.lock().unwrap();
        state.outbox = None;
        std::mem::take(&mut state.sessions)
    }

    pub(crate) fn put_back(&self, sessions: Sessions) {
        self.state.lock().unwrap().sessions = sessions;
    }

    pub(crate) fn sessions(&self) -> Sessions {
        self.state.lock().unwrap().sessions.clone()
    }

    pub(crate) fn heard(&self) -> Vec<ToDataplane> {
        self.state.lock().unwrap().heard.clone()
    }

    pub(crate) fn say(&self, message: &ToControl) {
        let mut bytes = Vec::new();
        encode(message, &mut bytes).unwrap();
        self.say_bytes(bytes);
    }

    /// Nobody hears it while no control is there.
    pub(crate) fn say_bytes(&self, bytes: Vec<u8>) {
        let state = self.state.lock().unwrap();
        let _ = state.outbox.as_ref().map(|outbox| outbox.send(bytes));
    }

    /// ICE and DTLS of every session come up.
    pub(crate) fn connect_all(&self) {
        let sessions: Vec<SessionId> = self.sessions().into_keys().collect();
        for session in sessions {
            self.connect(session);
        }
    }

    /// ICE and DTLS of one session come up.
    pub(crate) fn connect(&self, session: SessionId) {
        self.state.lock().unwrap().sessions.get_mut(&session).unwrap().state = SessionState::Connected;
        self.say(&ToControl::Connected { session });
    }

    /// Those whose client never came are given up.
    pub(crate) fn time_out(&self) {
        let waiting = self.sessions().into_values().filter(|info| info.state == SessionState::Connecting);
        let waiting: Vec<SessionId> = waiting.map(|info| info.session).collect();
        for session in waiting {
            self.close(session, CloseReason::NeverConnected);
        }
    }

    /// This is all that was seen of the session's connectivity checks.
    pub(crate) fn see_pairs(&self, session: SessionId, pairs: Vec<IcePair>) {
        self.state.lock().unwrap().pairs.insert(session, pairs);
    }

    /// Something happens that the session's user should know at once.
    pub(crate) fn note(&self, session: SessionId, at_ms: u64, what: Notable) {
        let message = self.state.lock().unwrap().note(session, Note { at_ms, what });
        self.say(&message);
    }

    /// A session is muted, by whomever; who asked is not told.
    pub(crate) fn mute(&self, session: SessionId, kind: TrackKind, muted: bool) {
        let messages = self.state.lock().unwrap().mute(RequestId(u64::MAX), session, kind, muted);
        messages
            .iter()
            .filter(|message| matches!(message, ToControl::Noted { .. }))
            .for_each(|message| self.say(message));
    }

    /// A session ends by itself, and its viewers with it.
    pub(crate) fn close(&self, session: SessionId, reason: CloseReason) {
        let messages = self.state.lock().unwrap().close(session, reason);
        for message in &messages {
            self.say(message);
        }
    }

    /// A publisher connects and takes over from the one that it replaces, with all viewers but those that are `left`.
    pub(crate) fn take_over(&self, publisher: SessionId, left: &[SessionId]) {
        let mut state = self.state.lock().unwrap();
        let new = state.sessions.get_mut(&publisher).unwrap();
        new.state = SessionState::Connected;
        let former = new.replaces.take().expect("it replaces somebody");
        let mut viewers = Vec::new();
        for info in state.sessions.values_mut() {
            if info.role == (SessionRole::Viewer { publisher: former }) && !left.contains(&info.session) {
                info.role = SessionRole::Viewer { publisher };
                viewers.push(info.session);
            }
        }
        let mut messages = vec![
            ToControl::Connected { session: publisher },
            ToControl::Replaced { publisher, former, viewers },
        ];
        messages.extend(state.close(former, CloseReason::Replaced));
        drop(state);
        for message in &messages {
            self.say(message);
        }
    }

    /// From now on requests wait.
    pub(crate) fn hold(&self) {
        self.state.lock().unwrap().holding = true;
    }

    /// Answers what waits, and holds nothing more.
    pub(crate) fn answer_held(&self) {
        let held = {
            let mut state = self.state.lock().unwrap();
            state.holding = false;
            std::mem::take(&mut state.held)
        };
        for message in held {
            let answers = self.state.lock().unwrap().take(message);
            for answer in &answers {
                self.say(answer);
            }
        }
    }

    pub(crate) fn held(&self) -> usize {
        self.state.lock().unwrap().held.len()
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: UnixListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        converse(stream, &state).await;
        state.lock().unwrap().outbox = None;
    }
}

/// Serves one control until it goes.
async fn converse(mut stream: UnixStream, state: &Mutex<State>) {
    let (outbox, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
    state.lock().unwrap().outbox = Some(outbox);
    let mut decoder = Decoder::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let count = tokio::select! {
            count = stream.read(&mut chunk) => count.unwrap_or(0),
            Some(bytes) = queue.recv() => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
                continue;
            }
        };
        if count == 0 {
            return;
        }
        decoder.push(&chunk[..count]);
        while let Some(message) = decoder.message::<ToDataplane>().unwrap() {
            let answers = state.lock().unwrap().hear(message);
            for answer in &answers {
                let mut bytes = Vec::new();
                encode(answer, &mut bytes).unwrap();
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        }
        // Lets a test's own messages in between.
        tokio::time::sleep(Duration::ZERO).await;
    }
}

impl State {
    fn hear(&mut self, message: ToDataplane) -> Vec<ToControl> {
        self.heard.push(message.clone());
        let waits = matches!(message, ToDataplane::Publish { .. } | ToDataplane::Watch { .. });
        if self.holding && waits {
            self.held.push(message);
            return vec![];
        }
        self.take(message)
    }

    fn take(&mut self, message: ToDataplane) -> Vec<ToControl> {
        match message {
            ToDataplane::Hello { .. } => {
                vec![ToControl::Welcome { protocol: self.protocol, boot: self.boot }]
            }
            ToDataplane::Publish { request, session, stream, offer, replaces, terms } => {
                let opened = self.open(request, session, stream, SessionRole::Publisher, terms, &offer);
                if let Some(info) = self.sessions.get_mut(&session) {
                    info.replaces = replaces;
                }
                vec![opened]
            }
            ToDataplane::Watch { request, session, stream, publisher, offer, terms } => {
                if !self.sessions.contains_key(&publisher) {
                    return vec![ToControl::Refused { request, refusal: Refusal::UnknownSession }];
                }
                vec![self.open(request, session, stream, SessionRole::Viewer { publisher }, terms, &offer)]
            }
            ToDataplane::Offer { request, session, stream, publisher, terms } => {
                if !self.sessions.contains_key(&publisher) {
                    return vec![ToControl::Refused { request, refusal: Refusal::UnknownSession }];
                }
                self.unanswered.insert(session);
                vec![self.open(request, session, stream, SessionRole::Viewer { publisher }, terms, "")]
            }
            ToDataplane::Answer { request, session, answer } => {
                vec![if !self.sessions.contains_key(&session) {
                    ToControl::Refused { request, refusal: Refusal::UnknownSession }
                } else if !self.unanswered.remove(&session) {
                    ToControl::Refused { request, refusal: Refusal::NoOfferPending }
                } else if answer.contains("refuse") {
                    self.unanswered.insert(session);
                    ToControl::Refused { request, refusal: Refusal::BadSdp("this is no answer".into()) }
                } else {
                    ToControl::Done { request }
                }]
            }
            ToDataplane::Trickle { request, session, fragment, may_restart } => {
                let restarts = fragment.contains("a=ice-ufrag:anew\r\n");
                vec![if !self.sessions.contains_key(&session) {
                    ToControl::Refused { request, refusal: Refusal::UnknownSession }
                } else if restarts && may_restart {
                    let ice_tag = format!("restart{}", request.0);
                    self.sessions.get_mut(&session).unwrap().ice_tag.clone_from(&ice_tag);
                    let fragment = format!("a=ice-ufrag:{ice_tag}\r\na=ice-pwd:anew\r\n");
                    ToControl::Restarted { request, session, ice_tag, fragment }
                } else if restarts {
                    ToControl::Refused { request, refusal: Refusal::AnotherIceSession }
                } else if fragment.starts_with("a=") && fragment.ends_with("\r\n") {
                    ToControl::Done { request }
                } else {
                    ToControl::Refused { request, refusal: Refusal::BadSdp("this is no fragment".into()) }
                }]
            }
            ToDataplane::Pause { request, session, kind, paused } => {
                self.pause(request, session, kind, paused)
            }
            ToDataplane::Prefer { request, session, wish } => {
                vec![match self.sessions.get_mut(&session) {
                    None => ToControl::Refused { request, refusal: Refusal::UnknownSession },
                    Some(info) => {
                        info.wish = wish;
                        ToControl::Done { request }
                    }
                }]
            }
            ToDataplane::Mute { request, session, kind, muted } => self.mute(request, session, kind, muted),
            ToDataplane::Limit { request, session, bitrate_bps_max } => {
                vec![match self.sessions.get_mut(&session) {
                    None => ToControl::Refused { request, refusal: Refusal::UnknownSession },
                    Some(info) => {
                        info.terms.bitrate_bps_max = bitrate_bps_max;
                        ToControl::Done { request }
                    }
                }]
            }
            ToDataplane::Inspect { request, session } => {
                vec![match self.inspect(session) {
                    Some(inspection) => ToControl::Inspected { request, inspection },
                    None => ToControl::Refused { request, refusal: Refusal::UnknownSession },
                }]
            }
            ToDataplane::Close { session, reason } => self.close(session, reason),
            ToDataplane::Snapshot { request } => {
                vec![ToControl::Snapshot { request, sessions: self.sessions.values().cloned().collect() }]
            }
        }
    }

    fn open(
        &mut self,
        request: RequestId,
        session: SessionId,
        stream: StreamPath,
        role: SessionRole,
        terms: Terms,
        offer: &str,
    ) -> ToControl {
        let wish = offer.lines().find_map(|line| line.strip_prefix("a=x-test:"));
        let refusal = match wish {
            Some("refuse-sdp") => Some(Refusal::BadSdp("the offer has no fingerprint".into())),
            Some("refuse-codec") => {
                Some(Refusal::NoCommonCodec("this stream is AV1, which the offer lacks".into()))
            }
            Some("refuse-full") => {
                Some(Refusal::Full { limit: "limits.sessions_max".into(), retry_after_s: 7 })
            }
            Some("refuse-internal") => Some(Refusal::Internal("a fault of ours".into())),
            _ => None,
        };
        if let Some(refusal) = refusal {
            return ToControl::Refused { request, refusal };
        }
        let ice_tag = format!("ufrag{}", request.0);
        let source = match role {
            SessionRole::Publisher => None,
            SessionRole::Viewer { publisher } => self.sessions.get(&publisher),
        };
        let layers = match source {
            Some(source) => source.tracks.last().map(|video| video.layers.clone()).unwrap_or_default(),
            None if wish == Some("simulcast") => ["q", "h", "f"].map(str::to_owned).to_vec(),
            None => vec![],
        };
        let track = |kind, codec, mid: &str, layers| TrackInfo {
            kind,
            codec,
            mid: mid.into(),
            layers,
            scalable: false,
        };
        let mut tracks = vec![
            track(TrackKind::Audio, Codec::Opus, "0", vec![]),
            track(TrackKind::Video, Codec::Vp8, "1", layers),
        ];
        if wish == Some("audio-only") {
            tracks.truncate(1);
        }
        let state = SessionState::Connecting;
        let info = SessionInfo {
            session,
            stream,
            role,
            state,
            ice_tag: ice_tag.clone(),
            tracks: tracks.clone(),
            wish: Default::default(),
            replaces: None,
            terms,
            muted: Default::default(),
            age_ms: 0,
        };
        self.sessions.insert(session, info);
        let setup = if self.unanswered.contains(&session) { "actpass" } else { "passive" };
        let description = format!("v=0\r\na=setup:{setup}\r\n");
        ToControl::Accepted { request, session, description, ice_tag, tracks }
    }

    fn pause(
        &mut self,
        request: RequestId,
        session: SessionId,
        kind: TrackKind,
        paused: bool,
    ) -> Vec<ToControl> {
        let refusal = match self.sessions.get(&session).map(|info| info.role) {
            Some(SessionRole::Viewer { .. }) => None,
            Some(SessionRole::Publisher) => Some(Refusal::NotAViewer),
            None => Some(Refusal::UnknownSession),
        };
        if let Some(refusal) = refusal {
            return vec![ToControl::Refused { request, refusal }];
        }
        let video = kind == TrackKind::Video;
        let what = if paused { Notable::Paused { video } } else { Notable::Resumed { video } };
        vec![self.note(session, Note { at_ms: 9, what }), ToControl::Done { request }]
    }

    fn mute(
        &mut self,
        request: RequestId,
        session: SessionId,
        kind: TrackKind,
        muted: bool,
    ) -> Vec<ToControl> {
        let Some(info) = self.sessions.get_mut(&session) else {
            return vec![ToControl::Refused { request, refusal: Refusal::UnknownSession }];
        };
        info.muted.set(kind, muted);
        let (video, everybody) = (kind == TrackKind::Video, info.role == SessionRole::Publisher);
        let what =
            if muted { Notable::Muted { video, everybody } } else { Notable::Unmuted { video, everybody } };
        vec![self.note(session, Note { at_ms: 9, what }), ToControl::Done { request }]
    }

    fn note(&mut self, session: SessionId, note: Note) -> ToControl {
        self.notes.entry(session).or_default().push(note.clone());
        ToControl::Noted { session, note }
    }

    fn inspect(&self, session: SessionId) -> Option<Box<Inspection>> {
        let info = self.sessions.get(&session)?;
        let remote = "udp 198.51.100.7:50000".to_owned();
        let usual = || vec![IcePair { remote, checks: 8, answered: 8, selected: true }];
        let connected = info.state == SessionState::Connected;
        let tracks = info.tracks.iter().map(|track| TrackStats {
            kind: track.kind,
            packets: 100,
            bytes: 100_000,
            packets_lost: 3,
            retransmitted: 2,
            nacks: 5,
            key_frame_requests: 1,
            key_frames: 4,
            frames: 50,
            jitter: 90,
        });
        Some(Box::new(Inspection {
            session,
            state: info.state,
            age_ms: 15_000,
            ice: IceInspection {
                local: vec!["udp 192.0.2.1:8189".into()],
                pairs: self.pairs.get(&session).cloned().unwrap_or_else(usual),
            },
            dtls: connected.then(|| DtlsInspection {
                version: "1.2".into(),
                srtp_profile: "SRTP_AEAD_AES_128_GCM".into(),
            }),
            rtt_us: connected.then_some(12_500),
            fraction_lost: Some(64),
            estimate_bps: Some(900_000),
            packets_in: 11,
            packets_out: 12,
            tracks: tracks.collect(),
            notes: self.notes.get(&session).cloned().unwrap_or_default(),
        }))
    }

    fn close(&mut self, session: SessionId, reason: CloseReason) -> Vec<ToControl> {
        let failed = matches!(
            reason,
            CloseReason::NeverConnected | CloseReason::TransportFailed | CloseReason::ConsentLost
        );
        let last = self.inspect(session).filter(|_| failed);
        if self.sessions.remove(&session).is_none() {
            return vec![];
        }
        let watching = SessionRole::Viewer { publisher: session };
        let viewers: Vec<SessionId> =
            self.sessions.values().filter(|info| info.role == watching).map(|info| info.session).collect();
        let mut closed = vec![ToControl::Closed { session, reason, last }];
        for viewer in viewers {
            self.sessions.remove(&viewer);
            closed.push(ToControl::Closed { session: viewer, reason: CloseReason::StreamEnded, last: None });
        }
        closed
    }
}
