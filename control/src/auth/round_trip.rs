//! Red5's round trip: a server of the operator's is asked about each name and password, and told when a publisher has left.
//!
//! ```text
//!   POST url             {"username":"anna","password":"…","token":"…","type":"publisher","streamID":"camera"}
//!   200                  {"result":true}      or "true"; and ours: "expires_in_s", "bitrate_bps_max", "subject"
//!   POST invalidate_url  {"username":"anna","password":"…","token":"…","streamID":"camera"}     when it has left
//! ```
//!
//! Red5's own fields and words, done strictly: whatever else comes refuses; so does a name or a password that is missing or
//! blank, without asking, which Red5 lets in. While there is no answer nobody is let in, and told to come again.
//!
//! A thousand viewers who bring the same credentials at once are one request ([`Answers`]). A server that is down is left alone
//! for a while (`outbound`): newcomers are refused at once, and those who are in are not asked about.

mod answers;
mod farewell;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fanlight_protocol::StreamPath;
use serde::{Deserialize, Serialize};

use super::grant::Farewell;
use super::secret;
use super::{Action, Ask, Claim, Credentials, Grant, Verdict};
use crate::outbound::{Endpoint, Fault, Manner, Message, Outbound, Purpose};
use answers::{Allowance, Answer, Answers, Tag};
use farewell::Farewells;

/// A name is shown in lists and logs; a longer one is none.
const SUBJECT_BYTES_MAX: usize = 128;

/// `[auth.round_trip]` of an app's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Red5: `server.validateCredentialsEndPoint`, after protocol, host and port.
    pub(crate) url: String,
    /// Red5: `server.invalidateCredentialsEndPoint`. Empty = nobody is told.
    pub(crate) invalidate_url: String,
    /// Whose end it is told of.
    pub(crate) invalidate_on: Vec<Action>,
    pub(crate) timeout_ms: u32,
    /// Whether the server may be on this machine or in a private network.
    pub(crate) allow_private: bool,
    /// PEM of the authorities to trust instead of the system's; empty = the system's.
    pub(crate) ca_file: PathBuf,
    /// Red5: `clientTokenRequired`.
    pub(crate) token_required: bool,
    pub(crate) stream_id: StreamId,
    /// A yes holds for others with the same credentials, stream and type for so many seconds; a no for two at most. 0 = not.
    pub(crate) cache_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            invalidate_url: String::new(),
            invalidate_on: vec![Action::Publish],
            timeout_ms: 3000,
            allow_private: false,
            ca_file: PathBuf::new(),
            token_required: false,
            stream_id: StreamId::Name,
            cache_s: 0,
        }
    }
}

/// What `streamID` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StreamId {
    /// `camera`, as Red5 does: alike in all rooms.
    Name,
    /// `live/room1/camera`.
    Path,
}

impl Settings {
    /// The files that this is made of, beside the app's own.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        secret::path(&self.ca_file, folder).into_iter().collect()
    }
}

/// See the file's head.
pub(crate) struct RoundTrip {
    endpoint: Arc<Endpoint>,
    answers: Arc<Answers>,
    farewells: Option<Farewells>,
    token_required: bool,
    stream_id: StreamId,
}

/// What it is told.
#[derive(Serialize)]
struct Question<'a> {
    username: &'a str,
    password: &'a str,
    /// Empty if there is none.
    token: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(rename = "streamID")]
    stream_id: &'a str,
}

/// What is read of the answer. Red5's `url` is for applications inside the server, of which there are none here.
#[derive(Deserialize)]
struct Reply {
    result: Outcome,
    #[serde(default)]
    expires_in_s: Option<u64>,
    #[serde(default)]
    bitrate_bps_max: Option<u64>,
    #[serde(default)]
    subject: Option<String>,
}

/// Back ends in the field send both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Outcome {
    Truth(bool),
    Text(String),
}

impl RoundTrip {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path, outbound: &Outbound) -> Result<Self, String> {
        if settings.url.is_empty() {
            return Err("it has no url; set auth.round_trip.url".to_owned());
        }
        let ca_file = secret::path(&settings.ca_file, folder);
        let endpoint = |purpose, url| {
            let manner = Manner {
                purpose,
                url,
                timeout: Duration::from_millis(settings.timeout_ms.into()),
                allow_private: settings.allow_private,
                ca_file: ca_file.as_deref(),
            };
            Endpoint::new(outbound, &manner)
        };
        let farewells = if settings.invalidate_url.is_empty() {
            None
        } else {
            let endpoint = endpoint(Purpose::Invalidate, &settings.invalidate_url)
                .map_err(|fault| format!("of invalidate_url, {fault}"))?;
            Some(Farewells::new(endpoint, settings.invalidate_on.clone()))
        };
        Ok(Self {
            endpoint: Arc::new(endpoint(Purpose::RoundTrip, &settings.url)?),
            answers: Arc::new(Answers::new(Duration::from_secs(settings.cache_s.into()))?),
            farewells,
            token_required: settings.token_required,
            stream_id: settings.stream_id,
        })
    }

    pub(crate) async fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let Some((username, password)) = ask.credentials.login() else { return Verdict::NotMine };
        let token = ask.credentials.token();
        if self.token_required && token.is_none() {
            return Verdict::Refused;
        }
        // What would have to be kept for the end is looked at first.
        let Some(farewell) = self.farewell(ask.action, ask.credentials) else { return Verdict::Refused };
        let stream_id = self.stream_id(ask.stream);
        let question = Question {
            username,
            password,
            token: token.unwrap_or_default(),
            role: Some(role(ask.action)),
            stream_id: &stream_id,
        };
        let answer = self.answer(&question, ask.now).await;
        match answer {
            Answer::Yes(allowance) => {
                let Allowance { expires, bitrate_bps_max, subject } = allowance;
                if expires.is_some_and(|expires| expires <= ask.now) {
                    return Verdict::Refused;
                }
                let subject = subject.or_else(|| subject_of(username));
                let validator = "round_trip".to_owned();
                Verdict::Granted(Claim {
                    validator,
                    subject,
                    expires,
                    bitrate_bps_max,
                    farewell,
                    ..Claim::default()
                })
            }
            Answer::Busy => Verdict::Busy { limit: "the number of questions to the authentication server" },
            Answer::None => Verdict::Away,
            Answer::No => Verdict::Refused,
        }
    }

    /// Says that the session of `grant` is over, if it is one of this validator's whose end is to be told. Does not wait.
    pub(crate) fn left(&self, grant: &Grant) {
        let (Some(farewells), Some(farewell)) = (&self.farewells, &grant.claim().farewell) else { return };
        let stream_id = self.stream_id(grant.stream());
        let question = |role| Question {
            username: &farewell.username,
            password: &farewell.password,
            token: farewell.token.as_deref().unwrap_or_default(),
            role,
            stream_id: &stream_id,
        };
        // What is invalidated must not be granted again from memory.
        for action in [Action::Publish, Action::Play] {
            self.answers.forget(&self.answers.tag(&question(Some(role(action))).parts()));
        }
        farewells.say(question(None).body());
    }

    async fn answer(&self, question: &Question<'_>, now: SystemTime) -> Answer {
        let tag: Tag = self.answers.tag(&question.parts());
        let (endpoint, body) = (Arc::clone(&self.endpoint), question.body());
        let asked = async move {
            match endpoint.ask::<Reply>(Message::post(body), 200..=200).await {
                Ok(reply) => reply.answer(now),
                Err(Fault::Busy) => Answer::Busy,
                Err(fault) if fault.is_outage() => Answer::None,
                Err(_) => Answer::No,
            }
        };
        self.answers.find(tag, asked).await
    }

    /// What the end of the session needs; None if that is more than is kept of a session.
    fn farewell(&self, action: Action, credentials: &Credentials) -> Option<Option<Farewell>> {
        if !self.farewells.as_ref().is_some_and(|farewells| farewells.are_for(action)) {
            return Some(None);
        }
        let (username, password) = credentials.login()?;
        let (username, password) = (username.to_owned(), password.to_owned());
        let farewell = Farewell { username, password, token: credentials.token().map(str::to_owned) };
        farewell.is_bounded().then_some(Some(farewell))
    }

    fn stream_id(&self, stream: &StreamPath) -> String {
        match self.stream_id {
            StreamId::Name => stream.name.clone(),
            StreamId::Path => format!("{}/{}", stream.app, stream.name),
        }
    }
}

/// Red5's words.
const fn role(action: Action) -> &'static str {
    match action {
        Action::Publish => "publisher",
        Action::Play => "subscriber",
    }
}

impl Question<'_> {
    /// All that makes the answer.
    fn parts(&self) -> [&str; 5] {
        [self.username, self.password, self.token, self.role.unwrap_or_default(), self.stream_id]
    }

    fn body(&self) -> Vec<u8> {
        // Texts alone: nothing in it can fail to be JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Reply {
    fn answer(self, now: SystemTime) -> Answer {
        let is_yes = match &self.result {
            Outcome::Truth(truth) => *truth,
            Outcome::Text(text) => text == "true",
        };
        // Nothing at all is not what a yes can allow.
        let allows = self.bitrate_bps_max != Some(0);
        match super::ends(self.expires_in_s, now).filter(|_| is_yes && allows) {
            Some(expires) => Answer::Yes(Allowance {
                expires,
                bitrate_bps_max: self.bitrate_bps_max,
                subject: self.subject.as_deref().and_then(subject_of),
            }),
            None => Answer::No,
        }
    }
}

fn subject_of(text: &str) -> Option<String> {
    let is_fit = text.len() <= SUBJECT_BYTES_MAX && !text.is_empty() && !text.contains(char::is_control);
    is_fit.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
