//! The program as it is called: what it leaves behind, and what it says to those who call it wrongly.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::faulty::{Faults, FaultyServer};

/// What it says, and whether it calls that a success.
fn said(arguments: &[&str]) -> (String, bool) {
    said_in(&std::env::temp_dir(), arguments)
}

fn said_in(folder: &Path, arguments: &[&str]) -> (String, bool) {
    let program = env!("CARGO_BIN_EXE_fanlight-bench");
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(Output { status, stdout, stderr }) => {
            (String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned(), status.success())
        }
        Err(error) => (error.to_string(), false),
    }
}

/// The everyday use, from the plan to the files.
#[test]
fn a_load_prints_a_table_and_keeps_its_report_and_page() {
    let server = FaultyServer::start(Faults::default()).unwrap();
    let folder = std::env::temp_dir().join(format!("fanlight-bench-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let arguments = [
        "load",
        "--whip",
        &server.whip(),
        "--whep",
        &server.whep(),
        "--viewers",
        "2",
        "--seconds",
        "1",
        "--set",
        "publishers.video_kbit_per_second=300",
        "--set",
        "time.settle_s=0.2",
        "--no-pin",
        "--no-floor",
    ];
    let (text, is_well) = said_in(&folder, &arguments);
    assert!(
        is_well && text.contains("2 of 2 joined, 2 all the time") && text.contains("0.0000 % lost"),
        "{text}"
    );
    let files = std::fs::read_dir(folder.join("bench-reports")).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let read = |kind: &str| {
        let file = files.iter().find(|file| file.extension().is_some_and(|it| it == kind)).unwrap();
        assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "{text}");
        std::fs::read_to_string(file).unwrap()
    };
    let (report, page): (serde_json::Value, _) = (serde_json::from_str(&read("json")).unwrap(), read("html"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("All 2 viewers joined"), "{page}");
    assert_eq!(report["viewers"]["steady"], 2);
    assert_eq!(report["plan"]["publishers"]["video_kbit_per_second"], 300);
    // Whoever listens at the URL is charged: this test itself.
    assert!(report["server"]["all"]["cores"].as_f64().unwrap() > 0.0, "{report}");
}

/// A load that nobody meant is not begun, and the words say what to write in its place.
#[test]
fn who_calls_it_wrongly_is_told_how() {
    for (arguments, word) in [
        (&["load", "--plan", "nowhere"][..], "webinar"),
        (&["load", "--set", "viewers.per_publisher"], "key=value"),
        (&["load", "--set", "viewers.per=3"], "per_publisher"),
        (&["load", "--set", "publishers.codec=theora"], "vp9"),
        (&["load", "--viewers", "0"], "from 1"),
        (&["load", "--whip", "rtmp://127.0.0.1/x"], "http://host:port/path"),
        (&["load", "--header", "nonsense"], "Name: value"),
        (&["capacity", "--set", "ramp.factor=1"], "ramp.factor"),
        (&["floor", "--backends", "io_uring,uring"], "zero-copy-fixed"),
        (&["floor", "--backends", "--brief", "5"], "cannot be used with"),
        (&["ab", "--binary", "/nowhere/fanlight", "--rounds", "1"], "/nowhere/fanlight"),
    ] {
        let (text, is_well) = said(arguments);
        assert!(!is_well && text.contains(word), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

/// The commonest fault of all: the server is not there.
#[test]
fn a_server_that_is_not_there_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/x/{{stream}}");
    let (text, is_well) = said(&["load", "--whip", &url, "--whep", &url, "--no-pin"]);
    assert!(!is_well && text.contains("no publisher") && text.contains(&closed.to_string()), "{text}");
}

/// Every plan inside is listed with what it is.
#[test]
fn plans_are_listed() {
    let (text, is_well) = said(&["plans"]);
    assert!(is_well);
    for name in fanlight_bench::plan::names() {
        assert!(text.lines().any(|line| line.starts_with(name) && line.len() > 30), "{name} in\n{text}");
    }
}
