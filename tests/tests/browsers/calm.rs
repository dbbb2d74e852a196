//! Whether pages show their stream without trouble, and whether the machine lets them.

use std::thread;
use std::time::Duration;

use fanlight_tests::browser::Page;
use fanlight_tests::processor::{IDLE_MIN, Processor};
use fanlight_tests::{Failure, TestResult, say};

use crate::pages::number;

/// What a viewer must be able to watch without a freeze.
pub(crate) const CALM: Duration = Duration::from_secs(10);
/// How often that may be tried: a machine that stalls is not the server's fault, a fault of the server comes again.
const TRIES: usize = 5;
/// Pictures decoded in a second: a fifth of what is published.
const FPS_MIN: f64 = 3.0;

/// Counters of a page's video that only grow.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counters {
    freezes: f64,
    packets_lost: f64,
    key_frame_requests: f64,
    frames: f64,
}

impl Counters {
    fn of(page: &Page) -> TestResult<Self> {
        let video = |field: &str| number(page, &format!("window.fanlight.lastStats.video.{field}"));
        Ok(Self {
            freezes: video("freezes.count")?,
            packets_lost: video("packetsLost")?,
            key_frame_requests: video("plis")?,
            frames: video("framesDecoded")?,
        })
    }

    /// Enough pictures came in that time, and nothing else changed.
    fn is_calm_since(&self, before: &Self, time: Duration) -> bool {
        self.frames - before.frames >= FPS_MIN * time.as_secs_f64()
            && Self { frames: before.frames, ..*self } == *before
    }
}

/// Waits until each page has had that time without a freeze, a lost packet and a wish for a key frame.
pub(crate) fn wait_for_calm(pages: &[Page], time: Duration) -> TestResult {
    let mut troubled: Vec<&Page> = pages.iter().collect();
    let mut report = Vec::new();
    let mut judged = false;
    for _ in 0..TRIES {
        let before = troubled.iter().map(|page| Counters::of(page)).collect::<TestResult<Vec<_>>>()?;
        let start = Processor::now()?;
        thread::sleep(time);
        let idle = Processor::now()?.idle_since(&start);
        let mut left = Vec::new();
        for (page, before) in troubled.into_iter().zip(before) {
            let after = Counters::of(page)?;
            assert!(
                after.frames > before.frames,
                "the picture stands still: {after:?}; {:?}",
                page.console()
            );
            if !after.is_calm_since(&before, time) {
                report.push(format!("{before:?} to {after:?} with {:.0} % idle", idle * 100.0));
                left.push(page);
            }
        }
        troubled = left;
        judged |= idle >= IDLE_MIN;
        if troubled.is_empty() {
            return Ok(());
        }
    }
    if judged {
        return Err(Failure::new(format!("no {time:?} without trouble: {report:#?}")));
    }
    say(&format!("not judged for freezes, the machine had no time to spare: {report:#?}"));
    Ok(())
}
