//! Revocations: users and credentials that are shut out, now and at the door.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Nothing, Query, Sent};
use super::moment::Moment;
use super::page::{Order, Page, Paged, page};
use super::sessions::find;
use super::shown::Shown;
use crate::api::{Api, Caller};
use crate::auth::revocations::{self, Subject, Target, Term};
use crate::explain::notes::date;
use crate::fault::Fault;

/// Bytes of a name that is revoked: no validator takes longer ones.
const NAME_BYTES_MAX: usize = 1_024;

/// One user or credential that is shut out.
#[derive(Serialize, ToSchema)]
pub(super) struct Revocation {
    /// The user; null: a credential is shut out.
    #[schema(example = "ann")]
    user: Option<String>,
    /// A token's `jti`, or a key's name; null: a user is shut out.
    credential: Option<String>,
    /// Only in this app; null: in all.
    #[schema(example = "live")]
    app: Option<String>,
    #[schema(format = DateTime)]
    since: String,
    /// Null: for good.
    #[schema(format = DateTime)]
    until: Option<String>,
}

impl From<revocations::Revocation> for Revocation {
    fn from(revocation: revocations::Revocation) -> Self {
        let revocations::Revocation { target: Target { subject, app }, term: Term { since, until } } =
            revocation;
        let (user, credential) = match subject {
            Subject::User(user) => (Some(user), None),
            Subject::Credential(credential) => (None, Some(credential)),
        };
        Self {
            user,
            credential,
            app,
            since: date(since),
            until: until.map(date).filter(|date| !date.is_empty()),
        }
    }
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// Who is shut out.
#[utoipa::path(get, path = "/revocations", operation_id = "list_revocations", tag = "revocations", params(Paging), responses(
    (status = 200, body = Page<Revocation>, headers(("Link" = String, description = "The next page, `rel=next`."))),
))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    query: Query<Paging>,
) -> Result<Paged<Revocation>, Fault> {
    let listed = api.site.authorizer.revocations().list(SystemTime::now());
    let items = listed.into_iter().map(|revocation| {
        let app = revocation.target.app.clone().unwrap_or_default();
        let (kind, name) = match &revocation.target.subject {
            Subject::User(user) => (0, user.clone()),
            Subject::Credential(credential) => (1, credential.clone()),
        };
        ((kind, name, app), Revocation::from(revocation))
    });
    let order = Order { name: "name", descending: false };
    let Paging { limit, cursor } = &query.asked;
    Ok(Paged::new(page(items.collect(), order, *limit, cursor.as_deref())?, &query))
}

/// Whom to shut out: exactly one of `user`, `credential` and `session`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRevocation {
    #[schema(example = "ann", max_length = 1024)]
    user: Option<String>,
    /// A token's `jti`, or a key's name.
    #[schema(max_length = 1024)]
    credential: Option<String>,
    /// Handle of a session: what it was opened with, or else whom that names.
    session: Option<String>,
    /// Only in this app; absent or null: in all.
    #[schema(max_length = 1024)]
    app: Option<String>,
    /// RFC 3339; absent or null: for good.
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    until: Option<Moment>,
}

impl NewRevocation {
    fn target(&self, api: &Api) -> Result<Target, Fault> {
        let app = self.app.clone();
        let subject = match (&self.user, &self.credential, &self.session) {
            (Some(user), None, None) => Subject::User(user.clone()),
            (None, Some(credential), None) => Subject::Credential(credential.clone()),
            (None, None, Some(handle)) => {
                let (_, session) = find(api, handle)?;
                let claim = session.admission.grant.claim();
                let credential = claim.credential.clone().map(Subject::Credential);
                credential.or_else(|| claim.subject.clone().map(Subject::User)).ok_or(Fault::NamesNobody)?
            }
            _ => return Err(Fault::BadBody("name exactly one of user, credential and session".to_owned())),
        };
        let (Subject::User(name) | Subject::Credential(name)) = &subject;
        let fits = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX;
        if !fits(name) || app.as_deref().is_some_and(|app| !fits(app)) {
            return Err(Fault::BadBody(format!("a name has 1 to {NAME_BYTES_MAX} bytes")));
        }
        Ok(Target { subject, app })
    }
}

/// What a revocation came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Revoked {
    revocation: Revocation,
    /// Sessions that it ended at once.
    ended: usize,
}

/// Shut a user or a credential out.
///
/// Sessions in that name end at once, and no new ones begin.
#[utoipa::path(post, path = "/revocations", operation_id = "revoke", tag = "revocations", request_body = NewRevocation,
    responses(
        (status = 201, body = Revoked),
        (status = 404, description = "There is no such session (`not_there`).",
            body = super::description::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The session's credentials name nobody, so nothing can be shut out (`names_nobody`).",
            body = super::description::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    _: Query<Nothing>,
    Extension(caller): Extension<Caller>,
    Sent(wanted): Sent<NewRevocation>,
) -> Result<(StatusCode, Shown<Revoked>), Fault> {
    let target = wanted.target(&api)?;
    let now = SystemTime::now();
    let until = wanted.until.map(SystemTime::from);
    let written = api.site.authorizer.revocations().add(target.clone(), until, now);
    let ended = api.site.signalling.end_revoked(&target);
    tracing::info!(caller = &*caller.name, ?target, ended, "revoked");
    written.map_err(not_written)?;
    let revocation = revocations::Revocation { target, term: Term { since: now, until } };
    Ok((StatusCode::CREATED, Shown(Revoked { revocation: revocation.into(), ended })))
}

/// Whom to let in again: as it stands in the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The user that was shut out; or `credential`.
    user: Option<String>,
    /// The credential that was shut out; or `user`.
    credential: Option<String>,
    /// The app of the entry, if it has one.
    app: Option<String>,
}

/// Let a user or a credential in again.
///
/// One that is not shut out, or not any more, is as good as let in: the answer is the same.
#[utoipa::path(delete, path = "/revocations", operation_id = "unrevoke", tag = "revocations", params(Which),
    responses((status = 204, description = "It is not shut out now.")),
)]
pub(super) async fn unrevoke(
    State(api): State<Arc<Api>>,
    query: Query<Which>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Fault> {
    let Which { user, credential, app } = query.asked;
    let subject = match (user, credential) {
        (Some(user), None) => Subject::User(user),
        (None, Some(credential)) => Subject::Credential(credential),
        _ => return Err(Fault::BadParameter("name exactly one of user and credential".to_owned())),
    };
    let target = Target { subject, app };
    tracing::info!(caller = &*caller.name, ?target, "let in again");
    api.site.authorizer.revocations().remove(&target).map_err(not_written)?;
    Ok(StatusCode::NO_CONTENT)
}

fn not_written(error: std::io::Error) -> Fault {
    Fault::Internal(format!("it is in force, but could not be written down: {error}"))
}
