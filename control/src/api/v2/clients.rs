//! Clients: whom the sessions' credentials name, and all that each of them has open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Named, Query};
use super::page::{Order, Page, Paged, page};
use super::session::Role;
use super::sessions::{Why, is_in};
use super::streams::Ended;
use crate::api::{Api, Caller};
use crate::explain::notes::date;
use crate::fault::Fault;

/// One user, and how many sessions there are in that name.
#[derive(Serialize, ToSchema)]
pub(super) struct Client {
    /// As credentials name it: a token's subject, a name of the users file.
    #[schema(example = "ann")]
    user: String,
    publishing: usize,
    watching: usize,
    /// Of the oldest session.
    #[schema(format = DateTime)]
    since: String,
}

struct Tally {
    publishing: usize,
    watching: usize,
    since: SystemTime,
}

/// Which clients, and how many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// With a session in this app or its rooms, and only those count.
    #[param(example = "live")]
    app: Option<String>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// Who is here, by name.
///
/// Sessions whose credentials name nobody are not in it; they are in `/sessions`.
#[utoipa::path(get, path = "/clients", operation_id = "list_clients", tag = "clients", params(Filter), responses(
    (status = 200, body = Page<Client>, headers(("Link" = String, description = "The next page, `rel=next`."))),
))]
pub(super) async fn list(State(api): State<Arc<Api>>, query: Query<Filter>) -> Result<Paged<Client>, Fault> {
    let Filter { app, limit, cursor } = &query.asked;
    let found = api.site.signalling.collect(|_, session| {
        let wanted = app.as_ref().is_none_or(|app| is_in(&session.stream.app, app));
        let user = session.admission.grant.claim().subject.clone().filter(|_| wanted)?;
        Some((user, Role::from(session), session.since))
    });
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (user, role, since) in found {
        let tally = tallies.entry(user).or_insert(Tally { publishing: 0, watching: 0, since });
        match role {
            Role::Publisher => tally.publishing += 1,
            Role::Viewer => tally.watching += 1,
        }
        tally.since = tally.since.min(since);
    }
    let items = tallies.into_iter().map(|(user, tally)| {
        let Tally { publishing, watching, since } = tally;
        ((0, user.clone(), String::new()), Client { user, publishing, watching, since: date(since) })
    });
    let order = Order { name: "user", descending: false };
    Ok(Paged::new(page(items.collect(), order, *limit, cursor.as_deref())?, &query))
}

/// End all sessions of a user.
///
/// To keep the user out as well, revoke: `POST /revocations`.
#[utoipa::path(delete, path = "/clients/{user}", operation_id = "end_client", tag = "clients",
    params(("user" = String, Path, description = "As in the list, percent-encoded.", example = "ann"), Why),
    responses((status = 200, body = Ended)),
)]
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    Named(user): Named<String>,
    query: Query<Why>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Ended>, Fault> {
    query.asked.log(&caller, "client kicked", &user)?;
    let is_theirs =
        |session: &crate::registry::Session| session.admission.grant.claim().subject.as_ref() == Some(&user);
    Ok(Json(Ended { ended: api.site.signalling.kick(is_theirs) }))
}
