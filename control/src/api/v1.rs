//! `/api/v1`: the paths, parameters, envelope and field names of Red5 Pro's server API, so that scripts made for it find here what they
//! look for. docs/red5.md says what is different on purpose.
//!
//! | path | is |
//! |---|---|
//! | `/server`, `/server/ping`, `/server/statistics` | the server |
//! | `/applications`, `/applications/statistics`, `/applications/{app}` | apps and their rooms |
//! | `/applications/{app}/invoke` | methods of an app |
//! | `/applications/{app}/streams/…` | streams; actions are GET, as they are there, or POST |
//! | `/applications/{app}/clients/…` | sessions: publishers and viewers |
//! | `/applications/{app}/sharedobjects`, `…/media` | what this version has none of |
//! | `/log`, `/log/{file}` | control's log, where the operator lets it be read |
//!
//! What is a parameter unknown here is ignored, as it is there. Nothing may be cached: a GET may be an action.

mod applications;
mod asked;
mod clients;
mod contents;
mod description;
mod envelope;
mod log;
mod scope;
mod server;
mod streams;
mod unit;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::door::{Manners, by_scope, by_token, nothing_here};
use super::v2::Described;
use crate::config::Scope;
use crate::fault::Fault;

pub(super) use log::{Copies, copy};

const MANNERS: Manners = Manners { class: "api_v1", parameter: "accessToken", refuse: envelope::refuse };

pub(super) fn router(api: &Arc<Api>) -> Described {
    let routes = OpenApiRouter::with_openapi(description::of_all())
        .merge(scoped(Scope::Read, "red5.Error", reads()))
        .merge(scoped(Scope::Control, "red5.Error", controls()));
    let (router, mut description) = routes.split_for_parts();
    description::double_actions(&mut description);
    let (logs, of_logs) = scoped(Scope::Admin, "red5.LogError", logs()).split_for_parts();
    description.merge(of_logs);
    let logs = guarded(api, log::MANNERS, logs);
    let router = guarded(api, MANNERS, router.fallback(nothing_here)).merge(logs).with_state(Arc::clone(api));
    Described { router, description }
}

/// For callers with a token.
fn guarded(api: &Arc<Api>, manners: Manners, router: Router<Arc<Api>>) -> Router<Arc<Api>> {
    let api = Arc::clone(api);
    router.layer(from_fn(move |request, next| by_token(Arc::clone(&api), manners, request, next)))
}

/// What is there to see.
fn reads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(server::server))
        .routes(routes!(server::ping))
        .routes(routes!(server::statistics))
        .routes(routes!(applications::list))
        .routes(routes!(applications::statistics))
        .routes(routes!(applications::show))
        .routes(routes!(streams::list))
        .routes(routes!(streams::show))
        .routes(routes!(clients::list))
        .routes(routes!(clients::show))
        .routes(routes!(contents::shared_objects))
        .routes(routes!(contents::shared_object))
        .routes(routes!(contents::media))
}

/// What ends or changes something.
fn controls() -> OpenApiRouter<Arc<Api>> {
    let path = |action: &str| format!("/applications/{{app}}/streams/{{stream}}/action/{action}");
    OpenApiRouter::default()
        .routes(routes!(applications::invoke))
        .routes(routes!(streams::unpublish))
        .routes(routes!(streams::start_record))
        .routes(routes!(streams::stop_record))
        .routes(routes!(clients::end_all))
        .routes(routes!(clients::end))
        .routes(routes!(contents::delete_media))
        // The same by the method that says that something is done.
        .route(&path("unpublish"), routing::post(streams::unpublish))
        .route(&path("startrecord"), routing::post(streams::start_record))
        .route(&path("stoprecord"), routing::post(streams::stop_record))
        .route_layer(from_fn(not_by_head))
}

/// What shows more than numbers.
fn logs() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(log::list)).routes(routes!(log::show))
}

/// Whoever looks at an action's head does not want it done.
async fn not_by_head(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        Fault::WrongMethod.into_response()
    } else {
        next.run(request).await
    }
}

/// Each route asks for `scope`, and says so, and what shape its faults have.
fn scoped(scope: Scope, fault: &str, router: OpenApiRouter<Arc<Api>>) -> OpenApiRouter<Arc<Api>> {
    let mut router =
        router.route_layer(from_fn(move |request: Request, next: Next| by_scope(scope, request, next)));
    description::complete(router.get_openapi_mut(), scope, fault);
    router
}
