//! The public face over HTTP/1.1 and HTTP/2: WHIP and WHEP, pages, listings, metrics. One door for every request.
//!
//! ```text
//!   accept ┬──────────────────► connection (HTTP/1.1) ┬► door ─► route ─► endpoint │ resource │ events │ session │ listing │ pages
//!          └► secure (TLS) ┬► │                      │   │
//!                          └► http2 ─────────────────┘   └──────── faults ─► problem ─► CORS ─► counted
//! ```

mod activity;
pub(crate) mod app_pages;
pub(crate) mod body;
pub(crate) mod client;
mod connection;
mod controls;
pub(crate) mod cors;
mod endpoint;
mod events;
mod forwarded;
mod head_clock;
mod http2;
pub(crate) mod listen;
mod listing;
mod pages;
pub(crate) mod problem;
pub(crate) mod redirect;
mod resource;
mod route;
mod secure;
mod session;
mod socket;
mod write_clock;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};

use crate::app::{App, Apps};
use crate::auth::Authorizer;
use crate::config::Config;
use crate::fault::Fault;
use crate::name;
use crate::signalling::Signalling;
use route::{Listing, Route};

pub(crate) use secure::Entrance;

/// What all requests share.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) signalling: Arc<Signalling>,
    pub(crate) apps: Arc<Apps>,
    pub(crate) authorizer: Authorizer,
    /// One `Link` header for each ICE server.
    ice_links: Vec<HeaderValue>,
    /// The port of the HTTPS listener, if there is one.
    https_port: Option<u16>,
}

impl Site {
    pub(crate) fn new(
        config: Config,
        signalling: Arc<Signalling>,
        apps: Arc<Apps>,
        authorizer: Authorizer,
        https_port: Option<u16>,
    ) -> Self {
        let ice_links = endpoint::ice_links(&config.ice);
        Self { config, signalling, apps, authorizer, ice_links, https_port }
    }

    /// What a request's path means, and the app that it is in: one from here to the end of the answer, should its file change
    /// meanwhile.
    fn resolve(&self, path: &str) -> Result<(Route, Option<Arc<App>>), Fault> {
        let route = Route::parse(path, &self.config.limits)?;
        let app = route.app().map(|path| self.app(path)).transpose();
        // What is nothing of ours is an app's own only if it has such.
        if matches!(route, Route::AppPage { .. }) {
            let app = app.ok().flatten().filter(|app| app.pages().is_some()).ok_or(Fault::UnknownPath)?;
            return Ok((route, Some(app)));
        }
        Ok((route, app?))
    }

    /// The app of that path.
    fn app(&self, path: &str) -> Result<Arc<App>, Fault> {
        let name = name::first_segment(path);
        self.apps.find(name).ok_or_else(|| Fault::UnknownApp(name.to_owned()))
    }
}

/// Everything the server answers.
pub(crate) fn router(site: Arc<Site>) -> axum::Router {
    // Apps are paths of any depth, so axum's fixed routes cannot tell them: `route` reads the whole path.
    axum::Router::new().fallback(door).with_state(site)
}

async fn door(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let resolved = site.resolve(head.uri.path());
    let class = resolved.as_ref().map_or("unknown", |(route, _)| route.class());
    let own = resolved.as_ref().ok().and_then(|(_, app)| app.clone());
    let origins = own.as_ref().map_or(&site.config.http.cors_origins, |app| &app.settings.http.cors_origins);
    let outcome = if cors::is_preflight(&head) {
        Ok(cors::preflight(&head))
    } else {
        match resolved {
            Ok((route, app)) => answer(&site, &route, app.as_deref(), &head, body).await,
            Err(fault) => Err(fault),
        }
    };
    let mut response = outcome.unwrap_or_else(|fault| {
        let reason = problem::reason(&fault);
        site.signalling.metrics.fault(reason);
        tracing::debug!(method = %head.method, route = class, reason, %fault, "request refused");
        problem::response(&fault, &head.headers)
    });
    cors::apply(origins, &head.headers, response.headers_mut());
    site.signalling.metrics.request(class, response.status().as_u16());
    response
}

/// Whether the request says of whom it asks, once (RFC 9112 §3.2, RFC 9113 §8.3.1): hyper leaves this to its user.
fn names_one_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (head.version, hosts.next(), hosts.next()) {
        (_, _, Some(_)) => false,
        (Version::HTTP_11, host, None) => host.is_some(),
        (Version::HTTP_2, host, None) => match (head.uri.authority(), host) {
            (Some(authority), Some(host)) => {
                host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
            }
            (authority, host) => authority.is_some() || host.is_some(),
        },
        _ => true,
    }
}

/// `app` is there where the route is in one.
async fn answer(
    site: &Site,
    route: &Route,
    app: Option<&App>,
    head: &Parts,
    body: Body,
) -> Result<Response, Fault> {
    if !names_one_host(head) {
        return Err(Fault::BadHost);
    }
    if head.method == Method::OPTIONS {
        return Ok(options(site, route));
    }
    match route {
        Route::Endpoint { role, stream } => match (&head.method, app) {
            (&Method::POST, Some(app)) => endpoint::open(site, app, *role, stream, head, body).await,
            _ => Err(Fault::MethodNotAllowed { allow: route.allow() }),
        },
        Route::Resource { role, stream, session } => {
            let resource = resource::Resource { role: *role, stream, session: *session };
            match head.method {
                Method::PATCH => resource.patch(site, head, body).await,
                Method::DELETE => resource.end(site).await,
                Method::GET if events::are_accepted(&head.headers) => resource.events(site, None),
                Method::GET if problem::accepts_json(&head.headers) => {
                    session::report(site, *session, Some((*role, stream))).await
                }
                _ => Err(Fault::MethodNotAllowed { allow: route.allow() }),
            }
        }
        Route::Events { role, stream, session } => {
            let resource = resource::Resource { role: *role, stream, session: *session };
            match head.method {
                Method::GET => resource.events(site, head.uri.query()),
                Method::POST => resource.select_events(site, head, body).await,
                Method::DELETE => resource.end_events(site),
                _ => Err(Fault::MethodNotAllowed { allow: route.allow() }),
            }
        }
        _ if head.method != Method::GET && head.method != Method::HEAD => {
            Err(Fault::MethodNotAllowed { allow: route.allow() })
        }
        Route::Session(session) => session::report(site, *session, None).await,
        Route::Page(file) => pages::file(file, &head.headers),
        Route::AppPage { app: name, file } => match app.and_then(App::pages) {
            Some(_) if file.is_empty() => Ok(app_pages::into_folder(name)),
            Some(root) => app_pages::file(&root, file, &head.headers).await,
            None => Err(Fault::UnknownPath),
        },
        Route::Listing(Listing::Streams(path)) => listing::streams(site, app, path.as_deref()),
        Route::Listing(Listing::Names(path)) => listing::names(site, app, path),
        Route::Listing(Listing::Metrics) => Ok(listing::metrics(site)),
        Route::Listing(Listing::Health) => listing::health(site),
    }
}

/// A real OPTIONS request: what the address takes, and the ICE servers (RFC 9725 §4.6).
fn options(site: &Site, route: &Route) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(route.allow()));
    match route {
        Route::Endpoint { .. } => {
            headers.insert("accept-post", HeaderValue::from_static(body::SDP));
            endpoint::add_ice_links(site, headers);
        }
        Route::Resource { role, .. } => {
            headers.insert("accept-patch", HeaderValue::from_static(resource::accept_patch(*role)));
            endpoint::add_ice_links(site, headers);
        }
        Route::Events { .. } => {
            headers.insert("accept-post", HeaderValue::from_static(body::JSON));
        }
        Route::Session(_) | Route::Page(_) | Route::AppPage { .. } | Route::Listing(_) => {}
    }
    response
}
