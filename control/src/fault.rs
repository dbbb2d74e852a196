//! Why a request comes to nothing. The texts are for the caller and say what to do; `http::problem` gives each its status.

use fanlight_protocol::{Refusal, StreamPath};
use serde_json::{Map, Value};

use crate::name::NameFault;

/// A request's fault, or ours in serving it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    // What is asked for.
    #[error(
        "there is nothing here; publish at /{{app}}/whip/endpoint/{{stream}}, watch at /{{app}}/whep/endpoint/{{stream}}"
    )]
    UnknownPath,
    #[error("the stream's name is not one: {0}")]
    BadStreamName(NameFault),
    #[error("the app is not one: {0}")]
    BadAppName(NameFault),
    #[error("the app {0:?} is reserved; choose another, such as live")]
    ReservedApp(String),
    #[error("there is no app {0:?} here; ask the operator for it (apps.folder or apps.allowed)")]
    UnknownApp(String),
    #[error(
        "a request of HTTP/1.1 has exactly one Host header (RFC 9112 §3.2), one of HTTP/2 an :authority that no Host \
         contradicts (RFC 9113 §8.3.1)"
    )]
    BadHost,
    #[error("this address does not take the method; it takes {allow}")]
    MethodNotAllowed { allow: &'static str },

    #[error(
        "this needs valid credentials for it: a token (Authorization: Bearer, or ?token=), or a name and a password (Basic, or \
         ?username=&password=), as the app asks for"
    )]
    NotAllowed,

    #[error("too many requests of your address were refused; retry in {retry_after_s} s")]
    TooManyRefusals { retry_after_s: u32 },

    // The request's body.
    #[error("Content-Type is missing or is another; send {expected}")]
    WrongContentType { expected: &'static str },
    #[error("Content-Encoding is not taken; send the body as it is")]
    Encoded,
    #[error("the body is larger than {max} bytes (http.body_bytes_max)")]
    BodyTooLarge { max: u32 },
    #[error("the body did not arrive within {timeout_s} s (http.body_timeout_s)")]
    BodyTooSlow { timeout_s: u32 },
    #[error("the body cannot be read: {0}")]
    BodyBroken(String),
    #[error("the body is not UTF-8 text, or contains control characters")]
    NotText,
    #[error("the body is empty; send an SDP description (application/sdp)")]
    NoSdp,
    #[error("the body is not SDP: it does not begin with v=0")]
    NotSdp,
    #[error("the body is empty; send a trickle ICE fragment (RFC 8840)")]
    NoFragment,

    // Streams and sessions.
    #[error("{0} is being published already; choose another name or end that session")]
    NameInUse(StreamPath),
    #[error("{0} is not live; try again when it is being published")]
    NotLive(StreamPath),
    #[error("there is no such session (any more)")]
    UnknownSession,
    #[error("a session's id is 32 lower-case hexadecimal digits: the last part of its URL (Location)")]
    BadSessionId,
    /// It was lately. `reason`: stable name; `facts`: what was last known.
    #[error("{text}")]
    Ended { reason: &'static str, text: String, facts: Box<Map<String, Value>> },
    #[error("this session has no {kind}")]
    NoSuchTrack { kind: &'static str },
    #[error(
        "{what}; send an object with any of \"audio\" and \"video\" (\"paused\" or \"playing\"), \"layer\" (a layer's name, or \
         \"auto\"), \"max_width\" and \"max_height\" (pixels, or null for any), such as {{\"video\": \"paused\"}}"
    )]
    BadControl { what: String },
    #[error("this stream has no layer {layer:?}; {}", layers_told(layers, *scalable))]
    NoSuchLayer { layer: String, layers: Vec<String>, scalable: bool },
    #[error("the body is not a JSON list of event names; there are {names}")]
    BadEventList { names: &'static str },
    #[error("If-Match names another ICE session; the entity tag of this one is in the answer to the offer")]
    StaleEntityTag,
    #[error("the server is full: {limit} is reached; retry in {retry_after_s} s")]
    Full { limit: &'static str, retry_after_s: u32 },
    #[error("the media process is not connected; retry in {retry_after_s} s")]
    DataplaneAway { retry_after_s: u32 },
    #[error("the server that says who may come in did not answer; retry in {retry_after_s} s")]
    AuthorityAway { retry_after_s: u32 },
    #[error("the media process did not answer in time; retry in {retry_after_s} s")]
    DataplaneSlow { retry_after_s: u32 },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("internal error: {0}")]
    Internal(String),

    // The administration API.
    #[error("this address may not use the API; the operator lists those that may in api.allow")]
    AddressNotAllowed,
    #[error("the API takes a valid access token: Authorization: Bearer …, or {parameter} in the query")]
    TokenNotAllowed { parameter: &'static str },
    #[error("this token lacks the scope {needs:?}")]
    ScopeMissing { needs: &'static str },
    #[error("the API has no such path; /api/docs shows those that there are")]
    UnknownApiPath,
    #[error("this path does not take the method; the header Allow lists those that it takes")]
    WrongMethod,

    #[error("there is no parameter {name:?} here{nearest}")]
    UnknownParameter { name: String, nearest: String },
    #[error("the path or the query is not what is asked for: {0}")]
    BadParameter(String),
    #[error("the body is not what is asked for: {0}")]
    BadBody(String),
    #[error("{0}")]
    NotPossible(&'static str),
    #[error("there is no such {what} now")]
    NotThere { what: &'static str },
    #[error(
        "there is no such page: cursor is none that an earlier one of this list, in this order, gave as next"
    )]
    NoSuchPage,
    #[error("the session's credentials name nobody, so nobody can be shut out; end the session instead")]
    NamesNobody,
    #[error("the log's level stays as it is: {0}")]
    BadLogLevel(String),
    #[error("the server is being emptied and lets nobody in; try another one, or again in {retry_after_s} s")]
    Draining { retry_after_s: u32 },
    #[error("it is not as If-Match says any more; read it again, and decide anew")]
    Changed,

    // What is not even a request.
    #[error("the request's head cannot be read (RFC 9112): {0}")]
    HeadUnreadable(String),
    #[error("this is TLS; this port speaks plain HTTP: use http://, or {}", https_told(*https_port))]
    Tls { https_port: Option<u16> },
    #[error(
        "this is HTTP/2, which is spoken where a TLS handshake has agreed on it (ALPN); use HTTP/1.1 here, or {}", https_told(*https_port)
    )]
    Http2 { https_port: Option<u16> },
    #[error("this port speaks TLS; use https:// and this port")]
    NotTls,
    #[error("request line and headers are larger than http.head_bytes_max, or too many")]
    HeadTooLarge,
    #[error("the request's head did not arrive within {timeout_s} s (http.header_timeout_s)")]
    HeadTooSlow { timeout_s: u32 },
    #[error("all connections are in use (http.connections_max); retry in {retry_after_s} s")]
    TooManyConnections { retry_after_s: u32 },
}

/// Where there is TLS.
fn https_told(port: Option<u16>) -> String {
    match port {
        Some(port) => format!("https:// on port {port}"),
        None => {
            "ask the operator to set https.certificate, or to put a proxy that ends TLS in front".to_owned()
        }
    }
}

/// What a viewer may ask for instead.
fn layers_told(layers: &[String], scalable: bool) -> String {
    match (layers, scalable) {
        ([], false) => "it has one alone, which is sent to all: its publisher does not use simulcast".to_owned(),
        ([], true) => {
            "its layers are called S0T0 and on, by the number of the spatial and of the temporal one, or \"auto\"".to_owned()
        }
        (layers, _) => format!("there are {}, and \"auto\" for the best that your connection takes", layers.join(", ")),
    }
}
