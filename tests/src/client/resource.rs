//! WHIP (RFC 9725) and WHEP seen from a client: an endpoint takes an offer, a resource is the session.

use std::net::SocketAddr;

use crate::http::{self, HttpError, Response};

/// Where offers are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub server: SocketAddr,
    /// `/live/whip/endpoint/name`, with a query or without.
    pub path: String,
    /// A token for `Authorization` (RFC 6750).
    pub bearer: Option<String>,
}

/// A session's URL and the entity tag of its ICE session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub server: SocketAddr,
    pub path: String,
    pub entity_tag: String,
}

/// Signalling came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignallingError {
    #[error("no answer to {0}: {1}")]
    Http(String, #[source] HttpError),
    /// The server said no, and why.
    #[error("{path}: {status} {detail}")]
    Refused { path: String, status: u16, detail: String, retry_after: Option<String> },
    /// An answer that breaks the protocol.
    #[error("{path}: the answer has no {missing}")]
    Incomplete { path: String, missing: &'static str },
}

impl SignallingError {
    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Endpoint {
    /// The same with these credentials, parameters of its query.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        self.path = format!("{}?{query}", self.path);
        self
    }

    /// The same with a token in a header.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Posts an offer; gives back the answer and the resource.
    ///
    /// # Errors
    /// No answer, a refusal, or an answer without what RFC 9725 §4.2 asks for.
    pub fn post(&self, offer: &str) -> Result<(String, Resource), SignallingError> {
        let mut headers = vec![("Content-Type", "application/sdp")];
        let authorization = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        let response = http::request(self.server, "POST", &self.path, &headers, offer)
            .map_err(|error| SignallingError::Http(self.path.clone(), error))?;
        if response.status != 201 {
            return Err(refusal(&self.path, &response));
        }
        let header = |name, missing| {
            let incomplete = || SignallingError::Incomplete { path: self.path.clone(), missing };
            response.header(name).map(str::to_owned).ok_or_else(incomplete)
        };
        if header("content-type", "Content-Type")? != "application/sdp" {
            return Err(SignallingError::Incomplete { path: self.path.clone(), missing: "SDP" });
        }
        let path = header("location", "Location")?;
        let entity_tag = header("etag", "ETag")?;
        Ok((response.body.clone(), Resource { server: self.server, path, entity_tag }))
    }
}

impl Resource {
    /// Ends the session.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn delete(&self) -> Result<(), SignallingError> {
        self.request("DELETE", &[], "").map(drop)
    }

    /// Sends candidates, as RFC 9725 §4.3.2 has it.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn trickle(&self, fragment: &str) -> Result<(), SignallingError> {
        let headers =
            [("Content-Type", "application/trickle-ice-sdpfrag"), ("If-Match", self.entity_tag.as_str())];
        self.request("PATCH", &headers, fragment).map(drop)
    }

    /// `connecting` or `connected`.
    ///
    /// # Errors
    /// No answer, or a refusal: 410 and then 404 once the session is gone.
    pub fn state(&self) -> Result<String, SignallingError> {
        let response = self.request("GET", &[("Accept", "application/json")], "")?;
        let state = response.json().ok().and_then(|json| Some(json.get("state")?.as_str()?.to_owned()));
        state.ok_or_else(|| SignallingError::Incomplete { path: self.path.clone(), missing: "state" })
    }

    /// Why the session ended, by its stable name.
    ///
    /// # Errors
    /// No answer, or the session is not one that ended lately.
    pub fn ending(&self) -> Result<String, SignallingError> {
        let headers = [("Accept", "application/json")];
        let response = http::request(self.server, "GET", &self.path, &headers, "")
            .map_err(|error| SignallingError::Http(self.path.clone(), error))?;
        if response.status != 410 {
            return Err(refusal(&self.path, &response));
        }
        let reason = response.json().ok().and_then(|json| Some(json.get("reason")?.as_str()?.to_owned()));
        reason.ok_or_else(|| SignallingError::Incomplete { path: self.path.clone(), missing: "reason" })
    }

    /// All that the server knows of the session.
    ///
    /// # Errors
    /// No answer, a refusal, or no JSON.
    pub fn report(&self) -> Result<serde_json::Value, SignallingError> {
        let response = self.request("GET", &[("Accept", "application/json")], "")?;
        response.json().map_err(|_| SignallingError::Incomplete { path: self.path.clone(), missing: "JSON" })
    }

    /// Tells a viewer's controls what to change, as JSON.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn control(&self, changes: &str) -> Result<(), SignallingError> {
        self.request("PATCH", &[("Content-Type", "application/json")], changes).map(drop)
    }

    /// Whether the server has no such session: it never had, or it has ended (410, for as long as the reason is kept).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state().is_err_and(|error| matches!(error.status(), Some(404 | 410)))
    }

    fn request(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response, SignallingError> {
        let response = http::request(self.server, method, &self.path, headers, body)
            .map_err(|error| SignallingError::Http(self.path.clone(), error))?;
        if response.status < 300 { Ok(response) } else { Err(refusal(&self.path, &response)) }
    }
}

/// Errors are `application/problem+json` (RFC 9457).
fn refusal(path: &str, response: &Response) -> SignallingError {
    let problem = response.json().ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    SignallingError::Refused {
        path: path.to_owned(),
        status: response.status,
        detail: detail.unwrap_or(&response.body).to_owned(),
        retry_after: response.header("retry-after").map(str::to_owned),
    }
}
