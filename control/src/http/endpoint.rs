//! Opening a session: POST of an offer to an endpoint (RFC 9725 §4.2; WHEP is the same with the roles turned), or of nothing
//! to a WHEP endpoint, which is answered with an offer of ours.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fanlight_protocol::StreamPath;
use hyper::body::Body as _;

use super::{Site, body, client, events, resource, route};
use crate::app::App;
use crate::auth::{Action, Admission, Ask, Credentials, Transport};
use crate::config::{Ice, IceServer};
use crate::fault::Fault;
use crate::name;
use crate::registry::Rules;
use crate::signalling::{Opened, Opening, Role};

pub(super) async fn open(
    site: &Site,
    app: &App,
    role: Role,
    stream: &StreamPath,
    head: &Parts,
    body: Body,
) -> Result<Response, Fault> {
    let admission = admit(site, app, role, stream, head).await?;
    let opening = match role {
        Role::Publisher => Opening::Publish(sdp(site, head, body).await?),
        // A viewer asks for an offer of ours by an empty body, which then needs no type.
        Role::Viewer if body.is_end_stream() => Opening::WatchOurOffer,
        Role::Viewer => Opening::Watch(sdp(site, head, body).await?),
    };
    let opened = site.signalling.open(admission, Rules::of(&app.settings), opening).await?;
    Ok(created(site, role, stream, opened))
}

/// Asks for the right to it, by the head alone: nobody is kept for a body that may not be served.
async fn admit(
    site: &Site,
    app: &App,
    role: Role,
    stream: &StreamPath,
    head: &Parts,
) -> Result<Admission, Fault> {
    let (action, transport) = match role {
        Role::Publisher => (Action::Publish, Transport::Whip),
        Role::Viewer => (Action::Play, Transport::Whep),
    };
    let credentials = Credentials::read(&head.headers, head.uri.query());
    let client = &client::of(head, &site.config.http);
    let ask = Ask { stream, action, transport, credentials: &credentials, client, now: SystemTime::now() };
    site.authorizer.admit(app, &ask).await
}

/// A description in a request's body.
pub(super) async fn sdp(site: &Site, head: &Parts, body: Body) -> Result<String, Fault> {
    if body.is_end_stream() {
        return Err(Fault::NoSdp);
    }
    body::check_type(&head.headers, body::SDP)?;
    let text = body::text(body, &site.config.http).await?;
    if text.trim().is_empty() {
        return Err(Fault::NoSdp);
    }
    if !text.starts_with("v=0") {
        return Err(Fault::NotSdp);
    }
    Ok(text)
}

fn created(site: &Site, role: Role, stream: &StreamPath, opened: Opened) -> Response {
    let location = location(role, stream, &opened);
    let link = events::link(role, &location);
    let mut response = (StatusCode::CREATED, opened.description).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(body::SDP));
    headers.insert("accept-patch", HeaderValue::from_static(resource::accept_patch(role)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // An ice-ufrag is of ice-char (RFC 8839 §5.4), and the location is percent-encoded: both are header text.
    for (name, value) in [(header::ETAG, entity_tag(&opened.ice_tag)), (header::LOCATION, location)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    add_ice_links(site, headers);
    if let Ok(link) = HeaderValue::from_str(&link) {
        headers.append(header::LINK, link);
    }
    response
}

/// A path without host: it survives proxies and TLS offload. The session is in the path, because clients keep the query of
/// the endpoint and drop that of the Location.
fn location(role: Role, stream: &StreamPath, opened: &Opened) -> String {
    let (app, name) = (name::encode(&stream.app), name::encode(&stream.name));
    format!("/{app}/{}/resource/{name}/{}", route::protocol(role), opened.session)
}

/// Names an ICE session (RFC 9725 §4.3.1).
pub(super) fn entity_tag(ice_tag: &str) -> String {
    format!("\"{ice_tag}\"")
}

pub(super) fn add_ice_links(site: &Site, headers: &mut HeaderMap) {
    for link in &site.ice_links {
        headers.append(header::LINK, link.clone());
    }
}

/// The `Link` headers of the configured servers, RFC 9725 §4.6.
pub(super) fn ice_links(ice: &Ice) -> Vec<HeaderValue> {
    let links = ice.servers.iter().flat_map(|server| server.urls.iter().map(|url| ice_link(url, server)));
    // The configuration was checked to be header text.
    links.filter_map(|link| HeaderValue::from_str(&link).ok()).collect()
}

fn ice_link(url: &str, server: &IceServer) -> String {
    let mut link = format!("<{url}>; rel=\"ice-server\"");
    if !server.username.is_empty() {
        let IceServer { username, credential, .. } = server;
        link +=
            &format!("; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\"");
    }
    link
}
