//! What the description says of all operations alike: who may, and how each says no.

use utoipa::OpenApi as _;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
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
const OF_ALL: [(&str, &str); 5] = [
    ("400", "The path, the query or the body is not what is asked for; `detail` says why."),
    ("401", "The access token is missing or is none (`token_not_allowed`)."),
    (
        "403",
        "The address may not use the API (`address_not_allowed`), or the token lacks the scope (`scope_missing`).",
    ),
    ("405", "The path does not take this method; `Allow` lists those that it takes."),
    ("429", "Too many refusals came from this address lately; `Retry-After` says when to come again."),
];

/// Those of paths with variables, and of lists in pages.
const OF_NAMED: (&str, &str) =
    ("404", "There is nothing of that name now (`not_there`), or no such page (`no_such_page`).");

/// Those of bodies.
const OF_BODIES: [(&str, &str); 3] = [
    ("408", "The body did not arrive in time."),
    ("413", "The body is too large."),
    ("415", "The body is not `application/json`, or is encoded."),
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
    for (path, item) in &mut document.paths.paths {
        for (misses, operation) in operations(item) {
            let pages = operation.parameters.iter().flatten().any(is_cursor);
            let named = (path.contains('{') && misses) || pages;
            let bodies = OF_BODIES.into_iter().filter(|_| operation.request_body.is_some());
            let problems = OF_ALL.into_iter().chain(bodies).chain(named.then_some(OF_NAMED));
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
            for (status, text) in problems {
                known.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(text)));
            }
        }
    }
}

/// With whether it says so when what it names is not there: what is to be gone is gone then.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [(true, get), (true, patch), (false, put), (false, post), (false, delete)];
    all.into_iter().filter_map(|(misses, operation)| Some((misses, operation.as_mut()?)))
}

/// The schema of a filter by address: every value of it is one.
pub(super) fn address_range() -> Schema {
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    let group = "[0-9a-f]{1,4}";
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let format = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
    let ranges = [
        format!("^({byte}\\.){{3}}{byte}/(3[0-2]|[12]?[0-9])$"),
        format!("^({group}:){{7}}{group}/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$"),
    ];
    let one_of = OneOfBuilder::new()
        .description(Some("Of this address or range: `192.0.2.1`, `2001:db8::/32`."))
        .item(format(KnownFormat::Ipv4))
        .item(format(KnownFormat::Ipv6));
    ranges.into_iter().fold(one_of, |one_of, range| one_of.item(text().pattern(Some(range)))).build().into()
}

fn is_cursor(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == "cursor")
}

fn problem(text: &str) -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content).build()
}
