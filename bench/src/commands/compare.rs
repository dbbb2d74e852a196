//! `compare` and `page`: what is made of reports that were kept.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use fanlight_bench::compare::Comparison;
use fanlight_bench::page;
use fanlight_bench::report::Report;

use super::{Fault, write_json, write_page};

#[derive(Args)]
pub(super) struct Compare {
    /// Reports of `load --json`. The others are measured by the first.
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// Where to write the comparison as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to write it as a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Page {
    /// A report of `load --json`.
    #[arg(value_name = "FILE")]
    report: PathBuf,
    /// Where to write the page.
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
}

impl Compare {
    pub(super) fn run(&self) -> Result<(), Fault> {
        let named = names(&self.reports).into_iter().zip(&self.reports);
        let reports: Result<Vec<_>, Fault> =
            named.map(|(name, file)| Ok((name, Report::read(file)?))).collect();
        let comparison = Comparison::of(reports?);
        write!(io::stdout(), "{comparison}")?;
        if let Some(file) = &self.json {
            write_json(file, &comparison)?;
        }
        self.html.as_deref().map_or(Ok(()), |file| write_page(file, &page::render_comparison(&comparison)))
    }
}

impl Page {
    pub(super) fn run(&self) -> Result<(), Fault> {
        write_page(&self.html, &page::render(&Report::read(&self.report)?))
    }
}

/// The files' names without folder and ending, if these tell them apart.
fn names(files: &[PathBuf]) -> Vec<String> {
    let short = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<_> = files.iter().map(short).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() == files.len() {
        return files.iter().map(short).collect();
    }
    files.iter().map(|file| file.display().to_string()).collect()
}
