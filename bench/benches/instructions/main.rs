//! How many instructions a packet takes: the gate that no noise opens.
//!
//! ```text
//!   bench/instructions ─► this ─► valgrind --tool=callgrind this --case turn_100 ─► totals ÷ packets ─► instructions.toml
//! ```
//!
//! Each case runs in a process of its own under valgrind's callgrind, which counts only inside [`cases::counted`]: what the
//! case is made of, and what the publisher does, is left out. Nothing random and no clock is in a case.
//!
//! # What the counts are of
//! valgrind 3.19 knows no AVX-512 and no VAES, and says so to whoever asks for CPUID: the crypto library then takes its
//! AES-NI and AVX2 code. In production on a newer processor sealing 1,200 bytes takes fewer instructions than here; that of
//! our own code is the same.
#![allow(
    clippy::unwrap_used,
    reason = "what a benchmark is set up with is known to be right, or it must not run"
)]

mod callgrind;
mod cases;
#[path = "../scene/mod.rs"]
mod scene;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::{env, fs};

use fanlight_bench::instructions::Figures;

use self::cases::CASES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

fn main() -> ExitCode {
    // Cargo adds its own to what it was given.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["--case", case] => run_case(case),
        [] => compare(false),
        ["--short"] => compare(true),
        ["--write"] => write(),
        _ => Err("usage: bench/instructions [--short | --write]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "bench/instructions: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Under valgrind.
fn run_case(case: &str) -> Result<(), Box<dyn Error>> {
    let packets = cases::run(case)?;
    Ok(writeln!(io::stdout(), "{packets}")?)
}

fn compare(is_short: bool) -> Result<(), Box<dyn Error>> {
    let committed = Figures::parse(&fs::read_to_string(FILE)?)?;
    let comparison = committed.compare(&count(is_short)?);
    write!(io::stdout(), "{comparison}")?;
    if comparison.is_kept() { Ok(()) } else { Err("a packet takes more instructions than it may".into()) }
}

fn write() -> Result<(), Box<dyn Error>> {
    let text = count(false)?.write()?;
    fs::write(FILE, &text)?;
    Ok(write!(io::stdout(), "{text}")?)
}

fn count(is_short: bool) -> Result<Figures, Box<dyn Error>> {
    let mut instructions_a_packet = BTreeMap::new();
    for case in CASES.iter().filter(|case| !(is_short && case.is_long)) {
        let instructions = callgrind::instructions_a_packet(case.name)?;
        instructions_a_packet.insert(case.name.to_owned(), instructions);
    }
    let (valgrind, rustc) = (version("valgrind")?, version("rustc")?);
    Ok(Figures { valgrind, rustc, instructions_a_packet })
}

fn version(program: &str) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
