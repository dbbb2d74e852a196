//! The link thread: control's socket on one side, the shards' orders and events on the other.
//!
//! It parses SDP, keeps the ledger of sessions and gives them their places. Nothing here is on the path of a packet, and no
//! shard ever waits for it. One control is served at a time: the one with the highest epoch.

mod connection;
mod handover;
mod inspect;
mod layers;
mod ledger;
mod offer;
mod open;
mod placement;
mod slots;
mod stats;
mod terms;
mod trickle;

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fanlight_protocol::{
    CloseReason, PROTOCOL_VERSION, Refusal, RequestId, SessionId, SessionRole, SessionState, ToControl,
    ToDataplane, TrackKind,
};
use fanlight_ring::{Backend, LaneSender};
use fanlight_shard::rtc::Certificate;
use fanlight_shard::{Command, EndReason, Event, ShardId, ShardReport, UfragKey};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use self::connection::{Connection, ConnectionId};
use self::handover::Handover;
use self::ledger::Ledger;
use self::open::{Asked, Opened};
use self::placement::Load;
use self::slots::Slots;
use crate::config::Config;
use crate::error::StartError;
use crate::secret;
use crate::tcp::Listening;
use crate::worker::{Order, PortReport, Told};

/// How often shards are asked for their numbers.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A shard's queue that was full has room again after this time: it is emptied every turn.
const ROOM: Duration = Duration::from_millis(5);

/// At the end, how long shards may take to tell their peers.
const FAREWELL: Duration = Duration::from_millis(300);

/// The link's end of a worker.
pub(crate) struct ShardLink {
    pub(crate) id: ShardId,
    pub(crate) orders: LaneSender<Order>,
    pub(crate) port: u16,
    pub(crate) backend: Backend,
    /// Where clients are told to send to, best first.
    pub(crate) candidates: Vec<SocketAddr>,
    /// The thread's CPU time in procfs.
    pub(crate) schedstat: PathBuf,
    pub(crate) thread: thread::JoinHandle<()>,
}

/// The link's end of the TCP side.
pub(crate) struct TcpLink {
    pub(crate) listening: Listening,
    /// Where clients are told to connect to, best first.
    pub(crate) candidates: Vec<SocketAddr>,
}

struct LinkedShard {
    link: ShardLink,
    slots: Slots,
    load: Load,
}

struct Link {
    config: Config,
    ufrag_key: UfragKey,
    certificate: Certificate,
    shards: Vec<LinkedShard>,
    tcp: Option<TcpLink>,
    ledger: Ledger,
    next_track: u64,
    /// Publishers that take over from others, and the number of the last such takeover.
    handovers: Vec<Handover>,
    last_handover: u64,
    reports: Vec<Option<(Box<ShardReport>, PortReport)>>,
    started: Instant,
    /// Names this run of the process.
    boot: u64,
    control: Option<Control>,
}

/// The control that is being served.
struct Control {
    connection: Connection,
    epoch: u64,
}

/// Serves control on the calling thread until SIGTERM or SIGINT, then ends all sessions and the workers.
pub(crate) fn serve(
    config: Config,
    ufrag_key: UfragKey,
    certificate: Certificate,
    shards: Vec<ShardLink>,
    tcp: Option<TcpLink>,
    tellings: UnboundedReceiver<Told>,
) -> Result<(), StartError> {
    let path = config.socket.clone();
    let fault = |cause| StartError::Socket { path: path.clone(), cause };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    let link = Link {
        config,
        ufrag_key,
        certificate,
        reports: shards.iter().map(|_| None).collect(),
        shards: shards
            .into_iter()
            .map(|link| LinkedShard { link, slots: Slots::default(), load: Load::default() })
            .collect(),
        tcp,
        ledger: Ledger::default(),
        next_track: 0,
        handovers: Vec::new(),
        last_handover: 0,
        started: Instant::now(),
        boot: u64::from_ne_bytes(secret::bytes()?),
        control: None,
    };
    runtime.block_on(async {
        let (listener, owner) = listen(&path).map_err(fault)?;
        link.run(listener, owner, tellings).await.map_err(fault)
    })
}

/// Binds the socket for this user alone; returns it with the user's id.
fn listen(path: &Path) -> std::io::Result<(UnixListener, u32)> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(fault) if fault.kind() != std::io::ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let owner = std::fs::metadata(path)?.uid();
    tracing::info!(socket = %path.display(), "waiting for control");
    Ok((listener, owner))
}

impl Link {
    async fn run(
        mut self,
        listener: UnixListener,
        owner: u32,
        mut tellings: UnboundedReceiver<Told>,
    ) -> std::io::Result<()> {
        let (heard, mut hearing) = connection::heard_channel();
        let mut waiting: Vec<Connection> = Vec::new();
        let mut interval = tokio::time::interval(REPORT_INTERVAL);
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    if is_ours(&stream, owner) {
                        waiting.push(Connection::start(stream, heard.clone()));
                    }
                }
                Some((id, message)) = hearing.recv() => self.hear(id, message, &mut waiting),
                Some(told) = tellings.recv() => self.take(told),
                _ = interval.tick() => self.ask_for_reports(),
                () = tokio::time::sleep(ROOM), if self.handovers_wait() => self.push_handovers(),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        self.stop(tellings).await;
        Ok(())
    }

    fn hear(&mut self, id: ConnectionId, message: Option<ToDataplane>, waiting: &mut Vec<Connection>) {
        let Some(message) = message else {
            waiting.retain(|connection| connection.id != id);
            if self.control.as_ref().is_some_and(|control| control.connection.id == id) {
                tracing::warn!("control is gone; media goes on");
                self.control = None;
            }
            return;
        };
        if let ToDataplane::Hello { protocol, epoch } = message {
            if let Some(place) = waiting.iter().position(|connection| connection.id == id) {
                self.greet(waiting.swap_remove(place), protocol, epoch);
            }
        } else if self.control.as_ref().is_some_and(|control| control.connection.id == id) {
            self.obey(message);
        }
    }

    fn greet(&mut self, connection: Connection, protocol: u16, epoch: u64) {
        // Told in any case, so that the other side can name the mismatch.
        connection.send(&ToControl::Welcome { protocol: PROTOCOL_VERSION, boot: self.boot });
        if protocol != PROTOCOL_VERSION {
            tracing::error!(
                theirs = protocol,
                ours = PROTOCOL_VERSION,
                "control speaks another protocol version"
            );
            return;
        }
        if self.control.as_ref().is_some_and(|control| control.epoch > epoch) {
            tracing::warn!(epoch, "an older control is refused");
            return;
        }
        tracing::info!(epoch, "control is here");
        self.control = Some(Control { connection, epoch });
    }

    fn obey(&mut self, message: ToDataplane) {
        match message {
            ToDataplane::Hello { .. } => {}
            ToDataplane::Publish { request, session, stream, offer, replaces, terms } => {
                let opened = self.publish(Asked { session, stream, terms }, &offer, replaces);
                self.answer(request, session, opened);
            }
            ToDataplane::Watch { request, session, stream, publisher, offer, terms } => {
                let opened = self.watch(Asked { session, stream, terms }, publisher, &offer);
                self.answer(request, session, opened);
            }
            ToDataplane::Offer { request, session, stream, publisher, terms } => {
                let opened = self.offer(Asked { session, stream, terms }, publisher);
                self.answer(request, session, opened);
            }
            ToDataplane::Answer { request, session, answer } => {
                let outcome = self.take_answer(session, &answer);
                self.settle(request, outcome);
            }
            ToDataplane::Pause { request, session, kind, paused } => {
                let outcome = self.pause(session, kind, paused);
                self.settle(request, outcome);
            }
            ToDataplane::Prefer { request, session, wish } => {
                let outcome = self.prefer(session, wish);
                self.settle(request, outcome);
            }
            ToDataplane::Mute { request, session, kind, muted } => {
                let outcome = self.mute(session, kind, muted);
                self.settle(request, outcome);
            }
            ToDataplane::Limit { request, session, bitrate_bps_max } => {
                let outcome = self.limit(session, bitrate_bps_max);
                self.settle(request, outcome);
            }
            ToDataplane::Trickle { request, session, fragment, may_restart } => {
                let message = self
                    .trickle(request, session, &fragment, may_restart)
                    .unwrap_or_else(|refusal| ToControl::Refused { request, refusal });
                self.tell(&message);
            }
            ToDataplane::Inspect { request, session } => self.inspect(request, session),
            ToDataplane::Close { session, reason } => {
                if !self.drop_offer(session, reason) {
                    self.close(session, end_reason(reason));
                }
            }
            ToDataplane::Snapshot { request } => {
                let now = Instant::now();
                let sessions = self.ledger.iter().map(|record| record.info(now)).collect();
                self.tell(&ToControl::Snapshot { request, sessions });
            }
        }
    }

    fn answer(&mut self, request: RequestId, session: SessionId, opened: Result<Opened, Refusal>) {
        let message = match opened {
            Ok(Opened { description, ice_tag, tracks }) => {
                ToControl::Accepted { request, session, description, ice_tag, tracks }
            }
            Err(refusal) => ToControl::Refused { request, refusal },
        };
        self.tell(&message);
    }

    fn settle(&mut self, request: RequestId, outcome: Result<(), Refusal>) {
        let message = match outcome {
            Ok(()) => ToControl::Done { request },
            Err(refusal) => ToControl::Refused { request, refusal },
        };
        self.tell(&message);
    }

    fn pause(&mut self, session: SessionId, kind: TrackKind, paused: bool) -> Result<(), Refusal> {
        let record = self.ledger.find(session).ok_or(Refusal::UnknownSession)?;
        if record.role == SessionRole::Publisher {
            return Err(Refusal::NotAViewer);
        }
        let (place, key) = (usize::from(record.shard.0), record.key);
        self.order(place, Command::Pause { key, video: kind == TrackKind::Video, paused })
    }

    fn close(&mut self, session: SessionId, reason: EndReason) {
        let Some(record) = self.ledger.find(session) else { return };
        let (place, key) = (usize::from(record.shard.0), record.key);
        if self.order(place, Command::Close { key, reason }).is_err() {
            tracing::error!(?session, "not closed: the shard takes no orders");
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Report(shard, report, port) => self.collect(shard, report, port),
            Told::Event(shard, Event::Connected { key }) => {
                let Some(record) = self.ledger.find_key(shard, key) else { return };
                record.state = SessionState::Connected;
                let session = record.session;
                self.tell(&ToControl::Connected { session });
                self.begin_handover(session);
            }
            Told::Event(shard, Event::Ended { key, reason, last }) => {
                if let Some(shard) = self.shards.get_mut(usize::from(shard.0)) {
                    shard.slots.give_back(key);
                }
                if let Some(record) = self.ledger.remove_key(shard, key) {
                    tracing::info!(session = ?record.session, stream = %record.stream, ?reason, "session ended");
                    let candidates = self.told_candidates(shard);
                    let names = self.ledger.layers(&record);
                    let last =
                        last.map(|last| Box::new(inspect::describe(&record, &last, &candidates, &names)));
                    let (session, reason) = (record.session, close_reason(reason));
                    self.tell(&ToControl::Closed { session, reason, last });
                    self.drop_offers_of(session);
                }
            }
            Told::Event(shard, Event::ChannelOpen { key, label }) => {
                let session = self.ledger.find_key(shard, key).map(|record| record.session);
                tracing::debug!(?session, label, "data channel open");
            }
            Told::Event(shard, Event::Inspected { request, inspection }) => {
                self.answer_inspection(shard, RequestId(request), inspection.as_deref());
            }
            Told::Event(shard, Event::Noted { key, note }) => self.pass_note_on(shard, key, &note),
            Told::Event(_, Event::Marked { number }) => self.take_mark(number),
            Told::Event(_, Event::Report(_)) => {}
        }
    }

    /// To the control that is here; without one the next snapshot says it.
    fn tell(&mut self, message: &ToControl) {
        if let Some(control) = &self.control
            && !control.connection.send(message)
        {
            tracing::error!("control does not read: cut off");
            self.control = None;
        }
    }

    fn ask_for_reports(&mut self) {
        self.expire_offers();
        for place in 0..self.shards.len() {
            // A shard whose queue is full is asked again in a second.
            let _ = self.order(place, Command::Report);
        }
    }

    async fn stop(mut self, mut tellings: UnboundedReceiver<Told>) {
        tracing::info!(sessions = self.ledger.len(), "stopping");
        let sessions: Vec<SessionId> = self.ledger.iter().map(|record| record.session).collect();
        for session in sessions {
            if !self.drop_offer(session, CloseReason::Shutdown) {
                self.close(session, EndReason::Shutdown);
            }
        }
        let ended = async {
            while self.ledger.len() > 0 {
                let Some(told) = tellings.recv().await else { break };
                self.take(told);
            }
        };
        // Those who do not hear it in time find out by their ICE consent.
        let _ = tokio::time::timeout(FAREWELL, ended).await;
        for shard in self.shards {
            let mut link = shard.link;
            if link.orders.push(Order::Stop).is_ok() {
                link.orders.wake();
                let _ = link.thread.join();
            }
        }
        if let Some(tcp) = self.tcp {
            tcp.listening.stop();
        }
        // Gone already if another process took the place.
        let _ = std::fs::remove_file(&self.config.socket);
    }
}

/// Only processes of the same user may command the dataplane.
fn is_ours(stream: &UnixStream, owner: u32) -> bool {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == owner || peer.uid() == 0 => true,
        Ok(peer) => {
            tracing::warn!(uid = peer.uid(), "another user's process is refused as control");
            false
        }
        Err(cause) => {
            tracing::warn!(%cause, "a process that cannot be identified is refused as control");
            false
        }
    }
}

fn end_reason(reason: CloseReason) -> EndReason {
    match reason {
        CloseReason::Deleted => EndReason::Deleted,
        CloseReason::PeerClosed => EndReason::PeerClosed,
        CloseReason::ConsentLost => EndReason::ConsentLost,
        CloseReason::NeverConnected => EndReason::NeverConnected,
        CloseReason::StreamEnded => EndReason::StreamEnded,
        CloseReason::Replaced => EndReason::Replaced,
        CloseReason::TransportFailed => EndReason::TransportFailed,
        CloseReason::Kicked => EndReason::Kicked,
        CloseReason::Expired => EndReason::Expired,
        CloseReason::Revoked => EndReason::Revoked,
        CloseReason::Shutdown => EndReason::Shutdown,
    }
}

fn close_reason(reason: EndReason) -> CloseReason {
    match reason {
        EndReason::Deleted => CloseReason::Deleted,
        EndReason::PeerClosed => CloseReason::PeerClosed,
        EndReason::ConsentLost => CloseReason::ConsentLost,
        EndReason::NeverConnected => CloseReason::NeverConnected,
        EndReason::StreamEnded => CloseReason::StreamEnded,
        EndReason::Replaced => CloseReason::Replaced,
        EndReason::TransportFailed => CloseReason::TransportFailed,
        EndReason::Kicked => CloseReason::Kicked,
        EndReason::Expired => CloseReason::Expired,
        EndReason::Revoked => CloseReason::Revoked,
        EndReason::Shutdown => CloseReason::Shutdown,
    }
}
