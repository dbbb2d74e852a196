//! The ways that media take to a browser.

use std::net::Ipv6Addr;

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::netns::{Namespace, NetworkError};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::pages::{SOON, number, publish, wait_for_picture, watch};

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

/// What a strict firewall leaves: TCP.
const NO_UDP: &str = "add table inet strict\n\
     add chain inet strict in { type filter hook input priority 0; }\n\
     add rule inet strict in meta l4proto udp drop\n";

/// Offices and hotels let nothing but TCP pass; that way must be found by the browsers themselves, whoever is at the other end.
#[test]
fn both_browsers_publish_and_watch_where_no_udp_passes() -> TestResult {
    let office = match Namespace::new() {
        Err(NetworkError::NotAllowed(why)) => {
            say(&format!("NOT TESTED: browsers without UDP. It takes root and network namespaces: {why}"));
            return Ok(());
        }
        office => office?,
    };
    office.run("nft", &["-f", "-"], NO_UDP)?;
    let server = office.enter(|| Server::start(&Settings::default()))??;
    let browsers = office.enter(|| [Make::Chromium, Make::Firefox].map(Browser::start))?;
    let browsers = browsers.into_iter().collect::<Result<Vec<_>, _>>()?;
    for sender in &browsers {
        let stream = sender.make().to_string();
        let publisher = office.enter(|| publish(sender, &server, &stream, "VP8", PICTURE))??;
        assert_eq!(path(&publisher, "publisher")?, "tcp 127.0.0.1", "{stream} publishes");
        for receiver in &browsers {
            let viewer = office.enter(|| watch(receiver, &server, &stream))??;
            wait_for_picture(&viewer)?;
            viewer.wait_for("window.fanlight.audioLevel > 0.005", SOON)?;
            viewer.wait_for("window.fanlight.lastStats.video.framesDecoded >= 30", SOON)?;
            assert_eq!(path(&viewer, "viewer")?, "tcp 127.0.0.1", "{} watches", receiver.make());
            let first = number(&viewer, "window.fanlight.firstFrameMs")?;
            say(&format!("{stream} to {} without UDP: first frame after {first:.0} ms", receiver.make()));
        }
    }
    Ok(())
}
