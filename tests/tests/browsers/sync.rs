//! Sound and picture of one publisher belong together: what leaves at the same time must arrive at the same time.

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::processor::{IDLE_MIN, Processor};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult, say};

use crate::pages::{PICTURE, SOON, number, publish, wait_for_picture, watch};

/// Between -40 and 40 ms nobody sees it: ITU-R BT.1359 puts the threshold of detection at 45 ms early and 125 ms late.
const ERROR_MS_MAX: f64 = 40.0;
/// One beep a second, and the median is of the last ten.
const BEEPS: u32 = 12;
/// How often so many are waited for. Chromium begins with the sound some 80 ms late and takes half a minute to mend that, also
/// where two of its connections meet without a server.
const TRIES: u32 = 6;

/// The median, in ms, that the sound is behind the picture, from -500 to 500.
fn behind(page: &Page) -> TestResult<f64> {
    number(page, "window.fanlight.lipSync.median")
}

fn check(page: &Page, names: &str) -> TestResult {
    let mut judged = false;
    let mut medians = Vec::new();
    for tried in 1..=TRIES {
        let start = Processor::now()?;
        page.wait_for(&format!("window.fanlight.lipSync.heard >= {}", BEEPS * tried), SOON)?;
        judged |= Processor::now()?.idle_since(&start) >= IDLE_MIN;
        let median = behind(page)?;
        medians.push(format!("{median:+.0}"));
        if median.abs() < ERROR_MS_MAX {
            say(&format!(
                "{names}: the sound is {medians:?} ms behind the picture, medians of ten beeps, a try each"
            ));
            return Ok(());
        }
    }
    let words = format!("{names}: the sound is {medians:?} ms behind the picture");
    if judged {
        return Err(Failure::new(words));
    }
    say(&format!("not judged, the machine had no time to spare: {words}"));
    Ok(())
}

/// Browsers align by the sender reports, which the server makes anew for each viewer. Firefox is not asked: without a sound
/// card its audio clock is a timer that runs slow.
#[test]
fn sound_and_picture_are_in_step() -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    let _publisher = publish(&browser, &server, "stage", "VP8", PICTURE)?;
    let viewer = watch(&browser, &server, "stage")?;
    wait_for_picture(&viewer)?;
    check(&viewer, "Chromium to Chromium, VP8")
}
