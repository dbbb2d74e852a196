//! `/api/v2`: the server as resources, in JSON; faults as problem details (RFC 9457).

mod apps;
mod asked;
mod clients;
mod description;
mod maintenance;
mod moment;
mod number;
mod page;
mod revocations;
mod server;
mod session;
mod session_statistics;
mod sessions;
mod shown;
mod streams;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::door::{Manners, by_scope, by_token, nothing_here};
use crate::config::Scope;
use crate::http::problem;

const MANNERS: Manners = Manners { class: "api_v2", parameter: "access_token", refuse: problem::response };

/// What answers, and how it is described.
pub(super) struct Described {
    pub(super) router: Router,
    pub(super) description: OpenApi,
}

pub(super) fn router(api: &Arc<Api>) -> Described {
    let routes = OpenApiRouter::with_openapi(description::of_all())
        .merge(scoped(Scope::Read, reads()))
        .merge(scoped(Scope::Control, controls()))
        .merge(scoped(Scope::Admin, administration()));
    let (router, description) = routes.split_for_parts();
    let at_door = Arc::clone(api);
    let router = router
        .fallback(nothing_here)
        .layer(from_fn(shown::if_changed))
        .layer(from_fn(move |request, next| by_token(Arc::clone(&at_door), MANNERS, request, next)))
        .with_state(Arc::clone(api));
    Described { router, description }
}

/// What is there to see.
fn reads() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(server::server))
        .routes(routes!(server::statistics))
        .routes(routes!(maintenance::log_level))
        .routes(routes!(maintenance::drain))
        .routes(routes!(apps::list))
        .routes(routes!(apps::show))
        .routes(routes!(streams::list))
        .routes(routes!(streams::list_in_app))
        .routes(routes!(streams::show))
        .routes(routes!(streams::viewers))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::show))
        .routes(routes!(session_statistics::show))
        .routes(routes!(clients::list))
        .routes(routes!(revocations::list))
}

/// What ends or changes sessions.
fn controls() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(streams::unpublish))
        .routes(routes!(streams::end_viewers))
        .routes(routes!(sessions::change, sessions::end))
        .routes(routes!(clients::end))
        .routes(routes!(maintenance::begin_drain, maintenance::end_drain))
}

/// What changes the server itself, or whom it lets in.
fn administration() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(maintenance::set_log_level))
        .routes(routes!(apps::reload))
        .routes(routes!(revocations::revoke))
        .routes(routes!(revocations::unrevoke))
}

/// Each route asks for `scope`, and says so.
fn scoped(scope: Scope, router: OpenApiRouter<Arc<Api>>) -> OpenApiRouter<Arc<Api>> {
    let mut router =
        router.route_layer(from_fn(move |request: Request, next: Next| by_scope(scope, request, next)));
    description::complete(router.get_openapi_mut(), scope);
    router
}
