//! How many publish and watch in each app: what the apps' own limits are held against.

use std::collections::HashMap;

use fanlight_protocol::SessionRole;

use super::Session;
use crate::name;

/// Sessions of one app, reserved ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Publishers, and those about to take their place.
    pub(super) streams: u32,
    pub(super) viewers: u32,
}

/// The count of each app that has any. See the file's head.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Census(HashMap<String, Count>);

impl Census {
    /// Of the app of that path.
    pub(super) fn of(&self, path: &str) -> Count {
        self.0.get(name::first_segment(path)).copied().unwrap_or_default()
    }

    pub(super) fn joins(&mut self, session: &Session) {
        let app = name::first_segment(&session.stream.app);
        if !self.0.contains_key(app) {
            self.0.insert(app.to_owned(), Count::default());
        }
        if let Some(count) = self.0.get_mut(app) {
            *place(count, session.role) += 1;
        }
    }

    pub(super) fn leaves(&mut self, session: &Session) {
        let app = name::first_segment(&session.stream.app);
        if let Some(count) = self.0.get_mut(app) {
            *place(count, session.role) -= 1;
            if *count == Count::default() {
                self.0.remove(app);
            }
        }
    }
}

fn place(count: &mut Count, role: SessionRole) -> &mut u32 {
    match role {
        SessionRole::Publisher => &mut count.streams,
        SessionRole::Viewer { .. } => &mut count.viewers,
    }
}
