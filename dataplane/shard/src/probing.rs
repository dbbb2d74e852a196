//! Probes of a viewer's link: padding beside its media, as [`Bandwidth`] has it due.
//!
//! Packets of padding alone (RFC 3550 §5.1) on the retransmission stream (RFC 4588): a browser counts them in its transport-wide
//! feedback and drops them before any decoder, as it does with those that libwebrtc sends. They go through the viewer's pace: what
//! media has spent of it is not there for a probe. Nothing is probed unless a rate is wanted, which the choice of layers says.
//!
//! [`Bandwidth`]: crate::bandwidth::Bandwidth

use fanlight_wire::abs_send_time;

use crate::elements::ViewerElements;
use crate::limits::PADDING_BYTES;
use crate::session::{Activity, Viewer};
use crate::shard::Shard;
use crate::spec::SessionKey;
use crate::subscription::Flow;
use crate::train::{Body, Train};
use crate::turn::Outputs;

impl Shard {
    /// Sends what is due of a viewer's probe.
    pub(crate) fn probe(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref(), session.path) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let Viewer { subscriptions, extensions, pace, bandwidth: Some(bandwidth), .. } = &mut **viewer else {
            return;
        };
        let due_bytes = bandwidth.padding_due(now);
        if due_bytes == 0 {
            return;
        }
        let mut flowing = subscriptions.iter_mut().filter(|s| matches!(s.flow, Flow::Live | Flow::Behind(_)));
        let carrier = flowing.find(|subscription| subscription.spec.rtx.is_some());
        let clock = carrier.as_ref().and_then(|carrier| self.tracks.get(&carrier.spec.track)?.newest());
        let (Some(carrier), Some((_, timestamp))) = (carrier, clock) else { return bandwidth.stop_probe() };
        let send_time = abs_send_time(now.saturating_duration_since(self.config.started));
        let mut train =
            Train::new(outputs.egress, &mut self.counters, srtp, path).measured(now, Some(bandwidth));
        pace.refill(now);
        let mut packets = 0;
        for _ in 0..due_bytes.div_ceil(PADDING_BYTES.into()) {
            if pace.is_spent() {
                break;
            }
            let padding = carrier.padding(timestamp);
            let Some((index, fields)) = padding else { break };
            let elements = ViewerElements::new(extensions, carrier.spec.mid.as_slice(), &send_time, &[]);
            packets += u64::from(train.push(index, &fields, &elements, Body::Padding(PADDING_BYTES)));
            pace.spend(PADDING_BYTES.into());
        }
        drop(train);
        if packets == 0 && !pace.is_spent() {
            bandwidth.stop_probe();
        }
        self.counters.padding_packets_out += packets;
    }
}
