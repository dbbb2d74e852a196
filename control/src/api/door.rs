//! The way in, the same for both versions: first the address, then the token, and of what comes back every fault in the version's own
//! words. A handler's fault travels up in its answer's extensions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Api, Caller};
use crate::config::Scope;
use crate::fault::Fault;
use crate::http::{client, cors, problem};

impl IntoResponse for Fault {
    /// The answer's own text is written on the way out, where the request is known.
    fn into_response(self) -> Response {
        let mut response = problem::shape(&self).0.into_response();
        response.extensions_mut().insert(Told(self));
        response
    }
}

/// Why a handler refused.
#[derive(Debug, Clone)]
struct Told(Fault);

/// Turns everybody away who does not come from where the API may be used. Before all else: such a caller learns nothing.
pub(super) async fn by_address(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let headers = head.headers.clone();
    let allowed = address_allowed(&api, &head);
    let mut response = match allowed {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(fault) => refused(&api, "api", &fault, problem::response(&fault, &headers)),
    };
    if let Some(fault) = fault_of(&mut response) {
        response = refused(&api, "api", &fault, problem::response(&fault, &headers));
    }
    cors::mark(response.headers_mut());
    response
}

fn address_allowed(api: &Api, head: &Parts) -> Result<(), Fault> {
    if head.version == Version::HTTP_11 && head.headers.get_all(header::HOST).iter().count() != 1 {
        return Err(Fault::BadHost);
    }
    let address = client::of(head, &api.site.config.http).address;
    let allowed = api.site.config.api.allow.iter().any(|range| range.contains(address));
    if allowed { Ok(()) } else { Err(Fault::AddressNotAllowed) }
}

/// What one version does in its own way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// Class of its requests in the metrics.
    pub(super) class: &'static str,
    /// Which parameter of the query may carry the token.
    pub(super) parameter: &'static str,
    /// How it says no; with the headers of the request.
    pub(super) refuse: fn(&Fault, &HeaderMap) -> Response,
}

/// Runs `next` for who brings a token, as an extension [`Caller`] of the request, and gives each fault its words.
pub(super) async fn by_token(api: Arc<Api>, manners: Manners, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let (method, path, headers) = (head.method.clone(), head.uri.path().to_owned(), head.headers.clone());
    let caller = caller(&api, &head, manners.parameter);
    let name = caller.as_ref().ok().map(|caller| Arc::clone(&caller.name));
    let mut response = match caller {
        Ok(caller) => {
            head.extensions.insert(caller);
            next.run(Request::from_parts(head, body)).await
        }
        Err(fault) => fault.into_response(),
    };
    if let Some(fault) = fault_of(&mut response) {
        response = refused(&api, manners.class, &fault, (manners.refuse)(&fault, &headers));
    } else {
        api.site.signalling.metrics.request(manners.class, response.status().as_u16());
    }
    // Whoever is not known must not write to the log.
    if let Some(caller) = name.as_deref().filter(|_| !method.is_safe()) {
        let status = response.status().as_u16();
        tracing::info!(caller, %method, path, status, "API");
    }
    response
}

fn caller(api: &Api, head: &Parts, parameter: &'static str) -> Result<Caller, Fault> {
    let client = client::of(head, &api.site.config.http);
    let refusals = &api.site.authorizer.refusals;
    refusals.check(&client)?;
    let token = bearer(&head.headers).or_else(|| in_query(head.uri.query().unwrap_or_default(), parameter));
    let caller = token.and_then(|token| api.tokens.find(&token));
    if caller.is_none() {
        refusals.note(&client);
    }
    caller.ok_or(Fault::TokenNotAllowed { parameter })
}

/// Of two tokens it is not known which is meant.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn in_query(query: &str, parameter: &str) -> Option<String> {
    let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == parameter);
    match (values.next(), values.next()) {
        (Some((_, token)), None) => Some(token.into_owned()),
        _ => None,
    }
}

/// A layer that lets through who has `scope`.
pub(super) async fn by_scope(scope: Scope, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>();
    match caller.ok_or(Fault::ScopeMissing { needs: scope.name() }).and_then(|caller| caller.needs(scope)) {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

pub(super) async fn nothing_here() -> Response {
    Fault::UnknownApiPath.into_response()
}

/// What there is to say of an answer that no words were found for yet: the handler's fault, or one of the router's own.
fn fault_of(response: &mut Response) -> Option<Fault> {
    if let Some(Told(fault)) = response.extensions_mut().remove() {
        return Some(fault);
    }
    let is_routers = response.status() == StatusCode::METHOD_NOT_ALLOWED
        && !response.headers().contains_key(header::CONTENT_TYPE);
    // The router adds Allow on the way out.
    is_routers.then_some(Fault::WrongMethod)
}

fn refused(api: &Api, class: &'static str, fault: &Fault, response: Response) -> Response {
    let reason = problem::reason(fault);
    let metrics = &api.site.signalling.metrics;
    metrics.fault(reason);
    metrics.request(class, response.status().as_u16());
    tracing::debug!(class, reason, %fault, "request refused");
    response
}
