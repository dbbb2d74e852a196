//! What the fuzz targets reach of this crate: no part of its interface.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use fanlight_protocol::StreamPath;

use crate::auth::jwt::{Jwt, Settings};
use crate::auth::{Action, Ask, Claim, Client, Credentials, Transport, Verdict};
use crate::outbound::Outbound;

/// A validator of tokens without a set of keys, so that it never waits.
pub struct Tokens(Jwt);

/// What a token was found to allow.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    pub subject: Option<String>,
    pub credential: Option<String>,
    pub expires: Option<SystemTime>,
    pub bitrate_bps_max: Option<u64>,
}

impl Tokens {
    /// Of the section `[auth.jwt]` in TOML.
    ///
    /// # Errors
    /// What to mend.
    pub fn new(settings: &str) -> Result<Self, String> {
        let settings: Settings = toml::from_str(settings).map_err(|error| error.to_string())?;
        Jwt::new(&settings, "".as_ref(), Outbound::of_the_process()).map(Self)
    }

    /// Who brings `token` at `now_s` to publish (else play) `name` in `app`.
    #[must_use]
    pub fn judge(&self, token: &str, publish: bool, app: &str, name: &str, now_s: u64) -> Option<Granted> {
        let headers = HeaderMap::from_iter([(
            axum::http::header::AUTHORIZATION,
            format!("Bearer {token}").parse().ok()?,
        )]);
        let (action, transport) =
            if publish { (Action::Publish, Transport::Whip) } else { (Action::Play, Transport::Whep) };
        let stream = StreamPath { app: app.to_owned(), name: name.to_owned() };
        let client = Client { address: [192, 0, 2, 1].into(), agent: String::new() };
        let credentials = Credentials::read(&headers, None);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now_s);
        let (stream, credentials, client) = (&stream, &credentials, &client);
        let ask = Ask { stream, action, transport, credentials, client, now };
        let judged = pin!(self.0.judge(&ask)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Verdict::Granted(claim)) = judged else { return None };
        let Claim { subject, credential, expires, bitrate_bps_max, .. } = claim;
        Some(Granted { subject, credential, expires, bitrate_bps_max })
    }
}
