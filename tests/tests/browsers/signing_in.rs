//! What a person at a browser meets where a server asks who comes.

use std::fs;
use std::thread;
use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::files::Files;
use fanlight_tests::server::{Server, Settings};

use crate::pages::{SOON, in_company, wait_for_picture};

/// alice has the password "corn flower".
const USERS: &str = "alice publish,play $argon2id$v=19$m=19456,t=2,p=1$dg6EVcKYr7KGmJQHD/2Mrw$i5yDS9C2PDiN7dcGglM32jdIAf05VRWPVjJwSOJRFO4\n";
/// Of sk_publish and sk_play.
const KEYS: &str = "encoder publish sha256:16ced10214215dd7a29a72bd9b2e2f6d53f66d8fde5311809146ffb7f3689ae4\nguests play sha256:a108cf7a2990e0db658fb84ec78b23525f08e2ca1da54969261801421e8a4d58\n";
const APP: &str = "[auth]\npublish = ['users', 'stream_keys']\nplay = ['users', 'stream_keys']\n\
     [auth.users]\nfile = 'users'\n[auth.stream_keys]\nfile = 'keys'\n";
const IS_LIVE: &str = "window.fanlight?.state === 'live'";
const ASKS: &str = "document.querySelector('sign-in')?.hidden === false";

fn server() -> TestResult<Server> {
    let apps = [("stage.toml", APP), ("users", USERS), ("keys", KEYS)];
    let apps = apps.map(|(name, text)| (name, text.to_owned())).to_vec();
    Ok(Server::start(&Settings { apps, ..in_company() })?)
}

/// Opens a publish page for a small pattern that begins at once.
fn publish(browser: &Browser, server: &Server, credentials: &str) -> TestResult<Page> {
    let url = server.url();
    Ok(browser.open(&format!(
        "{url}/publish?app=stage&stream=show&source=pattern&width=320&height=180&fps=15&autostart=1{credentials}"
    ))?)
}

fn watch(browser: &Browser, server: &Server, credentials: &str) -> TestResult<Page> {
    Ok(browser.open(&format!("{}/watch?app=stage&stream=show{credentials}", server.url()))?)
}

/// Types into the form of a page as its user does, and sends it.
fn sign_in(page: &Page, name: &str, password: &str) -> TestResult {
    page.wait_for(ASKS, SOON)?;
    page.evaluate(&format!(
        "(() => {{ const form = document.querySelector('sign-in form');\
         form.elements.username.value = '{name}'; form.elements.password.value = '{password}';\
         form.requestSubmit(); }})()"
    ))?;
    Ok(())
}

fn wait_for_title(page: &Page, title: &str) -> TestResult {
    Ok(page.wait_for(&format!("document.getElementById('title').textContent === '{title}'"), SOON)?)
}

fn refusals(server: &Server) -> TestResult<f64> {
    Ok(server.metrics()?.sum("fanlight_http_faults_total", &[("reason", "not_allowed")]))
}

/// Wrong words must be said to be wrong, once; right ones must let in, and still do so after a reload, and never leave the tab.
#[test]
fn a_page_asks_who_comes_and_lets_in_who_may() -> TestResult {
    let server = server()?;
    let browser = Browser::start(Make::Chromium)?;
    let viewer = watch(&browser, &server, "")?;
    wait_for_title(&viewer, "Sign in")?;
    viewer.screenshot("watch-sign-in")?;
    sign_in(&viewer, "alice", "corn")?;
    wait_for_title(&viewer, "Not accepted")?;
    viewer.screenshot("watch-refused")?;
    thread::sleep(Duration::from_secs(2));
    assert!(refusals(&server)? <= 2.0, "what was refused is not tried again");
    assert_eq!(viewer.evaluate("sessionStorage.getItem('fanlight.sign-in')")?, "{}");
    sign_in(&viewer, "alice", "corn flower")?;

    let publisher = publish(&browser, &server, "&key=sk_publish")?;
    publisher.wait_for(IS_LIVE, SOON)?;
    wait_for_picture(&viewer)?;
    let links = publisher.evaluate("[...document.links].map((link) => link.getAttribute('href')).join()")?;
    assert!(!links.as_str().unwrap_or_default().contains("sk_publish"), "a link gives the key away: {links}");
    assert_eq!(viewer.evaluate("location.search")?, "?app=stage&stream=show");
    viewer.evaluate("location.reload()")?;
    wait_for_picture(&viewer)?;
    assert_eq!(viewer.evaluate("JSON.stringify({...localStorage}).includes('corn')")?, false);

    // What lets one publish does not let one watch.
    let misled = watch(&browser, &server, "&token=sk_publish")?;
    wait_for_title(&misled, "Not accepted")?;
    let guest = watch(&browser, &server, "&token=sk_play")?;
    wait_for_picture(&guest)
}

/// A page of the operator's own, elsewhere, whose browser asks first (CORS) whether `Authorization` may be sent.
#[test]
fn a_page_of_another_origin_signs_in_too() -> TestResult {
    let server = server()?;
    let browser = Browser::start(Make::Chromium)?;
    let publisher = publish(&browser, &server, "&username=alice&password=corn%20flower")?;
    publisher.wait_for(IS_LIVE, SOON)?;
    let files = Files::serve(concat!(env!("CARGO_MANIFEST_DIR"), "/../control/web").into())?;
    let endpoint = format!("{}/stage/whep/endpoint/show", server.url());
    let viewer = browser.open(&format!("{}/watch.html?stream=show&url={endpoint}", files.url()))?;
    wait_for_title(&viewer, "Sign in")?;
    let said = viewer.evaluate("document.getElementById('text').textContent")?;
    let said = said.as_str().unwrap_or_default().to_owned();
    assert!(said.ends_with(&format!("What you type here goes to {}.", server.address())), "{said}");
    sign_in(&viewer, "alice", "corn flower")?;
    wait_for_picture(&viewer)?;
    assert_eq!(
        viewer.evaluate("window.fanlight.lastError.code")?,
        "unauthorized",
        "the refusal could be read"
    );
    Ok(())
}

/// A time that is over must end in a sentence, not in a picture that stands or a page that comes back.
#[test]
fn a_viewer_whose_time_is_over_reads_so_and_stays_out() -> TestResult {
    let server = server()?;
    let browser = Browser::start(Make::Chromium)?;
    let publisher = publish(&browser, &server, "&key=sk_publish")?;
    publisher.wait_for(IS_LIVE, SOON)?;
    // From here on, and so for the viewer alone.
    fs::write(server.app_file("stage.toml"), format!("{APP}[limits]\nsession_s_max = 3\n"))?;
    thread::sleep(Duration::from_secs(3));
    let viewer = watch(&browser, &server, "&token=sk_play")?;
    viewer.wait_for("window.fanlight?.lastError?.reason === 'expired'", SOON)?;
    wait_for_title(&viewer, "Your time is over")?;
    viewer.screenshot("watch-expired")?;
    let opened = "fanlight_http_requests_total";
    let asked = server.metrics()?.sum(opened, &[("route", "whep_endpoint")]);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(viewer.evaluate("window.fanlight.state")?, "failed");
    assert_eq!(server.metrics()?.sum(opened, &[("route", "whep_endpoint")]).to_bits(), asked.to_bits());
    assert_eq!(publisher.evaluate("window.fanlight.state")?, "live", "others are let be");
    Ok(())
}

/// Firefox has a form, a storage and a CORS of its own.
#[test]
fn firefox_signs_in_to_publish() -> TestResult {
    let server = server()?;
    let browser = Browser::start(Make::Firefox)?;
    let publisher = publish(&browser, &server, "")?;
    wait_for_title(&publisher, "Sign in")?;
    sign_in(&publisher, "alice", "corn")?;
    wait_for_title(&publisher, "Not accepted")?;
    publisher.screenshot("publish-refused")?;
    sign_in(&publisher, "alice", "corn flower")?;
    publisher.wait_for(IS_LIVE, SOON)?;
    let viewer = watch(&browser, &server, "&token=sk_play")?;
    wait_for_picture(&viewer)
}
