//! A viewer: numbers, payload types and the fates of what is forwarded to it.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::format::CodecSpec;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Input, RtcError};

use super::book::{Books, Entry};
use super::faults::{Fate, Faults};
use super::session::{Heard, Session};
use super::wire::Wire;

/// A stream's first number: before the 16-bit wrap, which each run of some seconds crosses.
const FIRST_NUMBER: u64 = 65_400;
/// Packets that can be sent again, and for how long.
const RESENDABLE: (usize, Duration) = (1_024, Duration::from_secs(3));

/// A track on its way to the viewer.
struct Outlet {
    kind: MediaKind,
    mid: Mid,
    ssrc: Ssrc,
    /// The publisher's number of the first packet.
    first: Option<u64>,
    /// Of packets that str0m has not sealed yet.
    entries: VecDeque<Entry>,
}

/// See the file's head.
pub(super) struct Viewer {
    pub(super) number: u64,
    pub(super) stream: String,
    pub(super) session: Session,
    faults: Faults,
    outlets: Vec<Outlet>,
    wire: Wire,
    /// Packets forwarded so far.
    packets: u64,
}

impl Viewer {
    pub(super) fn new(number: u64, stream: String, session: Session, faults: Faults, books: Books) -> Self {
        let (wire, outlets) = (Wire::new(books, faults.delay), Vec::new());
        Self { number, stream, session, faults, outlets, wire, packets: 0 }
    }

    /// Passes a publisher's packet on, if the viewer has agreed to its codec and is there.
    pub(super) fn forward(
        &mut self,
        kind: MediaKind,
        codec: CodecSpec,
        packet: &RtpPacket,
    ) -> Result<Vec<Heard>, RtcError> {
        self.open_outlets();
        let payload_type = self.payload_type(kind, codec);
        let outlet = self.outlets.iter_mut().find(|outlet| outlet.kind == kind);
        let (Some(payload_type), Some(outlet)) = (payload_type, outlet) else { return Ok(Vec::new()) };
        let Some(ahead) = packet.seq_no.checked_sub(*outlet.first.get_or_insert(*packet.seq_no)) else {
            return Ok(Vec::new()); // from before the viewer's time
        };
        self.packets += 1;
        let (number, fate) = (self.packets, self.faults.fate(self.packets));
        let (came, media_s) = (packet.timestamp, packet.time.as_seconds());
        let entry = Entry { came, stream: kind, media_s, number, fate, is_delayed: false };
        outlet.entries.push_back(entry);
        let mut payload = Arc::clone(&packet.payload);
        if fate == Fate::Damaged {
            let middle = payload.len() / 2;
            Arc::make_mut(&mut payload).iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
        }
        let header = &packet.header;
        let sequence = (FIRST_NUMBER + ahead).into();
        let write = RtpWrite::new(payload_type, sequence, header.timestamp, packet.timestamp, payload)
            .marker(header.marker)
            .ext_vals(carried(&header.ext_vals))
            .nackable(kind == MediaKind::Video);
        if let Some(stream) = self.session.rtc.direct_api().stream_tx(&outlet.ssrc) {
            stream.write_rtp(write);
        }
        self.session.take(Input::Timeout(Instant::now()))
    }

    /// Sends what the session says; gives back the wishes for key frames.
    pub(super) fn digest(
        &mut self,
        heard: Vec<Heard>,
        now: Instant,
        socket: &UdpSocket,
    ) -> io::Result<Vec<MediaKind>> {
        let mut wishes = Vec::new();
        for one in heard {
            match one {
                Heard::Datagram(to, datagram) => self.send(now, to, datagram, socket)?,
                Heard::Wish(kind) => wishes.push(kind),
                // So that it need not wait for the next key frame.
                Heard::Connected => wishes.push(MediaKind::Video),
                Heard::Packet(_) => {}
            }
        }
        Ok(wishes)
    }

    /// Sends what has waited long enough; whether there was any.
    pub(super) fn send_due(&mut self, now: Instant, socket: &UdpSocket) -> io::Result<bool> {
        self.wire.send_due(now, socket)
    }

    fn send(
        &mut self,
        now: Instant,
        to: SocketAddr,
        datagram: Vec<u8>,
        socket: &UdpSocket,
    ) -> io::Result<()> {
        let Some(ssrc) = ssrc_of_rtp(&datagram) else {
            return socket.send_to(&datagram, to).map(drop);
        };
        let outlet = self.outlets.iter_mut().find(|outlet| *outlet.ssrc == ssrc);
        match outlet.and_then(|outlet| outlet.entries.pop_front()) {
            Some(entry) => self.wire.put(now, to, datagram, entry),
            None => self.wire.put_retransmission(now, to, datagram),
        }
        Ok(())
    }

    /// There are streams once the session is connected.
    fn open_outlets(&mut self) {
        if !self.outlets.is_empty() || !self.session.is_connected {
            return;
        }
        for (mid, kind) in self.session.tracks.clone() {
            let mut direct = self.session.rtc.direct_api();
            let Some(stream) = direct.stream_tx_by_mid(mid, None) else { continue };
            let (packets, age) = RESENDABLE;
            stream.set_rtx_cache(packets, age, None);
            let ssrc = stream.ssrc();
            self.outlets.push(Outlet { kind, mid, ssrc, first: None, entries: VecDeque::new() });
        }
    }

    /// What the viewer calls a codec: of several of its variants the very same if there is one.
    fn payload_type(&self, kind: MediaKind, codec: CodecSpec) -> Option<Pt> {
        let outlet = self.outlets.iter().find(|outlet| outlet.kind == kind)?;
        let agreed = self.session.rtc.media(outlet.mid)?.remote_pts();
        let all = self.session.rtc.codec_config().params().iter();
        all.filter(|params| agreed.contains(&params.pt()) && params.spec().codec == codec.codec)
            .max_by_key(|params| params.spec() == codec)
            .map(|params| params.pt())
    }
}

/// The extensions that say something of the media; those of the path are each session's own.
fn carried(from: &ExtensionValues) -> ExtensionValues {
    ExtensionValues {
        audio_level: from.audio_level,
        voice_activity: from.voice_activity,
        video_orientation: from.video_orientation,
        ..ExtensionValues::default()
    }
}

/// None: it is STUN, DTLS (RFC 7983 §7) or RTCP (RFC 5761 §4).
fn ssrc_of_rtp(datagram: &[u8]) -> Option<u32> {
    let is_rtp = (128..=191).contains(datagram.first()?) && !(192..=223).contains(datagram.get(1)?);
    let ssrc = datagram.get(8..12)?.try_into().ok()?;
    is_rtp.then(|| u32::from_be_bytes(ssrc))
}
