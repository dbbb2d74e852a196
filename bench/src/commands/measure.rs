//! The commands that load a running server: `load`, `soak`, `capacity`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use fanlight_bench::capacity::{self, Step};
use fanlight_bench::floor::Way;
use fanlight_bench::load;
use fanlight_bench::page;
use fanlight_bench::show::Terminal;

use super::{Common, Fault, PlanArguments, TargetArguments};

/// Comes and goes each second of a soak whose plan lets nobody leave.
const SOAK_LEAVES_PER_SECOND: f64 = 1.0;

/// What all of them are told.
#[derive(Args)]
struct What {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    plan: PlanArguments,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(super) struct Load {
    #[command(flatten)]
    what: What,
    /// Do not measure the floor of this machine afterwards.
    #[arg(long)]
    no_floor: bool,
}

#[derive(Args)]
pub(super) struct Soak {
    /// How long.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    #[command(flatten)]
    what: What,
}

#[derive(Args)]
pub(super) struct Capacity {
    #[command(flatten)]
    what: What,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Fault> {
        let (plan, options) = (self.what.plan.load()?, self.what.common.options()?);
        let loaded = self.what.target.open(&options)?;
        let mut report = load::run(&plan, &loaded.target, &options, &mut Terminal::default())?;
        // A server of ours would be in the way of the floor.
        drop(loaded);
        if !self.no_floor {
            // A floor is a luxury: without one the report stands as well.
            if let Err(error) = report.measure_floor(options.cores.first().copied().unwrap_or(0)) {
                let _ = writeln!(io::stderr(), "no floor: {error}");
            }
        }
        write!(io::stdout(), "{report}")?;
        self.what.common.keep(&plan.name, &report, || page::render(&report))
    }
}

impl Soak {
    pub(super) fn run(self) -> Result<(), Fault> {
        let mut plan = self.what.plan.load()?;
        plan.time.window_s = self.hours * 3_600.0;
        if plan.viewers.leaves_per_second <= 0.0 {
            plan.viewers.leaves_per_second = SOAK_LEAVES_PER_SECOND;
        }
        let options = self.what.common.options()?;
        let loaded = self.what.target.open(&options)?;
        let report = load::run(&plan, &loaded.target, &options, &mut Terminal::default())?;
        write!(io::stdout(), "{report}")?;
        self.what.common.keep(&plan.name, &report, || page::render(&report))
    }
}

impl Capacity {
    pub(super) fn run(self) -> Result<(), Fault> {
        let (plan, options) = (self.what.plan.load()?, self.what.common.options()?);
        let loaded = self.what.target.open(&options)?;
        let mut is_first = true;
        let tell = &mut |step: &Step| {
            // The table at the end is what counts.
            if std::mem::take(&mut is_first) {
                let _ = writeln!(io::stderr(), "{}", Step::heading());
            }
            let _ = writeln!(io::stderr(), "{step}");
        };
        let capacity = capacity::run(&plan, &loaded.target, &options, &mut Terminal::default(), tell)?;
        write!(io::stdout(), "{capacity}")?;
        self.what.common.keep(&plan.name, &capacity, || page::render_capacity(&capacity))
    }
}

/// What the machine allows.
#[derive(Args)]
pub(super) struct Floor {
    /// Only what a report of so many viewers needs.
    #[arg(long, value_name = "VIEWERS")]
    brief: Option<usize>,
    /// The core that sends, counted from 0. The last one unless told.
    #[arg(long)]
    core: Option<usize>,
    /// Compare the ways to the kernel, those that the server does not take too: all of them, or these.
    #[arg(long, value_name = "WAY", value_delimiter = ',', num_args = 0.., conflicts_with_all = ["brief", "reception"])]
    backends: Option<Vec<Way>>,
    /// Only what the harness itself can take.
    #[arg(long, conflicts_with = "brief")]
    reception: bool,
    /// Where to write the table as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Floor {
    pub(super) fn run(self) -> Result<(), Fault> {
        use fanlight_bench::floor::{self, FloorOptions, SideBySide, reception};
        let mut out = io::stdout();
        if !self.reception {
            let mut options = match (&self.backends, self.brief) {
                (Some(ways), _) => FloorOptions::backends(ways),
                (None, Some(viewers)) => FloorOptions::brief(Way::IoUring, viewers),
                (None, None) => FloorOptions::default(),
            };
            options.core = self.core.unwrap_or(options.core);
            let floor = floor::run(&options, &mut |row| drop(writeln!(io::stderr(), "{row}")))?;
            write!(out, "{floor}")?;
            if let Some(file) = &self.json {
                super::write_json(file, &floor)?;
            }
            if self.backends.is_some() {
                return Ok(write!(out, "{}", SideBySide(&floor))?);
            }
        }
        for (viewers, train) in [(100, 10), (1_000, 10), (1_000, 1)] {
            let rest = std::time::Duration::from_secs(2);
            writeln!(out, "{}", reception::run(viewers, train, None, rest)?)?;
        }
        Ok(())
    }
}
