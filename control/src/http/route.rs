//! What a path means. Read from the right, because an app may be a path itself: `/live/room1/whip/endpoint/camera`.
//!
//! | path | is |
//! |---|---|
//! | `/{app}/{whip,whep}/endpoint/{stream}` | where offers are posted |
//! | `/{app}/{whip,whep}/resource/{stream}/{session}` | one session |
//! | `/{app}/{whip,whep}/resource/{stream}/{session}/events` | what happens to it |
//! | `/api/sessions/{session}` | all that is known of it |
//! | `/{app}/streams`, `/streams` | what is live |
//! | `/`, `/publish`, `/watch`, `/sdk/…`, `/assets/…` | pages |
//! | `/{app}/streams.jsp` | the names of what is live, as Red5 lists them |
//! | `/metrics`, `/healthz` | for operators |
//! | `/{app}/…` else | the app's own pages, if it has any |

use fanlight_protocol::{SessionId, StreamPath};

use crate::config::Limits;
use crate::fault::Fault;
use crate::name;
use crate::signalling::Role;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Endpoint {
        role: Role,
        stream: StreamPath,
    },
    Resource {
        role: Role,
        stream: StreamPath,
        session: SessionId,
    },
    /// The events of a session.
    Events {
        role: Role,
        stream: StreamPath,
        session: SessionId,
    },
    /// A session by its id alone.
    Session(SessionId),
    /// A file below the pages' folder.
    Page(String),
    /// A file below an app's own; no file: the folder itself, without its slash.
    AppPage {
        app: String,
        file: Vec<String>,
    },
    Listing(Listing),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listing {
    /// Of one app, or of all.
    Streams(Option<String>),
    /// Of one app, names alone.
    Names(String),
    Metrics,
    Health,
}

impl Route {
    /// Reads `path`, still percent-encoded, with its leading slash.
    pub(super) fn parse(path: &str, limits: &Limits) -> Result<Self, Fault> {
        let segments: Vec<&str> = path.strip_prefix('/').ok_or(Fault::UnknownPath)?.split('/').collect();
        match segments.as_slice() {
            [""] => Ok(Self::Page("index.html".to_owned())),
            ["publish"] => Ok(Self::Page("publish.html".to_owned())),
            ["watch"] => Ok(Self::Page("watch.html".to_owned())),
            ["metrics"] => Ok(Self::Listing(Listing::Metrics)),
            ["healthz"] => Ok(Self::Listing(Listing::Health)),
            ["streams"] => Ok(Self::Listing(Listing::Streams(None))),
            ["api", "sessions", session] => {
                session.parse().map(Self::Session).map_err(|_| Fault::BadSessionId)
            }
            ["sdk" | "assets", .., last] if !last.is_empty() => page(&segments, limits),
            [app @ .., protocol, "resource", stream, session] if role(protocol).is_some() => {
                let (role, stream) = stream_path(app, protocol, stream, limits)?;
                let session = session.parse().map_err(|_| Fault::UnknownSession)?;
                Ok(Self::Resource { role, stream, session })
            }
            [app @ .., protocol, "resource", stream, session, "events"] if role(protocol).is_some() => {
                let (role, stream) = stream_path(app, protocol, stream, limits)?;
                let session = session.parse().map_err(|_| Fault::UnknownSession)?;
                Ok(Self::Events { role, stream, session })
            }
            [app @ .., protocol, "endpoint", stream] if role(protocol).is_some() => {
                let (role, stream) = stream_path(app, protocol, stream, limits)?;
                Ok(Self::Endpoint { role, stream })
            }
            [app @ .., "streams"] => Ok(Self::Listing(Listing::Streams(Some(app_path(app, limits)?)))),
            [app @ .., "streams.jsp"] => Ok(Self::Listing(Listing::Names(app_path(app, limits)?))),
            [app, file @ ..] => app_page(app, file, limits),
            [] => Err(Fault::UnknownPath),
        }
    }

    /// The path of the app that it is in.
    pub(super) fn app(&self) -> Option<&str> {
        match self {
            Self::Endpoint { stream, .. } | Self::Resource { stream, .. } | Self::Events { stream, .. } => {
                Some(&stream.app)
            }
            Self::Listing(Listing::Streams(path)) => path.as_deref(),
            Self::Listing(Listing::Names(path)) => Some(path),
            Self::AppPage { app, .. } => Some(app),
            Self::Session(_) | Self::Page(_) | Self::Listing(Listing::Metrics | Listing::Health) => None,
        }
    }

    /// Stable name for metrics.
    pub(super) const fn class(&self) -> &'static str {
        match self {
            Self::Endpoint { role: Role::Publisher, .. } => "whip_endpoint",
            Self::Endpoint { role: Role::Viewer, .. } => "whep_endpoint",
            Self::Resource { role: Role::Publisher, .. } => "whip_resource",
            Self::Resource { role: Role::Viewer, .. } => "whep_resource",
            Self::Events { .. } => "events",
            Self::Session(_) => "session",
            Self::Page(_) | Self::AppPage { .. } => "page",
            Self::Listing(Listing::Streams(_) | Listing::Names(_)) => "streams",
            Self::Listing(Listing::Metrics) => "metrics",
            Self::Listing(Listing::Health) => "health",
        }
    }

    /// The methods that it takes. RFC 9725 §4.2 keeps GET of endpoints and resources for the future, so the state of a
    /// resource, told to those who ask for JSON or for events, is not announced.
    pub(super) const fn allow(&self) -> &'static str {
        match self {
            Self::Endpoint { .. } => "OPTIONS, POST",
            Self::Resource { .. } => "OPTIONS, PATCH, DELETE",
            Self::Events { .. } => "OPTIONS, GET, POST, DELETE",
            Self::Session(_) | Self::Page(_) | Self::AppPage { .. } | Self::Listing(_) => {
                "OPTIONS, HEAD, GET"
            }
        }
    }
}

/// The path segment that says which protocol is spoken.
pub(super) const fn protocol(role: Role) -> &'static str {
    match role {
        Role::Publisher => "whip",
        Role::Viewer => "whep",
    }
}

fn role(protocol: &str) -> Option<Role> {
    match protocol {
        "whip" => Some(Role::Publisher),
        "whep" => Some(Role::Viewer),
        _ => None,
    }
}

fn stream_path(
    app: &[&str],
    protocol: &str,
    name: &str,
    limits: &Limits,
) -> Result<(Role, StreamPath), Fault> {
    let app = app_path(app, limits)?;
    let name = name::decode(name, limits).map_err(Fault::BadStreamName)?;
    Ok((role(protocol).ok_or(Fault::UnknownPath)?, StreamPath { app, name }))
}

fn app_path(segments: &[&str], limits: &Limits) -> Result<String, Fault> {
    let app = name::decode_app(segments, limits).map_err(Fault::BadAppName)?;
    if name::is_reserved(&app) {
        return Err(Fault::ReservedApp(app));
    }
    Ok(app)
}

/// Files have plain names: each segment must be a name, so nothing can climb out of the folder.
fn page(segments: &[&str], limits: &Limits) -> Result<Route, Fault> {
    let names: Result<Vec<String>, _> =
        segments.iter().map(|segment| name::decode(segment, limits)).collect();
    names.map(|names| Route::Page(names.join("/"))).map_err(|_| Fault::UnknownPath)
}

fn app_page(app: &str, file: &[&str], limits: &Limits) -> Result<Route, Fault> {
    let app = name::decode(app, limits).map_err(|_| Fault::UnknownPath)?;
    if name::is_reserved(&app) {
        return Err(Fault::UnknownPath);
    }
    let mut names = Vec::new();
    for (at, segment) in file.iter().enumerate() {
        // A path that ends with a slash is a folder.
        let is_folder = segment.is_empty() && at + 1 == file.len();
        let segment = if is_folder { "index.html" } else { segment };
        names.push(name::decode(segment, limits).map_err(|_| Fault::UnknownPath)?);
    }
    Ok(Route::AppPage { app, file: names })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::NameFault;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn parse(path: &str) -> Result<Route, Fault> {
        Route::parse(path, &Limits::default())
    }

    fn stream(app: &str, name: &str) -> StreamPath {
        StreamPath { app: app.into(), name: name.into() }
    }

    /// Rooms make apps of several segments; the words of the protocol are found from the right.
    #[test]
    fn apps_of_any_depth_are_read_from_the_right() {
        let endpoint = |role, app, name| Ok(Route::Endpoint { role, stream: stream(app, name) });
        assert_eq!(parse("/live/whip/endpoint/cam"), endpoint(Role::Publisher, "live", "cam"));
        assert_eq!(
            parse("/live/r1/sub/whep/endpoint/cam%201"),
            endpoint(Role::Viewer, "live/r1/sub", "cam 1")
        );
        assert_eq!(
            parse("/whip/endpoint/whip/endpoint/cam"),
            endpoint(Role::Publisher, "whip/endpoint", "cam")
        );
        assert_eq!(parse("/live/whip/endpoint/endpoint"), endpoint(Role::Publisher, "live", "endpoint"));
        let resource = parse(&format!("/live/r1/whep/resource/cam/{ID}"));
        let session = ID.parse().unwrap();
        assert_eq!(
            resource,
            Ok(Route::Resource { role: Role::Viewer, stream: stream("live/r1", "cam"), session })
        );
        let listing = |app: &str| Ok(Route::Listing(Listing::Streams(Some(app.to_owned()))));
        assert_eq!(parse("/live/r1/streams"), listing("live/r1"));
        assert_eq!(parse("/streams"), Ok(Route::Listing(Listing::Streams(None))));
    }

    #[test]
    fn pages_are_files_and_nothing_climbs_out_of_their_folder() {
        assert_eq!(parse("/"), Ok(Route::Page("index.html".into())));
        assert_eq!(parse("/sdk/fanlight.js"), Ok(Route::Page("sdk/fanlight.js".into())));
        for path in [
            "/sdk/../index.html",
            "/sdk/%2e%2e/x",
            "/assets/..%2f..%2fetc",
            "/sdk/",
            "/assets//x",
            "/sdk/a%00",
        ] {
            assert_eq!(parse(path), Err(Fault::UnknownPath), "{path}");
        }
    }

    /// An app may have pages of its own; whatever is no file of them is nothing.
    #[test]
    fn what_is_nothing_of_ours_may_be_a_page_of_the_app() {
        let page = |app: &str, file: &[&str]| {
            Ok(Route::AppPage { app: app.into(), file: file.iter().map(|name| (*name).to_owned()).collect() })
        };
        assert_eq!(parse("/live"), page("live", &[]));
        assert_eq!(parse("/live/"), page("live", &["index.html"]));
        assert_eq!(parse("/live/a/b%20c.js"), page("live", &["a", "b c.js"]));
        assert_eq!(parse("/live/a/"), page("live", &["a", "index.html"]));
        assert_eq!(parse("/live/whip/Endpoint/cam"), page("live", &["whip", "Endpoint", "cam"]));
        for path in
            ["/live/../x", "/live/%2e%2e/x", "/live//x", "/live/a%2fb", "/live/a%00", "/admin/x", "/api/x"]
        {
            assert_eq!(parse(path), Err(Fault::UnknownPath), "{path}");
        }
    }

    /// 404 for what is not here, 400 for what cannot be a name: the caller must know which of the two to mend.
    #[test]
    fn each_wrong_path_is_told_apart() {
        let broken = Fault::BadStreamName(NameFault::BrokenEscape);
        for (path, fault) in [
            ("", Fault::UnknownPath),
            ("*", Fault::UnknownPath),
            ("/live/whip/endpoint/", Fault::BadStreamName(NameFault::Empty)),
            ("/live/whip/endpoint/%zz", broken),
            ("/whip/endpoint/cam", Fault::BadAppName(NameFault::Empty)),
            ("//whip/endpoint/cam", Fault::BadAppName(NameFault::Empty)),
            ("/../whip/endpoint/cam", Fault::BadAppName(NameFault::Dots)),
            ("/a/b/c/d/e/whip/endpoint/cam", Fault::BadAppName(NameFault::TooManySegments { max: 4 })),
            ("/api/whip/endpoint/cam", Fault::ReservedApp("api".into())),
            ("/live/whip/resource/cam/1234", Fault::UnknownSession),
        ] {
            assert_eq!(parse(path), Err(fault), "{path}");
        }
    }
}
