//! Apps: what their files say, and how much is going on in each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Named, Nothing, Query};
use super::session::Role;
use super::shown::Shown;
use crate::api::Api;
use crate::app;
use crate::config::OnNameInUse;
use crate::fault::Fault;
use crate::name;

/// An app: what its file says, secrets apart, and what is going on in it.
#[derive(Serialize, ToSchema)]
pub(super) struct App {
    #[schema(example = "live")]
    name: String,
    settings: Settings,
    streams: usize,
    viewers: usize,
    /// Paths in which something is going on: the app's own, and those of its rooms.
    #[schema(example = json!(["live", "live/room1"]))]
    paths: Vec<String>,
}

/// Of an app's file.
#[derive(Serialize, ToSchema)]
struct Settings {
    /// Validators, any of which lets publish; empty: nobody may.
    #[schema(example = json!(["jwt", "users"]))]
    publish: Vec<String>,
    /// Validators, any of which lets play; empty: nobody may.
    #[schema(example = json!(["open"]))]
    play: Vec<String>,
    on_name_in_use: NameInUse,
    limits: Limits,
    /// Origins whose pages may use the app; `*`: all.
    cors_origins: Vec<String>,
    /// Whether everybody may list what is live.
    listing: bool,
}

/// What becomes of a second publisher of a name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NameInUse {
    Refuse,
    Replace,
}

/// Bounds of the app; null: only the server's.
#[derive(Serialize, ToSchema)]
struct Limits {
    streams_max: Option<u64>,
    viewers_max: Option<u64>,
    viewers_per_stream_max: Option<u64>,
    publisher_bps_max: Option<u64>,
    viewer_bps_max: Option<u64>,
    session_s_max: Option<u64>,
}

impl From<&app::Settings> for Settings {
    /// Named one by one: a section that is added with a secret does not come in by itself.
    fn from(settings: &app::Settings) -> Self {
        let limits = &settings.limits;
        let some = |number: u64| (number > 0).then_some(number);
        Self {
            publish: names(&settings.auth.publish),
            play: names(&settings.auth.play),
            on_name_in_use: match settings.publish.on_name_in_use {
                OnNameInUse::Refuse => NameInUse::Refuse,
                OnNameInUse::Replace => NameInUse::Replace,
            },
            limits: Limits {
                streams_max: some(limits.streams_max.into()),
                viewers_max: some(limits.viewers_max.into()),
                viewers_per_stream_max: some(limits.viewers_per_stream_max.into()),
                publisher_bps_max: some(limits.publisher_bps_max),
                viewer_bps_max: some(limits.viewer_bps_max),
                session_s_max: some(limits.session_s_max.into()),
            },
            cors_origins: settings.http.cors_origins.clone(),
            listing: settings.http.listing,
        }
    }
}

/// As they stand in the file.
fn names(validators: &[impl Serialize]) -> Vec<String> {
    let name = |validator| Some(serde_json::to_value(validator).ok()?.as_str()?.to_owned());
    validators.iter().filter_map(name).collect()
}

/// What is going on in an app.
#[derive(Default)]
struct Tally {
    streams: usize,
    viewers: usize,
    paths: BTreeSet<String>,
}

fn tallies(api: &Api) -> BTreeMap<String, Tally> {
    let found =
        api.site.signalling.collect(|_, session| Some((session.stream.app.clone(), Role::from(session))));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (path, role) in found {
        let tally = tallies.entry(name::first_segment(&path).to_owned()).or_default();
        match role {
            Role::Publisher => tally.streams += 1,
            Role::Viewer => tally.viewers += 1,
        }
        tally.paths.insert(path);
    }
    tallies
}

fn shown(app: &app::App, tally: Tally) -> App {
    let Tally { streams, viewers, paths } = tally;
    let settings = Settings::from(&app.settings);
    App { name: app.name.clone(), settings, streams, viewers, paths: paths.into_iter().collect() }
}

/// All apps.
#[derive(Serialize, ToSchema)]
pub(super) struct AppList {
    items: Vec<App>,
}

/// The apps that have a file, and those in which something is going on.
///
/// Without `apps.folder` every app exists, and only the latter are listed. There are 256 files at most, so the list has no pages.
#[utoipa::path(get, path = "/apps", operation_id = "list_apps", tag = "apps", responses((status = 200, body = AppList)))]
pub(super) async fn list(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<AppList> {
    let mut tallies = tallies(&api);
    for name in api.site.apps.current().keys() {
        tallies.entry(name.clone()).or_default();
    }
    // An app whose file is gone has no settings; its sessions are in the other lists.
    let items =
        tallies.into_iter().filter_map(|(name, tally)| Some(shown(&*api.site.apps.find(&name)?, tally)));
    Shown(AppList { items: items.collect() })
}

/// An app by its name.
#[utoipa::path(get, path = "/apps/{app}", operation_id = "show_app", tag = "apps",
    params(("app" = String, Path, description = "The app's name: the first segment of its path.", example = "live")),
    responses((status = 200, body = App)),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named(name): Named<String>,
    _: Query<Nothing>,
) -> Result<Shown<App>, Fault> {
    let is_name = name::decode(&name::encode(&name), &api.site.config.limits).is_ok();
    let app = api.site.apps.find(&name).filter(|_| is_name && !name::is_reserved(&name));
    let app = app.ok_or(Fault::NotThere { what: "app" })?;
    let tally = tallies(&api).remove(&name).unwrap_or_default();
    Ok(Shown(shown(&app, tally)))
}

/// What a reload came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// Apps that are in force now.
    apps: Vec<String>,
    /// What is wrong with the files that could not be read: their apps stay as they were. Null: all is well.
    faults: Option<String>,
}

/// Read the apps' files again.
///
/// They are read by themselves within a second of a change; this says what came of it. Live sessions go on as they are.
#[utoipa::path(post, path = "/apps/reload", operation_id = "reload_apps", tag = "apps",
    responses((status = 200, body = Reloaded)),
)]
pub(super) async fn reload(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<Reloaded> {
    let faults = api.site.apps.reload().err().map(|faults| faults.to_string());
    Shown(Reloaded { apps: api.site.apps.current().keys().cloned().collect(), faults })
}
