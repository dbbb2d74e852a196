//! What the claims of a token allow.
//!
//! ```text
//!   ours   app      "live", "live/room1", or a list of them: these and what is below
//!          stream   "cam1", "cam*", "room1/*", or a list of them: below the app, or below the path that `app` names
//!          can      "publish", "play", or a list of them
//!          bps      most media bits a second
//!          sub, jti whom it names, and by what a revocation names it
//!   Red5   roles    "red5-publisher,red5-subscriber"; none or "" = both
//!          red5-transport "WHIP,WHEP", red5-room "room1,room2", name
//! ```
//!
//! Each one narrows; a claim that is not there narrows nothing.

use fanlight_protocol::StreamPath;

use super::super::{Action, Ask, Transport};
use super::json::Object;
use crate::pattern::Pattern;

/// Of a name and of an id: they are shown in lists and logs.
const NAME_BYTES_MAX: usize = 128;

/// See the file's head.
pub(super) struct Claims {
    pub(super) subject: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) bitrate_bps_max: Option<u64>,
    publish: bool,
    play: bool,
    apps: Option<Vec<String>>,
    streams: Option<Vec<Pattern>>,
    /// By Red5's names, upper case or lower.
    transports: Option<Vec<String>>,
    rooms: Option<Vec<String>>,
}

impl Claims {
    /// None: something is of another type or form than it should be.
    pub(super) fn read(payload: &Object) -> Option<Self> {
        let subject = name(payload.text("sub")?)?;
        let shown = name(payload.text("name")?)?;
        let (can, roles) = (actions(payload)?, roles(payload)?);
        let streams = payload.texts("stream")?.map(patterns);
        Some(Self {
            subject: subject.or(shown),
            credential: name(payload.text("jti")?)?,
            bitrate_bps_max: match payload.number("bps")? {
                Some(0) => return None,
                bps => bps,
            },
            publish: can.0 && roles.0,
            play: can.1 && roles.1,
            apps: payload.texts("app")?.map(owned),
            streams: match streams {
                Some(patterns) => Some(patterns?),
                None => None,
            },
            transports: payload.parts("red5-transport")?.map(owned),
            rooms: payload.parts("red5-room")?.map(owned),
        })
    }

    pub(super) fn allow(&self, ask: &Ask<'_>) -> bool {
        let may = match ask.action {
            Action::Publish => self.publish,
            Action::Play => self.play,
        };
        may && self.allow_transport(ask.transport)
            && self.allow_room(&ask.stream.app)
            && self.allow_stream(ask.stream)
    }

    fn allow_transport(&self, transport: Transport) -> bool {
        let name = match transport {
            Transport::Whip => "WHIP",
            Transport::Whep => "WHEP",
        };
        let listed = |list: &Vec<String>| list.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        self.transports.as_ref().is_none_or(listed)
    }

    /// Streams of the app itself are in no room.
    fn allow_room(&self, app: &str) -> bool {
        let Some(rooms) = &self.rooms else { return true };
        app.split_once('/').is_some_and(|(_, room)| rooms.iter().any(|listed| listed == room))
    }

    fn allow_stream(&self, stream: &StreamPath) -> bool {
        let Some(apps) = &self.apps else {
            let app = stream.app.split('/').next().unwrap_or_default();
            return self.allow_below(app, stream);
        };
        apps.iter().any(|app| self.allow_below(app, stream))
    }

    /// Whether `stream` is below the path `above`, and there by a pattern's name.
    fn allow_below(&self, above: &str, stream: &StreamPath) -> bool {
        let Some(rest) = stream.app.strip_prefix(above) else { return false };
        if above.is_empty() || !(rest.is_empty() || rest.starts_with('/')) {
            return false;
        }
        // Patterns are of what follows the first segment.
        let below = StreamPath { app: format!("app{rest}"), name: stream.name.clone() };
        self.streams.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(&below)))
    }
}

/// None: it cannot be shown.
fn name(text: Option<&str>) -> Option<Option<String>> {
    let is_sound = |text: &str| {
        !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains(|c: char| c.is_control())
    };
    match text {
        Some(text) if is_sound(text) => Some(Some(text.to_owned())),
        Some(_) => None,
        None => Some(None),
    }
}

/// May publish, may play. None: a word that is neither.
fn actions(payload: &Object) -> Option<(bool, bool)> {
    let Some(words) = payload.texts("can")? else { return Some((true, true)) };
    let known = |word: &&str| ["publish", "play"].contains(word);
    words.iter().all(known).then(|| (words.contains(&"publish"), words.contains(&"play")))
}

/// The same, by Red5's words. Others are for others.
fn roles(payload: &Object) -> Option<(bool, bool)> {
    let words = payload.parts("roles")?.unwrap_or_default();
    let says_nothing = words.iter().all(|word| word.is_empty());
    Some((
        says_nothing || words.contains(&"red5-publisher"),
        says_nothing || words.contains(&"red5-subscriber"),
    ))
}

fn patterns(texts: Vec<&str>) -> Option<Vec<Pattern>> {
    texts.into_iter().map(|text| Pattern::parse(text).ok()).collect()
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
