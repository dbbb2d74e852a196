//! The description of the API (OpenAPI 3.1), and the page that shows it. Neither needs a token: they tell what may be asked, not what is.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use utoipa::openapi::{OpenApi, Paths, ServerBuilder};
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

/// The page loads nothing from elsewhere, is framed by nobody, and talks to this server alone. Its styles are partly inline.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The description of both versions, the newer one first.
pub(super) fn of(v1: OpenApi, v2: OpenApi) -> OpenApi {
    let mut document = OpenApi::new(v2.info.clone(), Paths::new());
    document.servers = Some(vec![ServerBuilder::new().url("/api").build()]);
    document.nest("/v2", v2).nest("/v1", v1)
}

/// `/api/openapi.json` and `/api/docs`.
pub(super) fn router(description: OpenApi) -> Router {
    let page = SwaggerUi::new("/api/docs")
        .url(Url::with_primary("Fanlight", "/api/openapi.json", true), description)
        .config(Config::default().deep_linking(true).persist_authorization(false).validator_url("none"));
    Router::from(page).layer(from_fn(guarded))
}

async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
