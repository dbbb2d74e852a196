//! What the description says of all operations of this version alike.

use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
};

use super::{envelope, log};
use crate::config::Scope;

/// Faults that every operation may answer with.
const FAULTS: [(&str, &str); 5] = [
    ("400", "The path or a parameter is not what is asked for."),
    ("401", "The access token is missing or is none."),
    ("403", "The address may not use the API, or the token lacks the scope."),
    ("405", "The path does not take this method."),
    ("429", "Too many refusals came from this address lately."),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    tags((
        name = "Red5",
        description = "The server API of Red5 Pro, for programs that know it: its paths, parameters, envelope and field names. \
                       Actions are GET, as they are there, or POST. A parameter that is unknown here is ignored."
    )),
    components(schemas(envelope::Failure, log::Failure))
)]
struct Frame;

/// The document without paths.
pub(super) fn of_all() -> OpenApi {
    let mut document = Frame::openapi();
    let in_query = SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("accessToken")));
    let components = document.components.take().unwrap_or_default();
    let components = ComponentsBuilder::from(components).security_scheme("red5", in_query).build();
    document.components = Some(components);
    document
}

/// Adds to each operation of `document` what all have: the scope that it takes, and the faults in that shape.
pub(super) fn complete(document: &mut OpenApi, scope: Scope, shape: &str) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let scopes = [scope.name()];
            operation.security =
                Some(["bearer", "red5"].map(|scheme| SecurityRequirement::new(scheme, scopes)).to_vec());
            let known = &mut operation.responses.responses;
            for (status, text) in FAULTS {
                known.entry(status.to_owned()).or_insert_with(|| RefOr::T(described(text)));
            }
            for (status, response) in known {
                if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
                    let schema = RefOr::Ref(Ref::from_schema_name(shape));
                    let content = ContentBuilder::new().schema(Some(schema)).build();
                    response.content.insert("application/json".to_owned(), RefOr::T(content));
                }
            }
        }
    }
}

/// Each action can be asked for by POST too.
pub(super) fn double_actions(document: &mut OpenApi) {
    let actions = document.paths.paths.iter_mut().filter(|(path, _)| path.contains("/action/"));
    for (_, item) in actions {
        item.post = item.get.clone().map(|mut operation| {
            operation.operation_id = operation.operation_id.map(|id| format!("{id}_by_post"));
            operation
        });
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn described(text: &str) -> Response {
    ResponseBuilder::new().description(text).build()
}
