//! What this machine allows at best: `cargo run --release -p fanlight-bench --example floor`, and with `-- 500` only what a
//! report of 500 viewers needs.

use std::io::{self, Write};
use std::time::Instant;

use fanlight_bench::floor::{self, FloorError, FloorOptions, Way};

fn main() -> Result<(), FloorError> {
    let viewers = std::env::args().nth(1).and_then(|viewers| viewers.parse().ok());
    let options =
        viewers.map_or_else(FloorOptions::default, |viewers| FloorOptions::brief(Way::IoUring, viewers));
    let start = Instant::now();
    let floor = floor::run(&options, &mut |_| {})?;
    // If standard output is closed there is nobody to tell.
    let _ = writeln!(io::stdout(), "{floor}{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
