//! What control asks of one session, and what a session has to say at once: a shard's words in the protocol's.

use std::time::Duration;

use fanlight_protocol::{
    DtlsInspection, IceInspection, IcePair, Inspection, Notable, Note, Refusal, RequestId, SessionId,
    ToControl,
};
use fanlight_shard::{Command, Remote, SessionKey, ShardId};

use super::ledger::Record;
use super::stats::{round_trip_us, track_stats};
use super::{Link, layers};

impl Link {
    pub(super) fn inspect(&mut self, request: RequestId, session: SessionId) {
        let place = self.ledger.find(session).map(|record| (usize::from(record.shard.0), record.key));
        let ordered = place
            .ok_or(Refusal::UnknownSession)
            .and_then(|(place, key)| self.order(place, Command::Inspect { key, request: request.0 }));
        if let Err(refusal) = ordered {
            self.tell(&ToControl::Refused { request, refusal });
        }
    }

    pub(super) fn answer_inspection(
        &mut self,
        shard: ShardId,
        request: RequestId,
        told: Option<&fanlight_shard::Inspection>,
    ) {
        let found = told.and_then(|told| self.ledger.at(shard, told.report.key).zip(Some(told)));
        let message = match found {
            Some((record, told)) => {
                let names = self.ledger.layers(record);
                let inspection = Box::new(describe(record, told, &self.told_candidates(shard), &names));
                ToControl::Inspected { request, inspection }
            }
            None => ToControl::Refused { request, refusal: Refusal::UnknownSession },
        };
        self.tell(&message);
    }

    pub(super) fn pass_note_on(&mut self, shard: ShardId, key: SessionKey, told: &fanlight_shard::Note) {
        let Some(record) = self.ledger.at(shard, key) else { return };
        let (session, note) = (record.session, note(told, &self.ledger.layers(record)));
        self.tell(&ToControl::Noted { session, note });
    }

    /// Where the peers of a shard were told to send to.
    pub(super) fn told_candidates(&self, shard: ShardId) -> Vec<Remote> {
        let udp = self.shards.get(usize::from(shard.0)).into_iter().flat_map(|shard| &shard.link.candidates);
        let tcp = self.tcp.iter().flat_map(|tcp| &tcp.candidates);
        udp.copied().map(Remote::udp).chain(tcp.copied().map(Remote::tcp)).collect()
    }
}

/// A session in the protocol's words. `names`: of its layers.
pub(super) fn describe(
    record: &Record,
    told: &fanlight_shard::Inspection,
    candidates: &[Remote],
    names: &[String],
) -> Inspection {
    let pairs = told.checked.iter().map(|(known, selected)| IcePair {
        remote: known.remote.to_string(),
        checks: known.checks,
        answered: known.answered,
        selected: *selected,
    });
    let report = &told.report;
    Inspection {
        session: record.session,
        state: record.state,
        age_ms: milliseconds(record.accepted.elapsed()),
        ice: IceInspection {
            local: candidates.iter().map(ToString::to_string).collect(),
            pairs: pairs.collect(),
        },
        dtls: told.profile.map(|profile| DtlsInspection {
            version: "1.2".to_owned(), // the only one that transports are configured for
            srtp_profile: profile.name().to_owned(),
        }),
        rtt_us: round_trip_us(report),
        fraction_lost: report.fraction_lost,
        estimate_bps: report.estimate_bps,
        packets_in: report.packets_in,
        packets_out: report.packets_out,
        tracks: report.tracks.iter().map(track_stats).collect(),
        notes: told.notes.iter().map(|told| note(told, names)).collect(),
    }
}

/// A shard takes a session as soon as it is accepted: the two clocks are one.
fn note(told: &fanlight_shard::Note, layers: &[String]) -> Note {
    Note { at_ms: milliseconds(told.after), what: notable(told.what, layers) }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Word by word: the law keeps shard and protocol from knowing each other.
fn notable(told: fanlight_shard::Notable, names: &[String]) -> Notable {
    use fanlight_shard::Notable as Told;
    match told {
        Told::Connected => Notable::Connected,
        Told::PathChanged => Notable::PathChanged,
        Told::TrackStarted { video } => Notable::TrackStarted { video },
        Told::SourceChanged { video } => Notable::SourceChanged { video },
        Told::SourceSilent { video } => Notable::SourceSilent { video },
        Told::SourceBack { video, silent_ms } => Notable::SourceBack { video, silent_ms },
        Told::Nacked { video, packets } => Notable::Nacked { video, packets },
        Told::Lost { video, packets } => Notable::Lost { video, packets },
        Told::KeyFrameAsked => Notable::KeyFrameAsked,
        Told::KeyFrameCame { waited_ms } => Notable::KeyFrameCame { waited_ms },
        Told::FirstFrame { waited_ms, from_store } => Notable::FirstFrame { waited_ms, from_store },
        Told::CaughtUp { took_ms } => Notable::CaughtUp { took_ms },
        Told::Constrained { estimate_bps, stream_bps } => Notable::Constrained { estimate_bps, stream_bps },
        Told::Unconstrained { estimate_bps } => Notable::Unconstrained { estimate_bps },
        Told::VideoSkipped { packets } => Notable::VideoSkipped { packets },
        Told::Paused { video } => Notable::Paused { video },
        Told::Resumed { video } => Notable::Resumed { video },
        Told::Muted { video, everybody } => Notable::Muted { video, everybody },
        Told::Unmuted { video, everybody } => Notable::Unmuted { video, everybody },
        Told::Switched { video } => Notable::Switched { video },
        Told::IceRestarted => Notable::IceRestarted,
        Told::LayerChanged { layer, size, sizes, flowing } => {
            layers::changed(names, layer, size, sizes, flowing)
        }
        Told::PointChanged { point, size, points, sizes, flowing } => {
            layers::point_changed(point, size, points, sizes, flowing)
        }
        Told::LayersWanted { layers: wanted } => layers::wanted(names, wanted),
    }
}
