//! `fanlight user` as an operator and his scripts use it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use fanlight::roster::{Roster, Secret};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::Scratch;

fn fanlight(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.args(arguments).env_remove("FANLIGHT_CONFIG").stdin(Stdio::null());
    command
}

/// With `input` on standard input.
fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = fanlight(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that needs none may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn opens(file: &Path, name: &str, password: &str) -> bool {
    let roster = Roster::read(file).unwrap();
    let entry = roster.find(name).unwrap();
    matches!(&entry.secret, Secret::Password(hash) if hash.is_of(password))
}

/// The whole life of a user, and of a key, by scripts.
#[test]
fn users_and_keys_are_added_changed_listed_and_removed() {
    let scratch = Scratch::new();
    let file = scratch.path().join("users");
    let path = file.to_str().unwrap();
    let user = |arguments: &[&str], input: &str| {
        let all = [&["user"], arguments, &["--file", path]].concat();
        run(&all, input)
    };
    let added = user(
        &[
            "add",
            "alice",
            "--may",
            "publish",
            "--streams",
            "cam*,room1/**",
            "--bitrate-bps-max",
            "3000000",
            "--password-stdin",
        ],
        "correct horse\n",
    );
    assert!(added.status.success(), "{added:?}");
    assert!(opens(&file, "alice", "correct horse") && !opens(&file, "alice", "correct horse\n"));
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# the studio's\n{before}")).unwrap();

    let again = user(&["add", "alice", "--password-stdin"], "another one\n");
    assert!(!again.status.success() && text(&again.stderr).contains("there already"), "{again:?}");
    assert!(user(&["passwd", "alice", "--password-stdin"], "battery staple").status.success());
    assert!(opens(&file, "alice", "battery staple") && !opens(&file, "alice", "correct horse"));
    let listed = text(&user(&["list"], "").stdout);
    assert_eq!(listed, "alice       publish      streams=cam*,room1/** bitrate_bps_max=3000000\n");
    assert!(fs::read_to_string(&file).unwrap().starts_with("# the studio's\nalice "));

    let made = user(&["key", "add", "obs", "--streams", "show", "--until", "2100-01-01T00:00:00Z"], "");
    let key = text(&made.stdout);
    assert!(key.starts_with("sk_") && key.lines().count() == 1, "{made:?}");
    assert!(!fs::read_to_string(&file).unwrap().contains(key.trim()), "the file has its digest alone");
    assert!(user(&["key", "remove", "obs"], "").status.success());
    assert!(user(&["remove", "alice"], "").status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "# the studio's\n");
}

/// A slip must not leave a file that says something else than was meant.
#[test]
fn what_is_wrong_is_told_and_changes_nothing() {
    let scratch = Scratch::new();
    let file = scratch.path().join("users");
    let path = file.to_str().unwrap();
    assert!(
        run(&["user", "add", "alice", "--file", path, "--password-stdin"], "correct horse").status.success()
    );
    let before = fs::read_to_string(&file).unwrap();
    for (arguments, input, words) in [
        (&["user", "add", "bob", "--file", path, "--password-stdin"][..], "short", "at least 8"),
        (&["user", "add", "bob", "--file", path, "--password-stdin"], "", "at least 8"),
        (&["user", "add", "bob", "--file", path, "--password-stdin"], "correct\0horse", "control characters"),
        (&["user", "add", "bob", "--file", path], "", "no terminal"),
        (&["user", "add", "b:b", "--file", path, "--password-stdin"], "correct horse", "a name is of"),
        (&["user", "add", "bob", "--may", "all", "--file", path], "", "publish, play, or publish,play"),
        (
            &["user", "add", "bob", "--streams", "/x", "--file", path, "--password-stdin"],
            "correct horse",
            "a pattern that",
        ),
        (
            &["user", "add", "bob", "--until", "soon", "--file", path, "--password-stdin"],
            "correct horse",
            "a date",
        ),
        (&["user", "add", "bob", "--password", "correct horse", "--file", path], "", "unexpected argument"),
        (&["user", "passwd", "bob", "--file", path, "--password-stdin"], "correct horse", "there is no bob"),
        (&["user", "remove", "bob", "--file", path], "", "there is no bob"),
        (&["user", "add", "bob"], "", "--file <FILE>|--app <NAME>"),
        (&["user", "list", "--app", "live"], "", "there is no folder of apps"),
        (&["user", "key", "add", "alice", "--file", path], "", "there already"),
    ] {
        let failed = run(arguments, input);
        let told = text(&failed.stderr);
        assert!(!failed.status.success() && told.contains(words), "{arguments:?}: {told}");
        assert!(!told.contains("correct horse"), "{told}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    fs::write(&file, "alice publish hunter2\n").unwrap();
    let failed = run(&["user", "add", "bob", "--file", path, "--password-stdin"], "correct horse");
    assert!(text(&failed.stderr).contains("line 1"), "a file with faults is not written over");
    assert_eq!(fs::read_to_string(&file).unwrap(), "alice publish hunter2\n");
}

/// Operators think of apps, not of files.
#[test]
fn the_file_is_found_by_the_app_that_names_it() {
    let scratch = Scratch::new();
    let apps = scratch.path().join("apps");
    fs::create_dir(&apps).unwrap();
    fs::write(apps.join("_defaults.toml"), "[auth]\nplay = ['users']\n[auth.users]\nfile = 'all.users'\n")
        .unwrap();
    fs::write(apps.join("live.toml"), "[auth]\npublish = ['users']\n").unwrap();
    let config = scratch.path().join("fanlight.toml");
    fs::write(&config, "[apps]\nfolder = 'apps'\n").unwrap();
    let config = config.to_str().unwrap();
    let added = run(
        &["--config", config, "user", "add", "alice", "--app", "live", "--password-stdin"],
        "correct horse",
    );
    assert!(added.status.success(), "{added:?}");
    assert!(opens(&apps.join("all.users"), "alice", "correct horse"));
    let none = run(&["--config", config, "user", "key", "add", "obs", "--app", "live"], "");
    assert!(text(&none.stderr).contains("auth.stream_keys.file"), "{none:?}");
}

/// A password that is typed must be seen by nobody, and the terminal be as before.
#[test]
fn a_typed_password_is_not_shown() {
    let scratch = Scratch::new();
    let file = scratch.path().join("users");
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let name = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut master = File::from(master);
    for (typed, is_added) in [("correct horsf\x7fe\rcorrect horse\r", true), ("correct hor\x03", false)] {
        let user = if is_added { "alice" } else { "bob" };
        let mut child = fanlight(&["user", "add", user, "--file", file.to_str().unwrap()])
            .stdin(terminal.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(terminal.try_clone().unwrap())
            .spawn()
            .unwrap();
        let shown = |master: &mut File, end: &str| {
            let mut shown = String::new();
            while !shown.contains(end) {
                let mut bytes = [0; 256];
                let length = master.read(&mut bytes).unwrap();
                shown += &String::from_utf8_lossy(&bytes[..length]);
            }
            shown
        };
        let mut all = shown(&mut master, "Password of ");
        for piece in typed.split_inclusive('\r') {
            master.write_all(piece.as_bytes()).unwrap();
            if piece.ends_with('\r') && !all.contains("Once more") {
                all += &shown(&mut master, "Once more: ");
            }
        }
        let reader = thread::spawn({
            let mut master = master.try_clone().unwrap();
            let end = if is_added { "may publish" } else { "given up" };
            move || shown(&mut master, end)
        });
        assert_eq!(child.wait().unwrap().success(), is_added);
        all += &reader.join().unwrap();
        assert!(!all.contains("corr") && !all.contains("horse"), "{all:?}");
        assert!(tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    }
    assert!(opens(&file, "alice", "correct horse"));
    assert!(Roster::read(&file).unwrap().find("bob").is_none());
}
