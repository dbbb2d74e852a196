//! Viewers that come late: their first picture is there at once, and costs the publisher nothing.

use std::thread;
use std::time::Duration;

use fanlight_tests::browser::{Browser, Make};
use fanlight_tests::processor::{IDLE_MIN, Processor};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::pages::{SOON, number, publish, wait_for_picture, watch};

const PICTURE: (u32, u32) = (320, 180);
/// Viewers of each make that come one after the other.
const VIEWERS: usize = 5;
/// From the request to the first decoded picture, at the median.
const FIRST_FRAME_MS_MAX: f64 = 500.0;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Browsers send key frames only when asked. Whoever comes in between begins with what the server remembers, on every shard.
#[test]
fn late_viewers_see_at_once_and_ask_the_publisher_for_nothing() -> TestResult {
    let server = Server::start(&Settings { shards: 2, ..Settings::default() })?;
    let browsers = [Make::Chromium, Make::Firefox].map(Browser::start);
    let browsers = browsers.into_iter().collect::<Result<Vec<_>, _>>()?;
    for sender in &browsers {
        let stream = sender.make().to_string();
        let publisher = publish(sender, &server, &stream, "VP8", PICTURE)?;
        // The first one fetches the pages and opens both shards.
        for receiver in &browsers {
            (0..2).try_for_each(|_| wait_for_picture(&watch(receiver, &server, &stream)?))?;
        }
        thread::sleep(Duration::from_secs(2));
        let wished = || {
            Ok::<_, fanlight_tests::Failure>(
                server.metrics()?.sum("fanlight_shard_key_frame_requests_out_total", &[]),
            )
        };
        let before = wished()?;
        for receiver in &browsers {
            let start = Processor::now()?;
            let mut waits = Vec::new();
            for _ in 0..VIEWERS {
                let viewer = watch(receiver, &server, &stream)?;
                viewer.wait_for("typeof window.fanlight?.firstFrameMs === 'number'", SOON)?;
                waits.push(number(&viewer, "window.fanlight.firstFrameMs")?);
            }
            let idle = Processor::now()?.idle_since(&start);
            let median = median(waits.clone());
            let make = receiver.make();
            say(&format!("{stream} to {make}, late: first picture after {median:.0} ms of {waits:.0?}"));
            if idle < IDLE_MIN {
                say(&format!("not judged, the machine had no time to spare: {:.0} % idle", idle * 100.0));
            } else {
                assert!(median < FIRST_FRAME_MS_MAX, "{make} waits {median} ms, of {waits:?}");
            }
        }
        thread::sleep(Duration::from_secs(2)); // the report of each second
        assert_eq!(wished()?, before, "key frames asked of {stream} because of viewers");
        drop(publisher);
    }
    Ok(())
}
