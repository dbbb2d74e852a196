//! `fanlight user`: edits the files of users and stream keys. A server that runs takes them up within a second.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fanlight::Config;
use fanlight::roster::{self, Entry, Key, PasswordHash, Rights, Roster, Secret, Store};

use super::Fault;
use super::password;

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Lets a user in. The password is asked for.
    Add {
        name: String,
        /// publish, play, or publish,play.
        #[arg(long, value_name = "WHAT", default_value = "publish,play", value_parser = Rights::parse)]
        may: Rights,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        place: Place,
    },
    /// Changes a user's password.
    Passwd {
        name: String,
        #[command(flatten)]
        password: Password,
        #[command(flatten)]
        place: Place,
    },
    /// Lets a user in no more. Sessions that are live go on: the API ends them.
    Remove {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Who there is, and what each may.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Stream keys, for OBS and other encoders.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Makes a stream key and prints it, this once.
    Add {
        /// What the key is called in the file, the log and the API.
        name: String,
        /// publish, play, or publish,play.
        #[arg(long, value_name = "WHAT", default_value = "publish", value_parser = Rights::parse)]
        may: Rights,
        #[command(flatten)]
        limits: Limits,
        #[command(flatten)]
        place: Place,
    },
    /// Makes a key good for nothing. Sessions that are live go on: the API ends them.
    Remove {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Which keys there are, and what each opens.
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args)]
pub(super) struct Limits {
    /// Only these streams, as in cam1,cam*,room1/* (without the app); ** at the end stands for everything below.
    #[arg(long, value_name = "PATTERNS")]
    streams: Option<String>,
    /// Most media bits a second of each session.
    #[arg(long, value_name = "BPS", value_parser = clap::value_parser!(u64).range(1..))]
    bitrate_bps_max: Option<u64>,
    /// Only until then, as in 2027-01-31T18:00:00Z.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
}

#[derive(Args)]
pub(super) struct Password {
    /// Takes the password from standard input, for programs.
    #[arg(long)]
    password_stdin: bool,
}

/// Which file.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Place {
    /// The file itself.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The one that this app's file names (auth.users.file, auth.stream_keys.file).
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

/// What a file holds.
#[derive(Clone, Copy)]
enum Kind {
    Users,
    Keys,
}

pub(super) fn run(command: UserCommand, config: &Config) -> Result<(), Fault> {
    match command {
        UserCommand::Add { name, may, limits, password, place } => {
            add_user(&place.users(config)?, &name, may, &limits, &password)
        }
        UserCommand::Passwd { name, password, place } => {
            change_password(&place.users(config)?, &name, &password)
        }
        UserCommand::Remove { name, place } => remove(&place.users(config)?, &name),
        UserCommand::List { place } => list(&place.users(config)?),
        UserCommand::Key(KeyCommand::Add { name, may, limits, place }) => {
            add_key(&place.keys(config)?, &name, may, &limits)
        }
        UserCommand::Key(KeyCommand::Remove { name, place }) => remove(&place.keys(config)?, &name),
        UserCommand::Key(KeyCommand::List { place }) => list(&place.keys(config)?),
    }
}

fn add_user(file: &Path, name: &str, may: Rights, limits: &Limits, password: &Password) -> Result<(), Fault> {
    let is_there = |roster: &Roster| roster.find(name).is_some();
    let taken =
        || Fault::start(format!("{name} is there already; `fanlight user passwd` changes the password"));
    // Before the question as well: nobody should type a password for nothing.
    if Store::lock(file).and_then(|store| store.read()).map_err(Fault::start)?.find(name).is_some() {
        return Err(taken());
    }
    let mut entry = Entry::new(name, may, password.secret(name)?).map_err(Fault::start)?;
    limits.lay_on(&mut entry)?;
    edit(file, |roster| {
        if is_there(roster) {
            return Err(taken());
        }
        roster.put(entry);
        Ok(())
    })?;
    say(&format!("{name} may {may} now"))
}

fn change_password(file: &Path, name: &str, password: &Password) -> Result<(), Fault> {
    let unknown = || Fault::start(format!("there is no {name} in {}", file.display()));
    let former = Roster::read(file).map_err(Fault::start)?.find(name).cloned().ok_or_else(unknown)?;
    if matches!(former.secret, Secret::Key(_)) {
        return Err(Fault::start(format!("{name} is a stream key, which has no password")));
    }
    let secret = password.secret(name)?;
    edit(file, |roster| {
        let former = roster.find(name).cloned().ok_or_else(unknown)?;
        roster.put(Entry { secret, ..former });
        Ok(())
    })?;
    say(&format!("{name} has another password now"))
}

fn add_key(file: &Path, name: &str, may: Rights, limits: &Limits) -> Result<(), Fault> {
    let key = Key::make().map_err(Fault::start)?;
    let mut entry = Entry::new(name, may, key.secret()).map_err(Fault::start)?;
    limits.lay_on(&mut entry)?;
    edit(file, |roster| {
        if roster.find(name).is_some() {
            return Err(Fault::start(format!(
                "{name} is there already; remove it first, or take another name"
            )));
        }
        roster.put(entry);
        Ok(())
    })?;
    say("the key, which is shown this once (in OBS: service WHIP, Bearer Token):")?;
    // By itself, so that a program can take it.
    Ok(writeln!(io::stdout(), "{}", key.text())?)
}

fn remove(file: &Path, name: &str) -> Result<(), Fault> {
    edit(file, |roster| match roster.remove(name) {
        true => Ok(()),
        false => Err(Fault::start(format!("there is no {name} in {}", file.display()))),
    })?;
    say(&format!("{name} is removed"))
}

fn list(file: &Path) -> Result<(), Fault> {
    let roster = Roster::read(file).map_err(Fault::start)?;
    let mut out = io::stdout().lock();
    for entry in roster.entries() {
        writeln!(out, "{}", entry.without_secret())?;
    }
    Ok(())
}

fn edit(file: &Path, change: impl FnOnce(&mut Roster) -> Result<(), Fault>) -> Result<(), Fault> {
    let store = Store::lock(file).map_err(Fault::start)?;
    let mut roster = store.read().map_err(Fault::start)?;
    change(&mut roster)?;
    store.write(&roster).map_err(Fault::start)
}

/// For people: what programs read is on standard output.
fn say(text: &str) -> Result<(), Fault> {
    Ok(writeln!(io::stderr(), "{text}")?)
}

impl Limits {
    fn lay_on(&self, entry: &mut Entry) -> Result<(), Fault> {
        entry.bitrate_bps_max = self.bitrate_bps_max;
        if let Some(streams) = &self.streams {
            entry.limit_streams(streams).map_err(Fault::start)?;
        }
        if let Some(until) = &self.until {
            entry.limit_time(until).map_err(Fault::start)?;
        }
        Ok(())
    }
}

impl Password {
    fn secret(&self, name: &str) -> Result<Secret, Fault> {
        let password = if self.password_stdin { password::from_stdin() } else { password::ask(name) };
        let hash = PasswordHash::of(&password.map_err(Fault::start)?).map_err(Fault::start)?;
        Ok(Secret::Password(hash))
    }
}

impl Place {
    fn users(self, config: &Config) -> Result<PathBuf, Fault> {
        self.find(config, Kind::Users)
    }

    fn keys(self, config: &Config) -> Result<PathBuf, Fault> {
        self.find(config, Kind::Keys)
    }

    fn find(self, config: &Config, kind: Kind) -> Result<PathBuf, Fault> {
        let Self { file, app } = self;
        if let Some(file) = file {
            return Ok(file);
        }
        let app = app.unwrap_or_default();
        let files = roster::files_of(config, &app).map_err(Fault::start)?;
        let (file, section) = match kind {
            Kind::Users => (files.users, "users"),
            Kind::Keys => (files.stream_keys, "stream_keys"),
        };
        file.ok_or_else(|| {
            Fault::start(format!(
                "the app {app} names no such file: set auth.{section}.file, and list \"{section}\" in auth.publish or auth.play"
            ))
        })
    }
}
