//! The live view of a run: what happens now, on a terminal that it redraws, or a line every few seconds where there is none.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// On a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);
/// Elsewhere.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Characters of the progress bar.
const BAR: usize = 30;

/// What a run is doing.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pub doing: String,
    /// 0 to 1.
    pub done: f64,
    pub asked: usize,
    pub watching: usize,
    pub failed: usize,
    pub packets_per_second: f64,
    pub missing: u64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub server_cores: Option<f64>,
}

/// Somebody who looks on.
pub trait Show {
    fn show(&mut self, progress: &Progress);
}

/// Nobody looks on.
pub struct Silent;

impl Show for Silent {
    fn show(&mut self, _: &Progress) {}
}

/// Standard error.
pub struct Terminal {
    is_terminal: bool,
    last: Option<Instant>,
    /// Lines that the next drawing overwrites.
    drawn: usize,
    doing: String,
}

impl Default for Terminal {
    fn default() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_terminal, last: None, drawn: 0, doing: String::new() }
    }
}

impl Show for Terminal {
    fn show(&mut self, progress: &Progress) {
        let interval = if self.is_terminal { REDRAW_INTERVAL } else { LINE_INTERVAL };
        let is_new = self.doing != progress.doing;
        if !is_new && self.last.is_some_and(|last| last.elapsed() < interval) {
            return;
        }
        self.last = Some(Instant::now());
        self.doing.clone_from(&progress.doing);
        // If standard error is closed nobody looks on.
        let _ = if self.is_terminal {
            self.redraw(progress)
        } else {
            writeln!(io::stderr(), "{}", line(progress))
        };
    }
}

impl Terminal {
    fn redraw(&mut self, progress: &Progress) -> io::Result<()> {
        let mut out = io::stderr().lock();
        if self.drawn > 0 {
            write!(out, "\x1b[{}A", self.drawn)?;
        }
        let lines = lines(progress);
        for line in &lines {
            writeln!(out, "\x1b[2K{line}")?;
        }
        self.drawn = lines.len();
        out.flush()
    }
}

impl Drop for Terminal {
    /// The report takes the place of the view.
    fn drop(&mut self) {
        if self.is_terminal && self.drawn > 0 {
            let _ = write!(io::stderr(), "\x1b[{}A\x1b[J", self.drawn);
        }
    }
}

fn lines(progress: &Progress) -> Vec<String> {
    let Progress { asked, watching, failed, missing, .. } = progress;
    let quality = match (progress.p50_ms, progress.p99_ms) {
        (Some(p50), Some(p99)) => format!("p50 {p50:.2} ms   p99 {p99:.2} ms"),
        _ => "no latency yet".to_owned(),
    };
    let server = progress.server_cores.map_or(String::new(), |cores| format!("   server {cores:.2} cores"));
    vec![
        format!("  {:<24}{}", progress.doing, bar(progress.done)),
        format!("  viewers  {watching} of {asked} watching, {failed} failed"),
        format!("  packets  {:.1} k a second, {missing} missing", progress.packets_per_second / 1e3),
        format!("  latency  {quality}{server}"),
    ]
}

fn line(progress: &Progress) -> String {
    let Progress { doing, asked, watching, failed, missing, .. } = progress;
    let rate = progress.packets_per_second / 1e3;
    let latency = progress.p99_ms.map_or(String::new(), |p99| format!(", p99 {p99:.2} ms"));
    format!(
        "{doing}: {watching} of {asked} watching, {failed} failed, {rate:.1} k packets a second, {missing} missing{latency}"
    )
}

fn bar(done: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the bar's length"
    )]
    let full = (done.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("[{}{}] {:>3.0} %", "█".repeat(full), "·".repeat(BAR - full), done.clamp(0.0, 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A person looks at this for hours; what it says must be what is.
    #[test]
    fn the_view_says_who_watches_and_how_well() {
        let progress = Progress {
            doing: "measuring".to_owned(),
            done: 0.5,
            asked: 100,
            watching: 98,
            failed: 2,
            packets_per_second: 28_400.0,
            missing: 3,
            p50_ms: Some(0.4),
            p99_ms: Some(2.0),
            server_cores: Some(0.25),
        };
        let text = lines(&progress).join("\n");
        for part in [
            "98 of 100 watching, 2 failed",
            "28.4 k a second, 3 missing",
            "p99 2.00 ms",
            "0.25 cores",
            "50 %",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(bar(7.0).ends_with("100 %") && bar(-1.0).ends_with("  0 %"));
    }
}
