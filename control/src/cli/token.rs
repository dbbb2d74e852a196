//! `fanlight token`: makes tokens, signed URLs and secrets. What was made stands alone on standard output, for scripts; all else on
//! standard error.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};
use fanlight::Config;
use fanlight::config::Scope;
use fanlight::mint::{self, Door, QueryKey, TokenKey, Wish};
use fanlight::roster::Rights;

use super::Fault;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// A JSON Web Token, for apps that list "jwt".
    Jwt {
        /// live/cam, live/room1/cam*, live/** … or live alone: all of it.
        path: String,
        /// publish, play, or publish,play.
        #[arg(long, value_name = "WHAT", default_value = "play", value_parser = Rights::parse)]
        may: Rights,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        key: Key,
        /// The issuer's private key in PEM, with --algorithm.
        #[arg(long, value_name = "FILE", conflicts_with = "secret_file", requires = "algorithm")]
        key_file: Option<PathBuf>,
        /// Of --key-file or --secret-file; HS256 if a secret is given.
        #[arg(long, value_name = "NAME")]
        algorithm: Option<String>,
        /// What iss says; otherwise auth.jwt.issuer.
        #[arg(long)]
        issuer: Option<String>,
        /// What aud says; otherwise auth.jwt.audience.
        #[arg(long)]
        audience: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// The query of a signed URL, for apps that list "signed_urls".
    Url {
        /// One stream: live/cam, live/room1/cam.
        path: String,
        /// publish or play.
        #[arg(long, value_name = "WHAT", default_value = "play", value_parser = Rights::parse)]
        may: Rights,
        #[command(flatten)]
        limits: Limits,
        /// Only from this address, or this range of them.
        #[arg(long, value_name = "ADDRESS")]
        ip: Option<String>,
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        place: Place,
    },
    /// A secret for a secret_file: 256 random bits.
    Secret,
    /// An access token of the API, and its line for the configuration.
    Api {
        /// What the log calls it.
        #[arg(long)]
        name: String,
        /// read, control, admin: what it may do.
        #[arg(long, value_name = "SCOPE", required = true, value_delimiter = ',')]
        scope: Vec<ScopeName>,
    },
}

#[derive(Args)]
pub(super) struct Limits {
    /// Seconds for which it is good; sessions end then.
    #[arg(long, value_name = "S", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    ttl_s: u32,
    /// Whom it is for: shown in the API, and a revocation can name it.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Most media bits a second.
    #[arg(long, value_name = "BPS", value_parser = clap::value_parser!(u64).range(1..))]
    bitrate_bps_max: Option<u64>,
}

/// What signs. Without --secret-file the app's own file is asked.
#[derive(Args)]
pub(super) struct Key {
    /// The key's id in the app's file; otherwise the first that can sign.
    #[arg(long = "key", value_name = "ID")]
    id: Option<String>,
    /// The secret itself, in the place of what the app's file says.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// In what it is laid.
#[derive(Args)]
pub(super) struct Place {
    /// The whole address at this server, as in https://live.example: of WHIP or WHEP.
    #[arg(long, value_name = "SERVER")]
    url: Option<String>,
    /// Of the page, with --url.
    #[arg(long, requires = "url")]
    page: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum ScopeName {
    Read,
    Control,
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Control => Self::Control,
            ScopeName::Admin => Self::Admin,
        }
    }
}

pub(super) fn run(command: TokenCommand, config: &Config) -> Result<(), Fault> {
    match command {
        TokenCommand::Jwt { path, may, limits, key, key_file, algorithm, issuer, audience, place } => {
            let wish = limits.wish(path, may);
            let signing = match key_file.or(key.secret_file) {
                Some(file) => {
                    let algorithm = algorithm.as_deref().unwrap_or("HS256");
                    TokenKey::of_file(&file, algorithm, key.id.as_deref().unwrap_or_default())
                }
                None => TokenKey::of_app(config, &wish.path, key.id.as_deref()),
            };
            let signing = signing.map_err(Fault::start)?.with(issuer, audience);
            let (token, jti) = signing.sign(&wish, SystemTime::now()).map_err(Fault::start)?;
            say(&format!("{}; to revoke it, name the credential {jti}", wish_in_words(&wish)))?;
            print(&place.lay(&wish, token, "token=")?)
        }
        TokenCommand::Url { path, may, limits, ip, key, place } => {
            let wish = limits.wish(path, may);
            let signing = match (key.secret_file, &key.id) {
                (Some(file), Some(id)) => QueryKey::of_file(&file, id),
                (Some(_), None) => Err("name the key's id with --key: it is part of the URL".to_owned()),
                (None, id) => QueryKey::of_app(config, &wish.path, id.as_deref()),
            };
            let query = signing.and_then(|key| key.sign(&wish, ip.as_deref(), SystemTime::now()));
            say(&wish_in_words(&wish))?;
            print(&place.lay(&wish, query.map_err(Fault::start)?, "")?)
        }
        TokenCommand::Secret => print(&mint::secret().map_err(Fault::start)?),
        TokenCommand::Api { name, scope } => {
            let scopes: Vec<Scope> = scope.into_iter().map(Scope::from).collect();
            let (token, line) = mint::api_token(&name, &scopes).map_err(Fault::start)?;
            say(&format!("for the list [api] tokens:\n{line}\nthe token, which is shown this once:"))?;
            print(&token)
        }
    }
}

fn wish_in_words(wish: &Wish) -> String {
    let Wish { path, may, ttl, .. } = wish;
    format!("may {may} {path} for {} s", ttl.as_secs())
}

impl Limits {
    fn wish(self, path: String, may: Rights) -> Wish {
        let Self { ttl_s, user, bitrate_bps_max } = self;
        Wish { path, may, ttl: Duration::from_secs(ttl_s.into()), user, bitrate_bps_max }
    }
}

impl Place {
    /// `made` by itself, or the address with it in the query, behind `name`.
    fn lay(&self, wish: &Wish, made: String, name: &str) -> Result<String, Fault> {
        let Some(base) = &self.url else { return Ok(made) };
        let door = if self.page { Door::Page } else { Door::Endpoint };
        mint::address(base, door, wish, &format!("{name}{made}")).map_err(Fault::start)
    }
}

/// By itself, so that a program can take it.
fn print(text: &str) -> Result<(), Fault> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// For people.
fn say(text: &str) -> Result<(), Fault> {
    Ok(writeln!(io::stderr(), "{text}")?)
}
