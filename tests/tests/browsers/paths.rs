//! The ways that media take to a browser.

use std::net::Ipv6Addr;

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};

use crate::pages::{SOON, publish, wait_for_picture, watch};

const PICTURE: (u32, u32) = (320, 180);

/// Protocol and remote address of the pair that a page's media take.
fn path(page: &Page, participant: &str) -> TestResult<String> {
    let script = format!(
        "window.fanlight.{participant}.connection.getStats().then((report) => {{\
         const all = [...report.values()];\
         const pair = all.find(({{type, nominated, selected, state}}) => \
         type === 'candidate-pair' && state === 'succeeded' && (selected ?? nominated));\
         const {{protocol, address}} = report.get(pair.remoteCandidateId);\
         return `${{protocol}} ${{address}}`; }})"
    );
    Ok(page.evaluate(&script)?.as_str().unwrap_or_default().to_owned())
}

/// Mobile networks have little else.
#[test]
fn both_browsers_watch_over_ipv6() -> TestResult {
    let server = Server::start(&Settings { address: Ipv6Addr::LOCALHOST.into(), ..Settings::default() })?;
    let browsers = [Browser::start(Make::Chromium)?, Browser::start(Make::Firefox)?];
    for sender in &browsers {
        let stream = sender.make().to_string();
        let publisher = publish(sender, &server, &stream, "VP8", PICTURE)?;
        assert_eq!(path(&publisher, "publisher")?, "udp ::1", "{stream} publishes");
        for receiver in &browsers {
            let viewer = watch(receiver, &server, &stream)?;
            wait_for_picture(&viewer)?;
            viewer.wait_for("window.fanlight.audioLevel > 0.005", SOON)?;
            assert_eq!(path(&viewer, "viewer")?, "udp ::1", "{} watches", receiver.make());
        }
    }
    Ok(())
}
