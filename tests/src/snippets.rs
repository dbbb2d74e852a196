//! The ten calls of the API that integrators need, in six languages: one table, of which docs/api-examples.md is made and what a test
//! runs.
//!
//! Each language has a beginning, which defines `call`, and writes a call as one line. So a program is the beginning and ten lines; it
//! prints of each call the body of the answer and behind it the status.

mod languages;

pub use languages::{LANGUAGES, Language};

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What it does, as a heading.
    pub title: &'static str,
    pub method: &'static str,
    /// With `{stream}` and `{session}` where those stand.
    pub path: &'static str,
    /// JSON.
    pub body: Option<&'static str>,
    /// The status of the answer, where stream and session are there.
    pub status: u16,
    /// The same by Red5's API, if it has it.
    pub red5: Option<&'static str>,
}

/// In an order in which all of them succeed.
pub const CALLS: [Call; 10] = [
    Call { title: "List the apps", red5: Some("GET /api/v1/applications"), ..get("/api/v2/apps") },
    Call {
        title: "List the streams of an app",
        red5: Some("GET /api/v1/applications/live/streams"),
        ..get("/api/v2/apps/live/streams")
    },
    Call {
        title: "How one stream goes",
        red5: Some("GET /api/v1/applications/live/streams/{stream}"),
        ..get("/api/v2/apps/live/streams/{stream}")
    },
    Call {
        title: "Who publishes and watches",
        red5: Some("GET /api/v1/applications/live/clients"),
        ..get("/api/v2/sessions?app=live")
    },
    Call {
        title: "How the server goes",
        red5: Some("GET /api/v1/server/statistics"),
        ..get("/api/v2/server/statistics")
    },
    Call {
        title: "Let a session end by itself at a time",
        method: "PATCH",
        body: Some(r#"{"expires": "2099-01-01T00:00:00Z"}"#),
        ..get("/api/v2/sessions/{session}")
    },
    Call {
        title: "Kick one client",
        method: "DELETE",
        status: 204,
        red5: Some("DELETE /api/v1/applications/live/clients/{session}"),
        ..get("/api/v2/sessions/{session}")
    },
    Call {
        title: "End a stream",
        method: "DELETE",
        status: 204,
        red5: Some("GET /api/v1/applications/live/streams/{stream}/action/unpublish"),
        ..get("/api/v2/apps/live/streams/{stream}")
    },
    Call {
        title: "Let nobody in any more, and end who is left in five minutes",
        method: "POST",
        body: Some(r#"{"deadline_s": 300}"#),
        status: 202,
        ..get("/api/v2/server/drain")
    },
    Call { title: "Let them in again", method: "DELETE", status: 204, ..get("/api/v2/server/drain") },
];

const fn get(path: &'static str) -> Call {
    Call { title: "", method: "GET", path, body: None, status: 200, red5: None }
}

/// Part of a path: text, or a variable of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Text(&'static str),
    Variable(&'static str),
}

impl Call {
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = self.path;
        while let Some((text, (name, behind))) =
            rest.split_once('{').and_then(|(text, rest)| Some((text, rest.split_once('}')?)))
        {
            parts.extend([Part::Text(text), Part::Variable(name)]);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest));
        }
        parts
    }
}

/// What docs/api-examples.md holds.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# The API by example\n\n\
         Ten calls that integrators need, in six languages. They are made of one table (`tests/src/snippets.rs`), and a test runs each of\n\
         them against a server. All of the API is at `/api/docs` of a server.\n\n\
         Every program reads `FANLIGHT_API` (such as `http://127.0.0.1:8081`), `FANLIGHT_TOKEN`, and of what it is about `STREAM` and\n\
         `SESSION`, the handle of a session as lists show it. It begins with what defines `call`:\n",
    );
    for language in &LANGUAGES {
        let Language { name, fence, beginning, .. } = language;
        text += &format!("\n## {name}\n\n```{fence}\n{}\n```\n", beginning.trim_end());
    }
    for call in &CALLS {
        text += &format!("\n## {}\n\n`{} {}`", call.title, call.method, call.path);
        if let Some(red5) = call.red5 {
            text += &format!("; by Red5's API `{red5}`");
        }
        text += "\n";
        for language in &LANGUAGES {
            text += &format!("\n```{}\n{}\n```\n", language.fence, (language.line)(call));
        }
    }
    text
}

/// A whole program that makes all calls.
#[must_use]
pub fn program(language: &Language) -> String {
    let mut text = language.beginning.to_owned();
    for call in &CALLS {
        text += language.indent;
        text += &(language.line)(call);
        text += "\n";
    }
    text + language.end
}
