//! What falls due for a session: its transport's timers, its time to connect, its reports.

use arrayvec::ArrayVec;
use fanlight_wire::RtcpWriter;

use crate::limits::{CNAME, REPORT_INTERVAL, RTCP_BYTES_MAX, TRACKS_PER_SESSION_MAX};
use crate::notes::Notable;
use crate::session::Activity;
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::track::Track;
use crate::turn::{EndReason, Outputs};

impl Shard {
    pub(crate) fn tick_session(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        if session.connect_by.is_some_and(|by| by <= now) {
            return self.end(key, EndReason::NeverConnected, outputs);
        }
        if session.wait.is_some_and(|wait| wait <= now) {
            session.transport.advance(now);
            self.drive(key, outputs);
        }
        self.go_on(key, outputs);
        self.measure_layers(key, outputs);
        self.select_points(key, outputs);
        self.select_layers(key, outputs);
        self.probe(key, outputs);
        self.send_feedback(key, outputs);
        self.arm(key);
    }

    /// To a publisher: feedback on what it sends. To a viewer: sender reports.
    fn send_feedback(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref_mut(), session.path) else { return };
        let mut buffer = [0; RTCP_BYTES_MAX];
        let mut rtcp = RtcpWriter::new(&mut buffer);
        let mut forgotten = ArrayVec::<TrackId, TRACKS_PER_SESSION_MAX>::new();
        match &mut session.activity {
            Activity::Publishing(publisher) => {
                let asked = publisher.feedback(now, session.local_ssrc, session.round_trip, &mut rtcp);
                publisher
                    .happened
                    .extend((asked.wished + asked.refreshed > 0).then_some(Notable::KeyFrameAsked));
                self.counters.key_frame_requests_out += asked.wished;
                self.counters.key_frame_refreshes_out += asked.refreshed;
            }
            Activity::Viewing(viewer) if viewer.report_due <= now => {
                viewer.report_due = self.config.lazily(now + REPORT_INTERVAL);
                if let Some(bandwidth) = &mut viewer.bandwidth {
                    bandwidth.tick(now);
                }
                forgotten.extend(viewer.waiting_too_long(now));
                for subscription in &viewer.subscriptions {
                    let Some(track) = self.tracks.get(&subscription.spec.track) else { continue };
                    write_sender_report(track, subscription, now, &mut rtcp);
                }
            }
            Activity::Viewing(_) => {}
        }
        let len = rtcp.len();
        let compound = buffer.get(..len).unwrap_or_default();
        if srtp.send_rtcp(path, compound, outputs.egress, &mut self.counters).is_err() {
            // 2³¹ compounds: nothing may be sealed under these keys any more (RFC 3711 §9.2).
            return self.end(key, EndReason::TransportFailed, outputs);
        }
        session.note_what_happened(now, outputs.events);
        for track in forgotten {
            self.wish_key_frame(track, outputs);
        }
    }
}

/// A report that carries the publisher's own mapping of wall clock and media clock, so that a player puts the publisher's
/// audio and video together as they were. Before the publisher's first report there is nothing true to say.
fn write_sender_report(
    track: &Track,
    subscription: &crate::subscription::Subscription,
    now: std::time::Instant,
    rtcp: &mut RtcpWriter<'_>,
) {
    let Some(clock) = track.clock else { return };
    let elapsed = now.saturating_duration_since(clock.learned);
    let ticks = elapsed.as_micros() * u128::from(track.clock_rate_hz) / 1_000_000;
    let timestamp = clock.timestamp.wrapping_add(u32::try_from(ticks & 0xffff_ffff).unwrap_or_default());
    // On its way back to live the viewer's clock is not the publisher's.
    if subscription.catch_up().is_some_and(|way| !way.is_over_at(timestamp)) {
        return;
    }
    let Some(timestamp) = subscription.rewrite(timestamp) else { return };
    // Counters of a report are 32 bits and wrap (RFC 3550 §6.4.1).
    let packets = u32::try_from(subscription.packets & 0xffff_ffff).unwrap_or_default();
    let octets = u32::try_from(subscription.octets & 0xffff_ffff).unwrap_or_default();
    let ssrc = subscription.spec.ssrc;
    let ntp = clock.ntp.wrapping_add(elapsed);
    // At most 8 reports of 28 + 20 bytes: there is room.
    let _ = rtcp
        .sender_report(ssrc, ntp, timestamp, packets, octets, &[])
        .and_then(|()| rtcp.cname(ssrc, CNAME.as_bytes()));
}
