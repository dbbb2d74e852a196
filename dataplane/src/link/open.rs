//! Opening sessions: from an offer, through SDP and a place on a shard, to an answer; or from an offer of ours to the peer's
//! answer, with the place kept in between.

use std::net::SocketAddr;
use std::time::Instant;

use fanlight_protocol::{
    Codec, KEEPSAKE_BYTES_MAX, LayerWish, MutedKinds, Refusal, SessionId, SessionRole, SessionState,
    StreamPath, Terms, TrackInfo, TrackKind,
};
use fanlight_shard::rtc::{Rtc, RtcParameters};
use fanlight_shard::{Command, Mid, Role, SessionKey, SessionSpec, TrackId};
use fanlight_wire::codec;

use super::Link;
use super::ledger::Record;
use super::placement::least_loaded;
use crate::address::one_of_each_family;
use crate::sdp::{
    Carrier, Offer, Policy, Published, PublishedCodec, SdpError, TransportParameters, plan_publish,
    plan_watch,
};
use crate::secret::{self, NoRandomness, Ssrcs};
use crate::worker::Order;

/// The session that control asks for.
pub(super) struct Asked {
    pub(super) session: SessionId,
    pub(super) stream: StreamPath,
    pub(super) terms: Terms,
}

/// What control is to be told of an opened session.
pub(super) struct Opened {
    /// SDP for the peer.
    pub(super) description: String,
    pub(super) ice_tag: String,
    pub(super) tracks: Vec<TrackInfo>,
}

/// A session on its way to a shard.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) place: usize,
    pub(super) key: SessionKey,
    pub(super) ours: TransportParameters,
}

/// Where a session goes, and how much media it may have there, bit/s.
pub(super) struct Seat {
    pub(super) place: usize,
    pub(super) key: SessionKey,
    pub(super) bitrate_bps_max: Option<u64>,
}

impl Link {
    pub(super) fn publish(
        &mut self,
        asked: Asked,
        offer: &str,
        replaces: Option<SessionId>,
    ) -> Result<Opened, Refusal> {
        let offer = Offer::parse(offer).map_err(refuse)?;
        let plan = plan_publish(&offer, &Policy::default()).map_err(refuse)?;
        let draft = self.draft(&asked)?;
        let next_track = &mut self.next_track;
        let spec = plan.spec(|| {
            *next_track += 1;
            TrackId(*next_track)
        });
        let published = plan.published(&spec, self.shards[draft.place].link.id);
        let answer = plan.answer(&offer, &draft.ours);
        let mids = spec.tracks.iter().map(|track| (track.track, &track.mid));
        let tracks = track_infos(&published, mids);
        let kind = Kind { role: SessionRole::Publisher, published: Some(published), replaces };
        let local_ssrc = Ssrcs::default();
        self.open(asked, kind, &offer, draft, Role::Publisher(spec), local_ssrc, tracks, answer)
    }

    pub(super) fn watch(
        &mut self,
        asked: Asked,
        publisher: SessionId,
        offer: &str,
    ) -> Result<Opened, Refusal> {
        let offer = Offer::parse(offer).map_err(refuse)?;
        let published = self.watchable(publisher)?;
        let plan = plan_watch(&offer, &published).map_err(refuse)?;
        let draft = self.draft(&asked)?;
        let mut ssrcs = Ssrcs::default();
        let mut exhausted = None;
        let spec = plan.spec(&mut || {
            ssrcs.next().unwrap_or_else(|fault| {
                exhausted = Some(fault);
                fanlight_wire::Ssrc(0)
            })
        });
        if let Some(fault) = exhausted {
            self.shards[draft.place].slots.give_back(draft.key);
            return Err(no_randomness(fault));
        }
        let answer = plan.answer(&offer, &draft.ours, &spec);
        let mids = spec.subscriptions.iter().map(|wish| (wish.track, &wish.mid));
        let tracks = track_infos(&published, mids);
        let kind = Kind { role: SessionRole::Viewer { publisher }, published: None, replaces: None };
        self.open(asked, kind, &offer, draft, Role::Viewer(spec), ssrcs, tracks, answer)
    }

    /// What a viewer of that publisher can have, if there is a place for it.
    pub(super) fn watchable(&self, publisher: SessionId) -> Result<Published, Refusal> {
        let published = self.ledger.find(publisher).and_then(|record| record.published.clone());
        if self.ledger.viewers_of(publisher) >= self.config.limits.viewers_per_stream_max {
            return Err(self.full("limits.viewers_per_stream_max"));
        }
        published.ok_or(Refusal::UnknownSession)
    }

    /// A slot on the least loaded shard, and our side of the transport.
    pub(super) fn draft(&mut self, asked: &Asked) -> Result<Draft, Refusal> {
        if self.ledger.find(asked.session).is_some() {
            return Err(Refusal::Internal("the session id is in use".into()));
        }
        if !asked.terms.are_bounded() {
            return Err(Refusal::Internal(format!("the keepsake exceeds {KEEPSAKE_BYTES_MAX} bytes")));
        }
        if self.ledger.len() >= self.config.limits.sessions_max as usize {
            return Err(self.full("limits.sessions_max"));
        }
        let ice_pwd = secret::ice_password().map_err(no_randomness)?;
        let loads: Vec<_> = self.shards.iter().map(|shard| (shard.load, shard.slots.in_use())).collect();
        let place = least_loaded(&loads).ok_or_else(|| Refusal::Internal("there is no shard".into()))?;
        let key = self.shards[place].slots.take().ok_or_else(|| self.full("limits.sessions_max"))?;
        let shard = &self.shards[place].link;
        let ufrag = self.ufrag_key.encode(shard.id, key).map(|ufrag| ufrag.map(char::from).iter().collect());
        let ice_ufrag = ufrag.ok_or_else(|| Refusal::Internal("no username names the slot".into()))?;
        // o= holds a number of 63 bits at most (RFC 8829 §5.2.1).
        let origin_id = u64::from_ne_bytes(secret::bytes().map_err(no_randomness)?) >> 1;
        let ours = TransportParameters {
            origin_id,
            ice_ufrag,
            ice_pwd,
            fingerprint_sha256: self.certificate.fingerprint_sha256,
            candidates: shard.candidates.clone(),
            tcp_candidates: self.tcp_candidates(),
        };
        Ok(Draft { place, key, ours })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all that was decided about a session meets"
    )]
    fn open(
        &mut self,
        asked: Asked,
        kind: Kind,
        offer: &Offer,
        draft: Draft,
        role: Role,
        mut ssrcs: Ssrcs,
        tracks: Vec<TrackInfo>,
        answer: String,
    ) -> Result<Opened, Refusal> {
        let Draft { place, key, ours } = draft;
        let seat = Seat { place, key, bitrate_bps_max: asked.terms.bitrate_bps_max };
        if let Err(refusal) = self.adopt(seat, offer, &ours, false, role, &mut ssrcs) {
            self.shards[place].slots.give_back(key);
            return Err(refusal);
        }
        self.ledger.insert(Record {
            session: asked.session,
            stream: asked.stream,
            role: kind.role,
            state: SessionState::Connecting,
            shard: self.shards[place].link.id,
            key,
            ice_tag: ours.ice_ufrag.clone(),
            remote_ufrag: offer.ice_ufrag().to_owned(),
            former_ufrag: None,
            restarts: 0,
            carrier: Carrier::of(&answer),
            tracks: tracks.clone(),
            wish: LayerWish::default(),
            published: kind.published,
            replaces: kind.replaces,
            terms: asked.terms,
            muted: MutedKinds::default(),
            pending: None,
            accepted: Instant::now(),
        });
        Ok(Opened { description: answer, ice_tag: ours.ice_ufrag, tracks })
    }

    /// Hands a session to its shard.
    pub(super) fn adopt(
        &mut self,
        seat: Seat,
        theirs: &Offer,
        ours: &TransportParameters,
        controlling: bool,
        role: Role,
        ssrcs: &mut Ssrcs,
    ) -> Result<(), Refusal> {
        let transport = Box::new(self.transport(theirs, ours, controlling)?);
        let local_ssrc = ssrcs.next().map_err(no_randomness)?;
        let Seat { place, key, bitrate_bps_max } = seat;
        self.order(
            place,
            Command::Adopt(Box::new(SessionSpec { key, transport, local_ssrc, role, bitrate_bps_max })),
        )
    }

    fn transport(
        &self,
        offer: &Offer,
        ours: &TransportParameters,
        controlling: bool,
    ) -> Result<Rtc, Refusal> {
        let fingerprint = offer.fingerprint();
        let parameters = RtcParameters {
            local_ufrag: ours.ice_ufrag.clone(),
            local_password: ours.ice_pwd.clone(),
            remote_ufrag: offer.ice_ufrag().to_owned(),
            remote_password: offer.ice_pwd().to_owned(),
            remote_fingerprint: (fingerprint.hash.clone(), fingerprint.bytes.clone()),
            local_addresses: one_of_each_family(&ours.candidates),
            local_tcp_addresses: one_of_each_family(&ours.tcp_candidates),
            data_channel: offer.wants_data_channel(),
            controlling,
        };
        Rtc::new(parameters, &self.certificate, Instant::now())
            .map_err(|fault| Refusal::Internal(fault.to_string()))
    }

    /// The same for all shards.
    pub(super) fn tcp_candidates(&self) -> Vec<SocketAddr> {
        self.tcp.as_ref().map(|tcp| tcp.candidates.clone()).unwrap_or_default()
    }

    pub(super) fn order(&mut self, place: usize, command: Command) -> Result<(), Refusal> {
        let pushed = self.shards[place].link.orders.push(Order::Command(command));
        self.shards[place].link.orders.wake();
        pushed.map_err(|_| self.full("the queue of a shard"))
    }

    pub(super) fn full(&self, limit: &str) -> Refusal {
        Refusal::Full { limit: limit.to_owned(), retry_after_s: self.config.limits.retry_after_s }
    }
}

/// What tells a publisher's record from a viewer's.
struct Kind {
    role: SessionRole,
    published: Option<Published>,
    replaces: Option<SessionId>,
}

pub(super) fn refuse(fault: SdpError) -> Refusal {
    if fault.is_codec_mismatch() {
        Refusal::NoCommonCodec(fault.to_string())
    } else {
        Refusal::BadSdp(fault.to_string())
    }
}

pub(super) fn no_randomness(fault: NoRandomness) -> Refusal {
    Refusal::Internal(fault.to_string())
}

/// What control is told of a stream's tracks, each in the m-section that carries its first layer; tracks in none are left out.
pub(super) fn track_infos<'a>(
    published: &Published,
    mids: impl Iterator<Item = (TrackId, &'a Mid)>,
) -> Vec<TrackInfo> {
    let of = |id: TrackId| {
        let is_first = |track: &&PublishedCodec| track.layers.first().is_some_and(|layer| layer.track == id);
        published.tracks.iter().find(is_first)
    };
    mids.filter_map(|(id, mid)| of(id).map(|track| track_info(track, mid))).collect()
}

fn track_info(track: &PublishedCodec, mid: &Mid) -> TrackInfo {
    let codec = match track.codec {
        codec::Codec::Opus => Codec::Opus,
        codec::Codec::Vp8 => Codec::Vp8,
        codec::Codec::Vp9 => Codec::Vp9,
        codec::Codec::H264 => Codec::H264,
        codec::Codec::H265 => Codec::H265,
        codec::Codec::Av1 => Codec::Av1,
    };
    TrackInfo {
        kind: if track.codec.is_video() { TrackKind::Video } else { TrackKind::Audio },
        codec,
        mid: String::from_utf8_lossy(mid).into_owned(),
        layers: layer_names(track),
        scalable: track.scalable,
    }
}

/// None where the one encoding has no name.
pub(super) fn layer_names(track: &PublishedCodec) -> Vec<String> {
    let names = track.layers.iter().map(|layer| layer.rid.clone());
    names.filter(|name| !name.is_empty()).collect()
}
