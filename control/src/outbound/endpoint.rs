//! One server that is asked, and the requests to it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use tokio::time::timeout_at;

use super::circuit::Circuit;
use super::fault::{self, Fault};
use super::line::Line;
use super::target::Target;
use super::{Outbound, REPLY_BYTES_MAX, Shared, TIMEOUT_MAX};
use crate::log_budget::LogBudget;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    RoundTrip,
    Invalidate,
    Admission,
    Jwks,
}

impl Purpose {
    /// Stable name for logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round_trip",
            Self::Invalidate => "invalidate",
            Self::Admission => "admission",
            Self::Jwks => "jwks",
        }
    }
}

/// Which server, and how it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) url: &'a str,
    /// Of a whole request, from its coming to the last byte of the answer.
    pub(crate) timeout: Duration,
    /// Whether the server may be on this machine or in this network.
    pub(crate) allow_private: bool,
    /// The authorities to trust instead of the system's.
    pub(crate) ca_file: Option<&'a Path>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Get,
    /// JSON, and headers beside.
    Post {
        body: Vec<u8>,
        headers: HeaderMap,
    },
}

impl Message {
    pub(crate) fn post(body: Vec<u8>) -> Self {
        Self::Post { body, headers: HeaderMap::new() }
    }
}

/// See the file's head.
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    client: Client,
    target: Target,
    purpose: Purpose,
    timeout: Duration,
    line: Line,
    circuit: Mutex<Circuit>,
    log: Mutex<LogBudget>,
}

impl Endpoint {
    /// # Errors
    /// What to mend, without the URL.
    pub(crate) fn new(outbound: &Outbound, manner: &Manner<'_>) -> Result<Self, String> {
        let target =
            Target::parse(manner.url, manner.allow_private).map_err(|fault| format!("its url: {fault}"))?;
        if manner.timeout.is_zero() || manner.timeout > TIMEOUT_MAX {
            return Err(format!("its time-out is not from 1 to {} ms", TIMEOUT_MAX.as_millis()));
        }
        let client = outbound.client(manner.allow_private, target.is_https(), manner.ca_file)?;
        Ok(Self {
            shared: Arc::clone(&outbound.shared),
            client,
            target,
            purpose: manner.purpose,
            timeout: manner.timeout,
            line: Line::new(),
            circuit: Mutex::new(Circuit::new()),
            log: Mutex::default(),
        })
    }

    /// Asks, and reads the answer as a JSON object.
    ///
    /// # Errors
    /// No answer, one with a status that is not `accepted`, or one that is something else.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        message: Message,
        accepted: RangeInclusive<u16>,
    ) -> Result<T, Fault> {
        let answer = self.exchange(message, accepted).await;
        let read = answer.and_then(|body| object(&body).ok_or(Fault::BadReply));
        self.note(read.as_ref().err().copied());
        read
    }

    /// Tells it something; what it answers does not matter, only that it does.
    ///
    /// # Errors
    /// No answer, or none of success.
    pub(crate) async fn tell(&self, message: Message) -> Result<(), Fault> {
        let told = self.exchange(message, 200..=299).await.map(|_| ());
        self.note(told.err());
        told
    }

    async fn exchange(&self, message: Message, accepted: RangeInclusive<u16>) -> Result<Vec<u8>, Fault> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let waiting = async {
            let place = self.line.enter().await?;
            let socket = self.shared.places.acquire().await.map_err(|_| Fault::Busy)?;
            Ok((place, socket))
        };
        let _places = timeout_at(deadline, waiting).await.map_err(|_| Fault::Busy)??;
        if !self.circuit().admits(Instant::now()) {
            return Err(Fault::Down);
        }
        let answered = async {
            let answer = self.request(message).send().await.map_err(|error| fault::classify(&error))?;
            let status = answer.status().as_u16();
            let body = body(answer).await?;
            if accepted.contains(&status) { Ok(body) } else { Err(Fault::Status(status)) }
        };
        timeout_at(deadline, answered).await.map_err(|_| Fault::TimedOut)?
    }

    fn request(&self, message: Message) -> RequestBuilder {
        let url = self.target.url().clone();
        let request = match message {
            Message::Get => self.client.request(Method::GET, url),
            Message::Post { body, headers } => {
                self.client.request(Method::POST, url).headers(headers).header(CONTENT_TYPE, JSON).body(body)
            }
        };
        request.header(ACCEPT, JSON).header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// Remembers how a request came out, and says so if it is worth a line.
    fn note(&self, fault: Option<Fault>) {
        self.shared.tally.count(self.purpose.name(), fault.map_or("answered", Fault::name));
        let Some(fault) = fault else { return self.circuit().succeeded() };
        match fault {
            // It was not asked.
            Fault::Busy | Fault::Down => {}
            fault if fault.is_outage() => self.circuit().failed(Instant::now()),
            _ => self.circuit().succeeded(),
        }
        let spent = self.log.lock().unwrap_or_else(PoisonError::into_inner).spend(Instant::now());
        if let Some(left_out) = spent {
            let (purpose, target) = (self.purpose.name(), &self.target);
            tracing::warn!(purpose, %target, fault = fault.name(), left_out, "a server was asked in vain: {fault}");
        }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer's body as it was sent: what is compressed may be a thousand times as large as it came.
async fn body(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !answer.headers().get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Err(Fault::Encoded);
    }
    let announced = answer.content_length().unwrap_or_default();
    if announced > REPLY_BYTES_MAX as u64 {
        return Err(Fault::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| fault::classify(&error))? {
        if body.len() + piece.len() > REPLY_BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// A list would be read as well, its members by their place: nobody means that by an answer.
fn object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok()).flatten()
}
