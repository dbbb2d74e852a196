//! How sessions, tracks and subscriptions begin and end.

use fanlight_wire::{RtcpWriter, Ssrc};

use crate::inspection::Inspection;
use crate::lane::LaneMessage;
use crate::layers::source::sources_of;
use crate::limits::{CNAME, RTCP_BYTES_MAX};
use crate::session::{Activity, Session};
use crate::shard::Shard;
use crate::spec::{SessionKey, SessionSpec, TrackId};
use crate::track::{Origin, Subscriber, Track};
use crate::transport::Output;
use crate::turn::{EndReason, Event, Outputs};

/// Datagrams of a transport's good-bye.
const FAREWELL_MAX: usize = 8;

impl Shard {
    pub(crate) fn adopt(&mut self, spec: SessionSpec, outputs: &mut Outputs<'_>) {
        let key = spec.key;
        let session = Box::new(Session::new(spec, self.now, &self.config, &mut self.rng));
        let tracks: Vec<_> = match &session.activity {
            Activity::Publishing(publisher) => {
                publisher.tracks.iter().map(|track| track.spec.clone()).collect()
            }
            Activity::Viewing(_) => Vec::new(),
        };
        if let Activity::Publishing(publisher) = &session.activity {
            self.sources.extend(sources_of(key, publisher, self.now));
        }
        assert!(self.sessions.insert(session), "the link thread gave a slot of this shard to two sessions");
        for (place, track) in tracks.into_iter().enumerate() {
            let origin = Origin::Home { publisher: key, place };
            let track = Track::new(track.track, track.codec, track.clock_rate_hz, origin, self.now);
            self.tracks.insert(track.id, Box::new(track));
        }
        self.drive(key, outputs);
    }

    /// Ends a session: its peer is told, its tracks end with their viewers, its subscriptions are taken off. A key that is
    /// gone already is no fault: orders and events cross.
    pub(crate) fn end(&mut self, key: SessionKey, reason: EndReason, outputs: &mut Outputs<'_>) {
        let Some(mut session) = self.sessions.remove(key) else { return };
        self.routes.forget(&session);
        let last = reason.needs_explaining().then(|| Box::new(Inspection::of(&session, &self.tracks)));
        self.say_farewell(&mut session, outputs);
        match &session.activity {
            Activity::Publishing(publisher) => {
                for track in &publisher.tracks {
                    self.sources.remove(&track.spec.track);
                    self.end_track(track.spec.track, outputs);
                }
            }
            Activity::Viewing(viewer) => {
                for (place, subscription) in viewer.subscriptions.iter().enumerate() {
                    let subscriber = Subscriber { viewer: key, place };
                    self.unsubscribe(subscriber, subscription.spec.track, outputs);
                    if let Some(layering) = subscription.layering.as_deref() {
                        let target = layering.target.and_then(|place| subscription.spec.layers.get(place));
                        self.leave_layers(subscriber, layering, target.map(|layer| layer.track), outputs);
                    }
                }
            }
        }
        outputs.events.push(Event::Ended { key, reason, last });
    }

    /// The track is over: its viewers here end, and the shards that mirror it are told.
    pub(crate) fn end_track(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        let Some(track) = self.tracks.remove(&id) else { return };
        for mirror in &track.mirrors {
            self.tell(*mirror, LaneMessage::Ended { track: id }, outputs);
        }
        for subscriber in &track.subscribers {
            self.end(subscriber.viewer, EndReason::StreamEnded, outputs);
        }
    }

    pub(crate) fn unsubscribe(&mut self, leaving: Subscriber, id: TrackId, outputs: &mut Outputs<'_>) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        track.subscribers.retain(|subscriber| *subscriber != leaving);
        if let (true, Origin::Mirror { home }) = (track.subscribers.is_empty(), track.origin) {
            self.tracks.remove(&id);
            self.tell(home, LaneMessage::Leave { track: id }, outputs);
        }
    }

    /// RTCP BYE for what we sent (RFC 3550 §6.6), then the transport's close_notify.
    fn say_farewell(&mut self, session: &mut Session, outputs: &mut Outputs<'_>) {
        let mut buffer = [0; RTCP_BYTES_MAX];
        let mut rtcp = RtcpWriter::new(&mut buffer);
        if let Activity::Viewing(viewer) = &session.activity {
            let ssrcs: arrayvec::ArrayVec<Ssrc, { crate::limits::TRACKS_PER_SESSION_MAX }> =
                viewer.subscriptions.iter().map(|subscription| subscription.spec.ssrc).collect();
            // A compound begins with a report and holds a CNAME (RFC 3550 §6.1); 1,200 bytes are room enough.
            let _ = rtcp
                .receiver_report(session.local_ssrc, &[])
                .and_then(|()| rtcp.cname(session.local_ssrc, CNAME.as_bytes()))
                .and_then(|()| rtcp.bye(&ssrcs));
        }
        let len = rtcp.len();
        if let (Some(srtp), Some(path), Some(compound)) = (&mut session.srtp, session.path, buffer.get(..len))
        {
            // An exhausted RTCP index says nothing more; close_notify says it all the same.
            let _ = srtp.send_rtcp(path, compound, outputs.egress, &mut self.counters);
        }
        session.transport.close(self.now);
        for _ in 0..FAREWELL_MAX {
            match session.transport.poll(self.now) {
                Output::Transmit { to, datagram, .. } => self.send_plain(to, &datagram, outputs),
                Output::Event(_) => {}
                Output::Wait(_) => break,
            }
        }
    }
}
