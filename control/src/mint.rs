//! Makes what [`crate::auth`]'s validators take: JSON Web Tokens, signed URLs, secrets, and access tokens of the API. For `fanlight
//! token`, and for programs that embed the server.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanlight_protocol::StreamPath;
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::app::auth_settings;
use crate::auth::signed_url::{Terms, UrlKey};
use crate::auth::{Action, jwt, signed_url};
use crate::config::{AddressRange, Config, Limits, Scope};
use crate::name;
use crate::pattern::Pattern;
use crate::roster::Rights;

/// Of secrets and of access tokens.
const RANDOM_BYTES: usize = 32;

/// A text that nobody guesses: 256 random bits in base64url, 43 characters.
///
/// # Errors
/// The system has no randomness.
pub fn secret() -> Result<String, String> {
    random(RANDOM_BYTES)
}

fn random(bytes: usize) -> Result<String, String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| format!("the system has no randomness: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// An access token of the API and its line for the list `api.tokens`.
///
/// # Errors
/// What to mend.
pub fn api_token(name: &str, scopes: &[Scope]) -> Result<(String, String), String> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\') {
        return Err("the name is printable ASCII without spaces and quotes".to_owned());
    }
    let token = format!("flt_{}", secret()?);
    let sha256: String =
        digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let scopes: Vec<String> = scopes.iter().map(|scope| format!("\"{}\"", scope.name())).collect();
    let line = format!(r#"{{ name = "{name}", sha256 = "{sha256}", scopes = [{}] }}"#, scopes.join(", "));
    Ok((token, line))
}

/// The app of a stream or pattern, and what is below: `live/room1/cam*` is `live` and `room1/cam*`, `live` all of it.
fn parted(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(app, below)| (app, Some(below)))
}

/// What a token or URL is to allow.
#[derive(Debug, Clone)]
pub struct Wish {
    /// `live/cam`; of a token also `live` (all of it) and patterns.
    pub path: String,
    pub may: Rights,
    pub ttl: Duration,
    pub user: Option<String>,
    pub bitrate_bps_max: Option<u64>,
}

/// Signs JSON Web Tokens.
pub struct TokenKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
    issuer: String,
    audience: String,
    ttl_max: Option<Duration>,
}

#[derive(Serialize)]
struct Claims<'a> {
    app: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    can: Vec<&'static str>,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bps: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    aud: &'a str,
}

impl TokenKey {
    /// The key of that id in the file of the app of `path`; without an id the first that is a secret.
    ///
    /// # Errors
    /// What to mend.
    pub fn of_app(config: &Config, path: &str, id: Option<&str>) -> Result<Self, String> {
        let (app, _) = parted(path);
        let (folder, auth) = auth_settings(config, app)?;
        let settings = auth.jwt;
        let is_meant = |key: &&jwt::keys::KeySettings| match id {
            Some(id) => key.id == id,
            None => key.algorithm.family() == AlgorithmFamily::Hmac,
        };
        let key = settings.keys.iter().find(is_meant).ok_or_else(|| match id {
            Some(id) => format!("auth.jwt.keys of the app {app} has no key {id}"),
            None => format!(
                "auth.jwt.keys of the app {app} has no secret to sign with: add one (`fanlight token secret` makes it), or give the \
                 issuer's private key with --key-file and --algorithm"
            ),
        })?;
        if key.algorithm.family() != AlgorithmFamily::Hmac {
            return Err(format!(
                "of the key {:?} the app has the public half only: give the private one with --key-file and --algorithm {:?}",
                key.id, key.algorithm
            ));
        }
        Ok(Self {
            id: key.id.clone(),
            algorithm: key.algorithm,
            key: EncodingKey::from_secret(&key.hmac_secret(&folder)?),
            issuer: settings.issuer,
            audience: settings.audience,
            ttl_max: Some(Duration::from_secs(settings.ttl_s_max.into())),
        })
    }

    /// A secret of a file (HS…), or a private key in PEM (PKCS #8; RSA also PKCS #1).
    ///
    /// # Errors
    /// What to mend.
    pub fn of_file(file: &Path, algorithm: &str, id: &str) -> Result<Self, String> {
        let algorithm: Algorithm = algorithm.parse().map_err(|_| {
            format!("{algorithm} is no algorithm: HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA")
        })?;
        let text = read(file)?;
        let key = match algorithm.family() {
            AlgorithmFamily::Hmac if text.len() < jwt::keys::SECRET_BYTES_MIN => {
                return Err(format!("{} has fewer than 32 bytes, which is guessed", file.display()));
            }
            AlgorithmFamily::Hmac => Ok(EncodingKey::from_secret(text.as_bytes())),
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(text.as_bytes()),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(text.as_bytes()),
            AlgorithmFamily::Ed => EncodingKey::from_ed_pem(text.as_bytes()),
        };
        let key = key.map_err(|_| {
            format!("{} holds no private key for {algorithm:?} in PEM; PKCS #8 is what is taken: openssl pkey -in FILE", file.display())
        })?;
        let (issuer, audience) = (String::new(), String::new());
        Ok(Self { id: id.to_owned(), algorithm, key, issuer, audience, ttl_max: None })
    }

    /// What `iss` and `aud` say, in the place of what the app's file says.
    #[must_use]
    pub fn with(mut self, issuer: Option<String>, audience: Option<String>) -> Self {
        self.issuer = issuer.unwrap_or(self.issuer);
        self.audience = audience.unwrap_or(self.audience);
        self
    }

    /// The token and its `jti`, by which it can be revoked.
    ///
    /// # Errors
    /// What to mend.
    pub fn sign(&self, wish: &Wish, now: SystemTime) -> Result<(String, String), String> {
        let (app, stream) = parted(&wish.path);
        name::check_app(app, &Limits::default())?;
        if let Some(stream) = stream {
            Pattern::parse(stream).map_err(|fault| format!("{stream} {fault}"))?;
        }
        check_ttl(wish.ttl, self.ttl_max, "auth.jwt.ttl_s_max")?;
        let jti = random(9)?;
        let claims = Claims {
            app,
            stream,
            can: actions(wish.may).into_iter().map(Action::name).collect(),
            exp: seconds(now, wish.ttl)?,
            jti: &jti,
            sub: wish.user.as_deref(),
            bps: wish.bitrate_bps_max,
            iss: &self.issuer,
            aud: &self.audience,
        };
        let mut header = Header::new(self.algorithm);
        header.kid = (!self.id.is_empty()).then(|| self.id.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.key);
        Ok((token.map_err(|error| format!("the key does not sign: {error}"))?, jti))
    }
}

/// Signs URLs.
pub struct QueryKey {
    key: UrlKey,
    ttl_max: Option<Duration>,
}

impl QueryKey {
    /// The key of that id in the file of the app of `path`; without an id the first.
    ///
    /// # Errors
    /// What to mend.
    pub fn of_app(config: &Config, path: &str, id: Option<&str>) -> Result<Self, String> {
        let (app, _) = parted(path);
        let (folder, auth) = auth_settings(config, app)?;
        let settings = auth.signed_urls;
        let is_meant = |key: &&signed_url::KeySettings| id.is_none_or(|id| key.id == id);
        let key = settings.keys.iter().find(is_meant).ok_or_else(|| match id {
            Some(id) => format!("auth.signed_urls.keys of the app {app} has no key {id}"),
            None => format!(
                "auth.signed_urls.keys of the app {app} has no key: add one; `fanlight token secret` makes its secret"
            ),
        })?;
        let ttl_max = Some(Duration::from_secs(settings.ttl_s_max.into()));
        Ok(Self { key: key.key(&folder)?, ttl_max })
    }

    /// # Errors
    /// What to mend.
    pub fn of_file(file: &Path, id: &str) -> Result<Self, String> {
        let secret = read(file)?;
        if secret.len() < jwt::keys::SECRET_BYTES_MIN {
            return Err(format!("{} has fewer than 32 bytes, which is guessed", file.display()));
        }
        Ok(Self { key: UrlKey::new(id, secret.as_bytes())?, ttl_max: None })
    }

    /// The query, without `?`. `ip`: for an address or a range of them alone.
    ///
    /// # Errors
    /// What to mend.
    pub fn sign(&self, wish: &Wish, ip: Option<&str>, now: SystemTime) -> Result<String, String> {
        let stream = stream_of(&wish.path)?;
        let action = action_of(wish.may)?;
        check_ttl(wish.ttl, self.ttl_max, "auth.signed_urls.ttl_s_max")?;
        let ip = ip.unwrap_or_default();
        if !ip.is_empty() {
            AddressRange::try_from(ip.to_owned())?;
        }
        let expires = seconds(now, wish.ttl)?.to_string();
        let bps = wish.bitrate_bps_max.map(|bps| bps.to_string()).unwrap_or_default();
        let user = wish.user.as_deref().unwrap_or_default();
        let terms = Terms { action, stream: &stream, expires: &expires, user, ip, bps: &bps };
        let signature = self.key.sign(&terms);
        let fields = [
            ("expires", expires.as_str()),
            ("key", self.key.id()),
            ("user", user),
            ("ip", ip),
            ("bps", &bps),
        ];
        let mut query = String::new();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            query += &format!("{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        Ok(format!("{query}signature={signature}"))
    }
}

/// Which address a token or a query is laid into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// WHIP or WHEP.
    Endpoint,
    /// The page that publishes or watches.
    Page,
}

/// The whole address, at the server `base` (`https://live.example`), with `query`.
///
/// # Errors
/// What to mend.
pub fn address(base: &str, door: Door, wish: &Wish, query: &str) -> Result<String, String> {
    let base = base.trim_end_matches('/');
    if !(base.starts_with("http://") || base.starts_with("https://")) {
        return Err(format!("{base} is no address of a server, such as https://live.example"));
    }
    let StreamPath { app, name } = stream_of(&wish.path)?;
    let action = action_of(wish.may)?;
    Ok(match (door, action) {
        (Door::Endpoint, Action::Publish) => {
            format!("{base}/{}/whip/endpoint/{}?{query}", name::encode(&app), name::encode(&name))
        }
        (Door::Endpoint, Action::Play) => {
            format!("{base}/{}/whep/endpoint/{}?{query}", name::encode(&app), name::encode(&name))
        }
        (Door::Page, action) => {
            let page = if action == Action::Publish { "publish" } else { "watch" };
            let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
            format!("{base}/{page}?app={}&stream={}&{query}", escaped(&app), escaped(&name))
        }
    })
}

fn stream_of(path: &str) -> Result<StreamPath, String> {
    let (app, name) =
        path.rsplit_once('/').filter(|(app, name)| !app.is_empty() && !name.is_empty()).ok_or_else(|| {
            format!("{path} names no stream; a URL is for one, such as live/cam or live/room1/cam")
        })?;
    if path.contains('*') {
        return Err(format!("{path} is a pattern; a URL is for one stream, such as live/cam"));
    }
    name::check_app(name::first_segment(app), &Limits::default())?;
    Ok(StreamPath { app: app.to_owned(), name: name.to_owned() })
}

fn action_of(may: Rights) -> Result<Action, String> {
    match may {
        Rights::Publish => Ok(Action::Publish),
        Rights::Play => Ok(Action::Play),
        Rights::Both => Err("a URL is for one thing: --may publish, or --may play".to_owned()),
    }
}

fn actions(may: Rights) -> Vec<Action> {
    match may {
        Rights::Publish => vec![Action::Publish],
        Rights::Play => vec![Action::Play],
        Rights::Both => vec![Action::Publish, Action::Play],
    }
}

fn check_ttl(ttl: Duration, ttl_max: Option<Duration>, key: &str) -> Result<(), String> {
    match ttl_max {
        Some(ttl_max) if ttl > ttl_max => Err(format!(
            "the app takes {} s at most: ask for less with --ttl-s, or raise {key}",
            ttl_max.as_secs()
        )),
        _ => Ok(()),
    }
}

fn seconds(now: SystemTime, ttl: Duration) -> Result<u64, String> {
    let expires = now.checked_add(ttl).and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    expires.map(|since| since.as_secs()).ok_or_else(|| "that is no date".to_owned())
}

/// As the validators read it.
fn read(file: &Path) -> Result<String, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(text.trim_end().to_owned())
}
