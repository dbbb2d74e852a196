//! Trickle ICE fragments: candidates, which are not needed, and ICE restarts. RFC 8840, RFC 9725 §4.3.

use std::time::Instant;

use fanlight_protocol::{Refusal, RequestId, SessionId, ToControl};
use fanlight_shard::transport::IceRestart;
use fanlight_shard::{Command, ShardId, UFRAG_RESTART_MAX};

use super::{Link, open};
use crate::sdp::{Fragment, TransportParameters, write_fragment};
use crate::secret;

impl Link {
    /// Candidates are not used: a path is found by what the peer sends to us, so that nobody can make us send to an
    /// address that never spoke. Those of a former ICE session are late, and no fault.
    pub(super) fn trickle(
        &mut self,
        request: RequestId,
        session: SessionId,
        fragment: &str,
        may_restart: bool,
    ) -> Result<ToControl, Refusal> {
        let record = self.ledger.find(session).ok_or(Refusal::UnknownSession)?;
        let fragment = Fragment::parse(fragment).map_err(open::refuse)?;
        // A viewer that is to answer our offer may tell its candidates before: they are not needed either.
        if record.pending.is_some() {
            return Ok(ToControl::Done { request });
        }
        let is_known =
            [Some(&record.remote_ufrag), record.former_ufrag.as_ref()].contains(&Some(&fragment.ice_ufrag));
        match fragment.ice_pwd {
            _ if is_known => Ok(ToControl::Done { request }),
            Some(password) if may_restart => self.restart(request, session, fragment.ice_ufrag, password),
            None if may_restart => {
                Err(Refusal::BadSdp("an ICE restart needs a=ice-pwd beside a=ice-ufrag: send both".into()))
            }
            _ => Err(Refusal::AnotherIceSession),
        }
    }

    fn restart(
        &mut self,
        request: RequestId,
        session: SessionId,
        remote_ufrag: String,
        remote_password: String,
    ) -> Result<ToControl, Refusal> {
        let record = self.ledger.find(session).ok_or(Refusal::UnknownSession)?;
        let (place, key) = (usize::from(record.shard.0), record.key);
        let number = if record.restarts == UFRAG_RESTART_MAX { 0 } else { record.restarts + 1 };
        let ours = self.restarted(record.shard, key, number)?;
        let answer = write_fragment(&record.carrier, &ours);
        let restart = Box::new(IceRestart {
            local_ufrag: ours.ice_ufrag.clone(),
            local_password: ours.ice_pwd,
            remote_ufrag: remote_ufrag.clone(),
            remote_password,
        });
        self.order(place, Command::RestartIce { key, restart })?;
        let ice_tag = ours.ice_ufrag;
        if let Some(record) = self.ledger.find_mut(session) {
            record.former_ufrag = Some(std::mem::replace(&mut record.remote_ufrag, remote_ufrag));
            record.restarts = number;
            record.ice_tag.clone_from(&ice_tag);
            let age = Instant::now().saturating_duration_since(record.accepted);
            tracing::info!(?session, stream = %record.stream, number, ?age, "ICE restart");
        }
        Ok(ToControl::Restarted { request, session, ice_tag, fragment: answer })
    }

    /// Our side of the transport under new credentials.
    fn restarted(
        &self,
        shard: ShardId,
        key: fanlight_shard::SessionKey,
        number: u16,
    ) -> Result<TransportParameters, Refusal> {
        let ufrag = self.ufrag_key.encode_restart(shard, key, number);
        let ice_ufrag = ufrag
            .map(|ufrag| ufrag.map(char::from).iter().collect())
            .ok_or_else(|| Refusal::Internal("no username names the restart".into()))?;
        Ok(TransportParameters {
            origin_id: 0,
            ice_ufrag,
            ice_pwd: secret::ice_password().map_err(open::no_randomness)?,
            fingerprint_sha256: self.certificate.fingerprint_sha256,
            candidates: self.shards[usize::from(shard.0)].link.candidates.clone(),
            tcp_candidates: self.tcp_candidates(),
        })
    }
}
