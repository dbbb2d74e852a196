//! Running a case under callgrind, and reading what it wrote.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use fanlight_bench::instructions::collected;

/// Where the profiles are left: `callgrind_annotate FILE` shows which functions the instructions are in.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/instructions");

/// Instructions of a case, divided by its packets.
pub(crate) fn instructions_a_packet(case: &str) -> Result<f64, Box<dyn Error>> {
    fs::create_dir_all(FOLDER)?;
    let profile = Path::new(FOLDER).join(format!("{case}.callgrind"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*cases::counted*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args(["--case", case])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{case}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let packets: u64 = said.trim().parse()?;
    let instructions = collected(&fs::read_to_string(&profile)?).ok_or("a profile without totals")?;
    if instructions == 0 {
        return Err(format!("{case}: callgrind found no function to count in").into());
    }
    let tenths = u32::try_from(instructions * 10 / packets)?;
    Ok(f64::from(tenths) / 10.0)
}
