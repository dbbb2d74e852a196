//! The command line, and what each command does.

mod banner;
mod dataplane;
mod logging;
mod password;
mod supervisor;
mod token;
mod user;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fanlight::{Config, ConfigFaults, LogLevel, Server};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

/// A process that cannot start ends with this: trying again would not help (EX_CONFIG of sysexits.h).
const CANNOT_START: u8 = 78;

/// A live-media server for large fan-out. Without a command it runs all of itself with what it finds.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration; each key may also be set by a variable such as FANLIGHT_HTTP__PORT.
    #[arg(long, global = true, value_name = "FILE", env = "FANLIGHT_CONFIG")]
    config: Option<PathBuf>,
    /// The process that started this one, and with which it ends.
    #[arg(long, global = true, hide = true, value_name = "PID")]
    supervisor: Option<i32>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Signalling, pages and metrics over HTTP. May be restarted at any time: media flows on.
    Control,
    /// The media.
    Dataplane,
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Users with passwords, and stream keys, in the files that apps name.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Makes tokens, signed URLs and secrets.
    #[command(subcommand)]
    Token(token::TokenCommand),
}

#[derive(Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Says OK and what is in force, or every fault.
    Check,
    /// Prints what is in force, as a file that can be loaded.
    Show,
}

pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let loaded = Config::load(arguments.config.as_deref(), environment);
    let outcome = match (arguments.command, loaded) {
        (_, Err(faults)) => Err(Fault::Config(faults)),
        (Some(Command::Config(command)), Ok(config)) => print_config(command, &config),
        (Some(Command::User(command)), Ok(config)) => user::run(command, &config),
        (Some(Command::Token(command)), Ok(config)) => token::run(command, &config),
        (command, Ok(config)) => start(command, config, arguments.config, arguments.supervisor),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            complain(&fault);
            ExitCode::from(CANNOT_START)
        }
    }
}

/// Why a command came to nothing. The texts say what to do.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the configuration has faults:\n{0}")]
    Config(ConfigFaults),
    #[error(
        "log.level is not understood: {0}; set it to info, or to directives such as info,fanlight::http=debug"
    )]
    LogLevel(String),
    #[error("{0}")]
    Start(String),
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

impl Fault {
    fn start(fault: impl Display) -> Self {
        Self::Start(fault.to_string())
    }
}

fn start(
    command: Option<Command>,
    config: Config,
    file: Option<PathBuf>,
    supervisor: Option<i32>,
) -> Result<(), Fault> {
    if let Some(pid) = supervisor {
        end_with(pid)?;
    }
    let log = logging::init(&config.log, config.api.log_access)?;
    match command {
        Some(Command::Dataplane) => dataplane::run(&config),
        Some(Command::Control) => runtime()?.block_on(control(config, log)),
        Some(Command::Config(_) | Command::User(_) | Command::Token(_)) | None => {
            runtime()?.block_on(supervisor::run(config, file))
        }
    }
}

/// One thread: signalling is light, and the cores belong to the shards.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn control(config: Config, log: LogLevel) -> Result<(), Fault> {
    let asked_to_end = asked_to_end()?;
    let server = Server::start_with(config, log).await.map_err(Fault::start)?;
    asked_to_end.await;
    server.shutdown().await;
    Ok(())
}

/// Resolves on SIGTERM or SIGINT, which are taken from the call on, not from the first poll.
fn asked_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends this process when its parent, the supervisor, does: nothing else would restart or stop it then.
fn end_with(supervisor: i32) -> Result<(), Fault> {
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(io::Error::from)?;
    // It may have died before the call.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) == Some(supervisor) {
        Ok(())
    } else {
        Err(Fault::Start("the supervisor is gone".to_owned()))
    }
}

fn print_config(command: ConfigCommand, config: &Config) -> Result<(), Fault> {
    logging::check(&config.log)?;
    let text = toml::to_string(config).map_err(Fault::start)?;
    let mut out = io::stdout().lock();
    if matches!(command, ConfigCommand::Check) {
        writeln!(out, "# OK. In force:\n")?;
    }
    Ok(out.write_all(text.as_bytes())?)
}

fn complain(fault: &Fault) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "fanlight: {fault}");
}
