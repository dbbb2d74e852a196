//! What can be asked for, and who does it.

mod compare;
mod measure;
mod refusals;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use fanlight_bench::ab::{self, AbError};
use fanlight_bench::floor::FloorError;
use fanlight_bench::listener;
use fanlight_bench::load::{LoadError, Options};
use fanlight_bench::namespace::{Namespace, NamespaceError};
use fanlight_bench::page;
use fanlight_bench::plan::{self, Plan, PlanError};
use fanlight_bench::promises::{self, PromiseError};
use fanlight_bench::refusals::RefusalsError;
use fanlight_bench::report::{ReadError, Report};
use fanlight_bench::server::{Server, ServerError};
use fanlight_bench::show::Terminal;
use fanlight_bench::target::{Target, Template};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Loads WHIP/WHEP servers and measures what they deliver and what that costs them.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One load against a running server.
    Load(measure::Load),
    /// More and more viewers, until a limit of the plan breaks.
    Capacity(measure::Capacity),
    /// A load for hours, with viewers that come and go: what grows?
    Soak(measure::Soak),
    /// What this machine allows at best, and what this harness can take.
    Floor(measure::Floor),
    /// Starts a Fanlight binary with io_uring and with plain system calls in turn, and compares.
    Ab {
        /// The binary. Use a release build.
        #[arg(long, value_name = "FILE")]
        binary: PathBuf,
        /// Loads of each side.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
        rounds: u16,
        #[command(flatten)]
        plan: PlanArguments,
        #[command(flatten)]
        common: Common,
    },
    /// Measures all promised figures of the README with a Fanlight binary and prints the table.
    Promises {
        /// The binary. Use a release build.
        #[arg(long, value_name = "FILE")]
        binary: PathBuf,
        /// Loads of each kind; the table has their medians.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
        rounds: u16,
        #[command(flatten)]
        common: Common,
    },
    /// Floods a Fanlight binary with requests to be refused: what one costs, and what honest viewers notice.
    Refusals(refusals::Refusals),
    /// Sets reports side by side.
    Compare(compare::Compare),
    /// Makes a page of a report.
    Page(compare::Page),
    /// Lists the plans inside this program.
    Plans,
}

/// The server.
#[derive(Args)]
struct TargetArguments {
    /// Where to publish; {stream} and {publisher} are filled in.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/live/whip/endpoint/{stream}")]
    whip: Template,
    /// Where to watch; {viewer}, too, is filled in.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/live/whep/endpoint/{stream}")]
    whep: Template,
    /// Streams are called by this and a number.
    #[arg(long, value_name = "NAME", default_value = "bench")]
    stream: String,
    /// A header of each request, as "Name: value". May be repeated.
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Sent as a bearer token.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Take certificates of any issuer.
    #[arg(long)]
    insecure: bool,
    /// The server's process on this machine; it and its descendants are charged. Unless told, whoever listens where the WHIP URL
    /// leads, if that is this machine.
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Start this Fanlight binary and load it, with one shard kept on the first core. Use a release build.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["whip", "whep", "server_pid"])]
    binary: Option<PathBuf>,
}

/// A server of our own, where one was asked for, and where to load it.
struct Loaded {
    target: Target,
    _server: Option<Server>,
}

/// Where results go that were told no place, in the working directory.
const FOLDER: &str = "bench-reports";

/// What to load with.
#[derive(Args)]
struct PlanArguments {
    /// A plan's file, or the name of one inside this program.
    #[arg(long, default_value = "webinar", value_name = "FILE|NAME")]
    plan: String,
    /// Changes a key of the plan, as in viewers.per_publisher=200. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Short for --set viewers.per_publisher=…
    #[arg(long)]
    viewers: Option<usize>,
    /// Short for --set time.window_s=…
    #[arg(long)]
    seconds: Option<f64>,
}

/// How the generator runs, and what is left of it.
#[derive(Args)]
struct Common {
    /// The cores to keep busy with media, a thread each, counted from 0. The last one unless told.
    #[arg(long, value_name = "CORE", value_delimiter = ',', conflicts_with = "no_pin")]
    cores: Vec<usize>,
    /// Keep to no core.
    #[arg(long)]
    no_pin: bool,
    /// Open the sockets of publishers and viewers in a network namespace of their own, behind a virtual cable. Takes root. A server
    /// that runs already must listen on the cable's address, which is printed; one of --binary does.
    #[arg(long)]
    netns: bool,
    /// Where to write the report as JSON. Told neither this nor --html, a load writes both into bench-reports.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to write it as a page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Ab(#[from] AbError),
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error(transparent)]
    Promise(#[from] PromiseError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Floor(#[from] FloorError),
    #[error(transparent)]
    Refusals(#[from] RefusalsError),
    #[error(transparent)]
    Report(#[from] ReadError),
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("promises are a table for the README and not a page: leave --html out")]
    NoPage,
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    match arguments.command {
        Command::Load(load) => load.run()?,
        Command::Capacity(capacity) => capacity.run()?,
        Command::Soak(soak) => soak.run()?,
        Command::Floor(floor) => floor.run()?,
        Command::Ab { binary, rounds, plan, common } => {
            let plan = plan.load()?;
            let tell = &mut |side: &str, round: usize, report: &Report| {
                // The comparison at the end is what counts.
                let _ = writeln!(io::stdout(), "round {}, {side}\n{report}", round + 1);
            };
            let comparison = ab::run(&binary, rounds.into(), &plan, &common.options()?, tell)?;
            write!(io::stdout(), "{comparison}")?;
            common.keep_json(&comparison)?;
            common.keep_page(|| page::render_comparison(&comparison.side_by_side()))?;
        }
        Command::Promises { binary, rounds, common } => {
            if common.html.is_some() {
                return Err(Fault::NoPage);
            }
            let (options, show) = (common.options()?, &mut Terminal::default());
            let promises = promises::run(&binary, rounds.into(), &options, show)?;
            write!(io::stdout(), "{promises}")?;
            common.keep_json(&promises)?;
        }
        Command::Refusals(refusals) => refusals.run()?,
        Command::Compare(compare) => compare.run()?,
        Command::Page(page) => page.run()?,
        Command::Plans => {
            for name in plan::names() {
                writeln!(io::stdout(), "{name:<14}{}", Plan::load(name, &[])?.about)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl TargetArguments {
    fn open(self, options: &Options) -> Result<Loaded, Fault> {
        if let Some(binary) = &self.binary {
            let server = Server::start(binary, "auto", options.server_address())?;
            return Ok(Loaded { target: server.target()?, _server: Some(server) });
        }
        let mut headers = self.headers;
        headers.extend(self.token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}"))));
        let Self { mut whip, mut whep, stream, insecure, server_pid, .. } = self;
        let process = server_pid.or_else(|| listener::process_at(whip.address().ok()?));
        if let Some(namespace) = &options.namespace {
            // Loopback in there is not ours.
            (whip, whep) = (whip.moved_to(namespace.outside()), whep.moved_to(namespace.outside()));
            writeln!(io::stderr(), "the server is loaded at {whip} and {whep}")?;
        }
        let target = Target { whip, whep, stream, headers, insecure, process };
        Ok(Loaded { target, _server: None })
    }
}

impl PlanArguments {
    fn load(&self) -> Result<Plan, PlanError> {
        let mut settings = self.settings.clone();
        settings.extend(self.viewers.map(|viewers| format!("viewers.per_publisher={viewers}")));
        settings.extend(self.seconds.map(|seconds| format!("time.window_s={seconds:?}")));
        Plan::load(&self.plan, &settings)
    }
}

impl Common {
    fn options(&self) -> Result<Options, Fault> {
        let last = fanlight_ring::cores().saturating_sub(1);
        let cores = match (self.no_pin, &self.cores[..]) {
            (true, _) => Vec::new(),
            (false, []) => vec![last],
            (false, cores) => cores.to_vec(),
        };
        let namespace = self.netns.then(Namespace::make).transpose()?.map(Arc::new);
        Ok(Options { cores, namespace })
    }

    /// Writes a result where it was told to; told nothing, to files called by the plan and the time, and says where.
    fn keep<T: Serialize>(&self, plan: &str, result: &T, page: impl FnOnce() -> String) -> Result<(), Fault> {
        if self.json.is_some() || self.html.is_some() {
            self.keep_json(result)?;
            return self.keep_page(page);
        }
        let folder = Path::new(FOLDER);
        fs::create_dir_all(folder).map_err(|cause| Fault::File(folder.to_owned(), cause))?;
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        // To the second, and without what some file systems do not like.
        let name = format!("{plan}-{}", now.chars().take(19).collect::<String>().replace(':', ""));
        // A plan of one's own may be called anything.
        let name = name.replace(['/', '\\'], "-");
        let (json, html) = (folder.join(format!("{name}.json")), folder.join(format!("{name}.html")));
        write_json(&json, result)?;
        write_page(&html, &page())?;
        writeln!(io::stdout(), "written: {} and {}", html.display(), json.display())?;
        Ok(())
    }

    fn keep_json<T: Serialize>(&self, result: &T) -> Result<(), Fault> {
        self.json.as_deref().map_or(Ok(()), |file| write_json(file, result))
    }

    fn keep_page(&self, page: impl FnOnce() -> String) -> Result<(), Fault> {
        self.html.as_deref().map_or(Ok(()), |file| write_page(file, &page()))
    }
}

fn write_page(file: &Path, page: &str) -> Result<(), Fault> {
    fs::write(file, page).map_err(|cause| Fault::File(file.to_owned(), cause))
}

fn write_json<T: Serialize>(file: &Path, result: &T) -> Result<(), Fault> {
    let failed = |cause| Fault::File(file.to_owned(), cause);
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    serde_json::to_writer_pretty(&mut out, result).map_err(|cause| failed(cause.into()))?;
    out.flush().map_err(failed)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as \"Name: value\"")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
