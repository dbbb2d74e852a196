//! The fan-out at the end of a turn: for each track with fresh packets, each of its viewers gets them as trains.
//!
//! Viewer outer, packet inner: a viewer's key, path and numbering stay hot for the whole frame, and the packets come from
//! one store that all share.

use crate::elements::ViewerElements;
use crate::session::Activity;
use crate::shard::Shard;
use crate::spec::TrackId;
use crate::track::Track;
use crate::train::{Body, Train};
use crate::turn::Outputs;
use fanlight_wire::abs_send_time;

impl Shard {
    pub(crate) fn fan_out(&mut self, outputs: &mut Outputs<'_>) {
        let mut ids = std::mem::take(&mut self.fresh);
        for id in ids.drain(..) {
            self.fan_out_track(id, outputs);
        }
        self.fresh = ids;
    }

    fn fan_out_track(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        // Out of the map while its viewers are served, so that track and sessions can be used side by side.
        let Some(mut track) = self.tracks.remove(&id) else { return };
        let send_time = abs_send_time(self.now.saturating_duration_since(self.config.started));
        for place in 0..track.subscribers.len() {
            self.serve(&track, place, &send_time, outputs);
        }
        track.fresh.clear();
        self.tracks.insert(id, track);
    }

    fn serve(&mut self, track: &Track, place: usize, send_time: &[u8; 3], outputs: &mut Outputs<'_>) {
        let Some(subscriber) = track.subscribers.get(place) else { return };
        let Some(session) = self.sessions.find(subscriber.viewer) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref(), session.path) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let Some(subscription) = viewer.subscriptions.get_mut(subscriber.place) else { return };
        let mut train = Train::new(outputs.egress, &mut self.counters, srtp, path);
        let mut sent = 0;
        for sequence in &track.fresh {
            let Some(stored) = track.store.find(*sequence) else { continue };
            let Some((index, fields)) = subscription.admit(*sequence, stored.facts, &mut self.rng) else {
                continue;
            };
            let mid = subscription.spec.mid.as_slice();
            let elements = ViewerElements::new(&viewer.extensions, mid, send_time, stored.extensions);
            if train.push(index, &fields, &elements, Body::Media(stored.payload)) {
                subscription.sent(stored.facts);
                sent += 1;
            }
        }
        drop(train);
        self.counters.media_packets_out += sent;
    }
}
