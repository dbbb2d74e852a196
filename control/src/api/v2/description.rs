//! What the description says of all operations alike: who may, and how each says no.

use utoipa::OpenApi as _;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
    ServerBuilder,
};

use crate::config::Scope;

/// Problem details (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "the shape of what crate::http::problem writes")]
pub(super) struct Problem {
    /// The status in words.
    #[schema(example = "Bad Request")]
    title: String,
    #[schema(example = 400)]
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// Stable name of the fault, for programs.
    #[schema(example = "bad_parameter")]
    reason: String,
}

/// Problems that every operation may answer with.
const PROBLEMS: [(&str, &str); 5] = [
    ("400", "The path, the query or the body is not what is asked for; `detail` says why."),
    ("401", "The access token is missing or is none (`token_not_allowed`)."),
    (
        "403",
        "The address may not use the API (`address_not_allowed`), or the token lacks the scope (`scope_missing`).",
    ),
    ("405", "The path does not take this method; `Allow` lists those that it takes."),
    ("429", "Too many refusals came from this address lately; `Retry-After` says when to come again."),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Fanlight",
        description = "Administration of a Fanlight server.\n\nGive an access token as `Authorization: Bearer …`. Tokens and the addresses \
                       that may use the API are in `[api]` of the configuration.",
    ),
    components(schemas(Problem))
)]
struct Frame;

/// The document without paths.
pub(super) fn of_all() -> OpenApi {
    let mut document = Frame::openapi();
    document.servers = Some(vec![ServerBuilder::new().url("/api/v2").build()]);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let in_query = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("access_token")));
    let components = document.components.take().unwrap_or_default();
    let components = ComponentsBuilder::from(components)
        .security_scheme("bearer", bearer)
        .security_scheme("query", in_query)
        .build();
    document.components = Some(components);
    document
}

/// Adds to each operation of `document` what all have: the scope that it takes, and the problems.
pub(super) fn complete(document: &mut OpenApi, scope: Scope) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let scopes = [scope.name()];
            operation.security = Some(vec![
                SecurityRequirement::new("bearer", scopes),
                SecurityRequirement::new("query", scopes),
            ]);
            let known = &mut operation.responses.responses;
            for response in known.values_mut() {
                if let RefOr::T(response) = response
                    && response.description.is_empty()
                {
                    response.description.push_str("As it is now.");
                }
            }
            for (status, text) in PROBLEMS {
                known.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(text)));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn problem(text: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content).build()
}
