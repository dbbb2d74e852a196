//! What a request asks: its query, of which unknown parameters are ignored, and the variables of its path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::unit::Unit;
use crate::fault::Fault;

/// The parameters of a query. A blank one counts as absent, as in a form that was not filled in.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// It is there twice: which one is meant is not known.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Fault::BadParameter(format!("{name} is there twice"))),
        }
    }

    /// Of one that may be repeated.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(found, value)| found == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// # Errors
    /// It is neither `true` nor `false`. Absent: false.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Fault> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Fault::BadParameter(format!("{name} is true or false"))),
        }
    }

    pub(super) fn unit(&self) -> Result<Unit, Fault> {
        Unit::parse(self.one("unit")?)
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Fault;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Fault> {
        let text = head.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()))
    }
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
