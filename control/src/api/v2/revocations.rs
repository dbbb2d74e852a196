//! Revocations: users and credentials that are shut out, now and at the door.

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Named, Nothing, Query, Sent};
use super::moment::Moment;
use super::page::{Order, Page, Paged, page};
use super::sessions::find;
use super::shown::Shown;
use crate::api::{Api, Caller};
use crate::auth::revocations::{self, Subject, Target, Term};
use crate::explain::notes::date;
use crate::fault::Fault;

/// Of a name that is revoked.
const NAME_CHARACTERS_MAX: usize = 256;

/// One user or credential that is shut out.
#[derive(Serialize, ToSchema)]
pub(super) struct Revocation {
    #[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
    id: String,
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
        let id = id_of(&revocation.target);
        let revocations::Revocation { target: Target { subject, app }, term: Term { since, until } } =
            revocation;
        let (user, credential) = match subject {
            Subject::User(user) => (Some(user), None),
            Subject::Credential(credential) => (None, Some(credential)),
        };
        Self {
            id,
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

/// Whom to shut out: exactly one of `user`, `credential` and `session`. [`NewRevocation`] says so in the description.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    user: Option<String>,
    credential: Option<String>,
    session: Option<String>,
    app: Option<String>,
    until: Option<Moment>,
}

/// Whom to shut out, where, and for how long.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "for the description: read as Wanted, which says better what is wrong")]
pub(super) enum NewRevocation {
    User(NewOfUser),
    Credential(NewOfCredential),
    Session(NewOfSession),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "for the description")]
pub(super) struct NewOfUser {
    #[schema(example = "ann", min_length = 1, max_length = 256)]
    user: String,
    /// Only in this app; absent or null: in all.
    #[schema(example = "live", min_length = 1, max_length = 256)]
    app: Option<String>,
    /// Absent or null: for good.
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    until: Option<Moment>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "for the description")]
pub(super) struct NewOfCredential {
    /// A token's `jti`, or a key's name.
    #[schema(min_length = 1, max_length = 256)]
    credential: String,
    /// Only in this app; absent or null: in all.
    #[schema(example = "live", min_length = 1, max_length = 256)]
    app: Option<String>,
    /// Absent or null: for good.
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    until: Option<Moment>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "for the description")]
pub(super) struct NewOfSession {
    /// A session's handle: shut out is the credential that it was opened with, or else the user that it names.
    #[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
    session: String,
    /// Only in this app; absent or null: in all.
    #[schema(example = "live", min_length = 1, max_length = 256)]
    app: Option<String>,
    /// Absent or null: for good.
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    until: Option<Moment>,
}

impl Wanted {
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
        let fits = |text: &str| !text.is_empty() && text.chars().count() <= NAME_CHARACTERS_MAX;
        if !fits(name) || app.as_deref().is_some_and(|app| !fits(app)) {
            return Err(Fault::BadBody(format!("a name has 1 to {NAME_CHARACTERS_MAX} characters")));
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
    Sent(wanted): Sent<Wanted>,
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

/// Let a user or a credential in again.
///
/// One that is not shut out, or not any more, is as good as let in: the answer is the same.
#[utoipa::path(delete, path = "/revocations/{id}", operation_id = "unrevoke", tag = "revocations",
    params(("id" = inline(Id), Path, description = "As in the list.")),
    responses((status = 204, description = "There is no such revocation now.")),
)]
pub(super) async fn unrevoke(
    State(api): State<Arc<Api>>,
    Named(id): Named<String>,
    _: Query<Nothing>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Fault> {
    if id.len() != 16 || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Fault::BadParameter("a revocation's id is 16 lower-case hexadecimal digits".to_owned()));
    }
    let revocations = api.site.authorizer.revocations();
    let listed = revocations.list(SystemTime::now()).into_iter();
    if let Some(found) = listed.map(|revocation| revocation.target).find(|target| id_of(target) == id) {
        tracing::info!(caller = &*caller.name, target = ?found, "let in again");
        revocations.remove(&found).map_err(not_written)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Sixteen lower-case hexadecimal digits.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
#[allow(dead_code, reason = "for the description")]
pub(super) struct Id(String);

/// Of who is shut out where: the same for ever.
fn id_of(target: &Target) -> String {
    let Target { subject, app } = target;
    let (kind, name) = match subject {
        Subject::User(name) => ("user", name),
        Subject::Credential(name) => ("credential", name),
    };
    // No name has a line end that could be taken for this one: what stands before it has its length.
    let text = format!("{kind} {} {name}\n{}", name.len(), app.as_deref().unwrap_or_default());
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn not_written(error: std::io::Error) -> Fault {
    Fault::Internal(format!("it is in force, but could not be written down: {error}"))
}
