//! Scopes: an app, or a room below it that `?scope=` names.
//!
//! In Red5's tree the global scope is called default, an app is below it, and rooms are below the app: the path of `live` is
//! `/default`, that of `live/room1` is `/default/live`.

use std::collections::BTreeSet;

use super::asked::Query;
use crate::api::Api;
use crate::fault::Fault;
use crate::name;
use crate::tally::Tally;

/// A scope that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// `live`, `live/room1`.
    pub(super) path: String,
}

impl Scope {
    /// Of `app`, and of the query's `scope` below it.
    ///
    /// # Errors
    /// `Fault::NotThere`: nobody has ever been there.
    pub(super) fn find(api: &Api, app: &str, query: &Query) -> Result<Self, Fault> {
        let app = checked_name(api, app, "application")?;
        if !is_app(api, &app) {
            return Err(Fault::NotThere { what: "application" });
        }
        let below = query.one("scope")?.unwrap_or_default().trim_matches('/');
        if below.is_empty() {
            return Ok(Self { path: app });
        }
        let encoded = name::encode(&format!("{app}/{below}"));
        let segments: Vec<&str> = encoded.split('/').collect();
        let path = name::decode_app(&segments, &api.site.config.limits)
            .map_err(|_| Fault::NotThere { what: "scope" })?;
        let is_known = api.site.signalling.tallied(|tallies| tallies.scope(&path).is_some());
        if is_known { Ok(Self { path }) } else { Err(Fault::NotThere { what: "scope" }) }
    }

    /// The whole of an app.
    pub(super) fn of_app(app: String) -> Self {
        Self { path: app }
    }

    /// Whether something published as `path` is in it, or in a room of it.
    pub(super) fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The global scope is 0.
    pub(super) fn depth(&self) -> usize {
        self.path.split('/').count()
    }

    /// In Red5's tree.
    pub(super) fn parent_path(&self) -> String {
        parent_path(&self.path)
    }

    /// Nothing, where nobody has been.
    pub(super) fn tally(&self, api: &Api) -> Tally {
        let found = api.site.signalling.tallied(|tallies| tallies.scope(&self.path).copied());
        found.unwrap_or_else(|| Tally::new(api.started))
    }
}

/// Where the scope of that path stands in Red5's tree.
pub(super) fn parent_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((parent, _)) => format!("/default/{parent}"),
        None => "/default".to_owned(),
    }
}

/// The apps that have a file or are allowed, and those that anybody is or was in.
pub(super) fn apps(api: &Api) -> BTreeSet<String> {
    let mut apps: BTreeSet<String> = api.site.apps.current().keys().cloned().collect();
    apps.extend(api.site.config.apps.allowed.iter().cloned());
    let seen: Vec<String> =
        api.site.signalling.tallied(|tallies| tallies.apps().map(str::to_owned).collect());
    apps.extend(seen);
    apps
}

fn is_app(api: &Api, app: &str) -> bool {
    api.site.apps.current().contains_key(app)
        || api.site.config.apps.allowed.iter().any(|allowed| allowed == app)
        || api.site.signalling.tallied(|tallies| tallies.scope(app).is_some())
}

/// A name, as it stands decoded in a path of the API. Nothing can be there under what is none.
pub(super) fn checked_name(api: &Api, text: &str, what: &'static str) -> Result<String, Fault> {
    let escaped = name::encode(text).replace('/', "%2F");
    name::decode(&escaped, &api.site.config.limits).map_err(|_| Fault::NotThere { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts put these together again to name a scope.
    #[test]
    fn a_scope_knows_its_place_in_red5s_tree() {
        for (path, name, depth, parent) in [
            ("live", "live", 1, "/default"),
            ("live/room1", "room1", 2, "/default/live"),
            ("live/room1/sub", "sub", 3, "/default/live/room1"),
        ] {
            let scope = Scope::of_app(path.to_owned());
            assert_eq!((scope.name(), scope.depth(), scope.parent_path().as_str()), (name, depth, parent));
        }
        let live = Scope::of_app("live".to_owned());
        assert!(live.holds("live") && live.holds("live/room1") && !live.holds("lively") && !live.holds("li"));
    }
}
