//! What a request asks: its path, its query and its body, read strictly. What is not known is refused with the nearest that is, since
//! a misspelt filter would otherwise show, or end, everything.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::MANNERS;
use crate::api::Api;
use crate::fault::Fault;
use crate::http::body;

/// Bytes of what a caller wrote that are repeated to it.
const ECHO_MAX: usize = 40;

/// A query that takes no parameters.
#[derive(serde::Deserialize, IntoParams)]
pub(super) struct Nothing {}

/// The query, whose parameters are those that `T` describes.
pub(super) struct Query<T> {
    pub(super) asked: T,
    /// As it came, but for the token.
    pairs: Vec<(String, String)>,
}

impl<T> Query<T> {
    /// The same query at `cursor`, as a reference relative to this one (RFC 3986 §5.2).
    pub(super) fn at(&self, cursor: &str) -> String {
        let others = self.pairs.iter().filter(|(name, _)| name != "cursor");
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(others).append_pair("cursor", cursor);
        format!("?{}", text.finish())
    }
}

impl<S: Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Fault> {
        read_query(&head.uri)
    }
}

fn read_query<T: DeserializeOwned + IntoParams>(uri: &Uri) -> Result<Query<T>, Fault> {
    let text = uri.query().unwrap_or_default();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes())
        .filter(|(name, _)| name != MANNERS.parameter)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let known: Vec<String> = T::into_params(|| None).into_iter().map(|parameter| parameter.name).collect();
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(name) {
            let name = cut(name);
            return Err(Fault::UnknownParameter { nearest: nearest(&name, &known), name });
        }
        if pairs.iter().take(at).any(|(earlier, _)| earlier == name) {
            return Err(Fault::BadParameter(format!("{name} is there twice")));
        }
    }
    let read = axum::extract::Query::<T>::try_from_uri(uri);
    let asked = read.map_err(|error| Fault::BadParameter(root_cause(&error)))?.0;
    Ok(Query { asked, pairs })
}

/// The variables of the path, percent-decoded.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Fault> {
        let read = Path::<T>::from_request_parts(head, state).await;
        read.map(|path| Self(path.0)).map_err(|error| Fault::BadParameter(error.body_text()))
    }
}

/// A body in JSON. `T` must deny unknown fields.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Fault> {
        body::check_type(request.headers(), body::JSON)?;
        let text = body::text(request.into_body(), &api.site.config.http).await?;
        // A struct of fields that may all be missing would be read from a list as well.
        if !text.trim_start().starts_with('{') {
            return Err(Fault::BadBody("it is not a JSON object".to_owned()));
        }
        serde_json::from_str(&text).map(Self).map_err(|error| Fault::BadBody(told(&error.to_string())))
    }
}

/// serde lists the fields that there are; the nearest is said as well.
fn told(fault: &str) -> String {
    let ticked: Vec<String> = fault.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let (text, _) = fault.split_at(fault.floor_char_boundary(400));
    match ticked.split_first() {
        Some((field, known)) if fault.starts_with("unknown field") && !known.is_empty() => {
            format!("{text}{}", nearest(&cut(field), known))
        }
        _ => text.to_owned(),
    }
}

/// Where there is one that is likely meant: how to say so.
fn nearest(name: &str, known: &[String]) -> String {
    let likeness = |candidate: &&String| strsim::jaro_winkler(name, candidate);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.map_or_else(|| "; it takes none".to_owned(), |best| format!("; the nearest is {best}"))
}

fn cut(text: &str) -> String {
    text.split_at(text.floor_char_boundary(ECHO_MAX)).0.to_owned()
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, IntoParams)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Filter {
        app: Option<String>,
        limit: Option<u32>,
    }

    fn read(query: &str) -> Result<String, Fault> {
        read_query::<Filter>(&format!("/x?{query}").parse().unwrap())
            .map(|query| format!("{:?}", query.asked))
    }

    /// A filter that is not understood must not be taken for none.
    #[test]
    fn what_a_query_takes_is_told_and_nothing_else_is_taken() {
        assert_eq!(
            read("app=live%2Froom&limit=5").unwrap(),
            "Filter { app: Some(\"live/room\"), limit: Some(5) }"
        );
        assert_eq!(read("access_token=x").unwrap(), "Filter { app: None, limit: None }");
        for (query, said) in [
            ("ap=live", "no parameter \"ap\" here; the nearest is app"),
            ("App=live", "the nearest is app"),
            ("limits=5", "the nearest is limit"),
            ("app=a&app=b", "app is there twice"),
            ("limit=many", "invalid digit"),
            ("limit=-1", "invalid digit"),
            ("=", "no parameter \"\""),
        ] {
            let fault = read(query).unwrap_err().to_string();
            assert!(fault.contains(said), "{query}: {fault}");
        }
        let long = read(&"x".repeat(9_000)).unwrap_err().to_string();
        assert!(long.len() < 200, "{long}");
    }

    /// A page's follower keeps the filters, and no secret stands in a header that proxies log.
    #[test]
    fn the_next_page_is_the_same_question_further_on() {
        let uri = "/x?access_token=s3cret&limit=2&cursor=old&app=a%26b".parse().unwrap();
        assert_eq!(read_query::<Cursored>(&uri).unwrap().at("new"), "?limit=2&app=a%26b&cursor=new");
    }

    #[derive(serde::Deserialize, IntoParams)]
    #[allow(dead_code, reason = "only the names count")]
    struct Cursored {
        app: Option<String>,
        limit: Option<u32>,
        cursor: Option<String>,
    }

    #[test]
    fn an_unknown_field_is_told_with_the_nearest() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "read by Debug")]
        struct Change {
            muted: Option<bool>,
            expires: Option<u32>,
        }
        let fault = |text: &str| told(&serde_json::from_str::<Change>(text).unwrap_err().to_string());
        assert!(
            fault("{\"mutd\": true}").ends_with("; the nearest is muted"),
            "{}",
            fault("{\"mutd\": true}")
        );
        assert!(fault("{\"muted\": 1}").starts_with("invalid type: integer `1`, expected a boolean"));
        let long = format!("{{\"{}\": 1}}", "x".repeat(9_000));
        assert!(fault(&long).len() < 600);
    }
}
