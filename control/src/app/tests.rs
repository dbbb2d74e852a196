use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use toml::Table;

use super::*;
use crate::config::OnNameInUse;
use crate::config::tree::{defaults, leaves};

/// A folder of apps, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fanlight-apps-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let folder = Self(path);
        files.iter().for_each(|(name, text)| folder.write(name, text));
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn load(&self) -> Result<Apps, LoadError> {
        let mut config = Config::default();
        config.apps.folder.clone_from(&self.0);
        Apps::load(&config)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const OPEN: &str = "[auth]\npublish = ['open']\nplay = ['open']\n";

fn names(apps: &Apps) -> Vec<String> {
    apps.current().keys().cloned().collect()
}

/// The file is what operators read: it must state what the code does, key by key.
#[test]
fn the_defaults_in_conf_state_every_default_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/apps/_defaults.toml");
    let table: Table = fs::read_to_string(file).unwrap().parse().unwrap();
    let mut stated = Vec::new();
    leaves(&table, "", &mut stated);
    let stated: BTreeSet<(String, String)> =
        stated.into_iter().map(|(key, value)| (key, value.to_string())).collect();
    let known = defaults::<Settings>().into_iter().map(|(key, value)| (key, value.to_string())).collect();
    assert_eq!(stated, known);
}

/// What is shipped must start.
#[test]
fn the_apps_in_conf_load() {
    let mut config = Config::default();
    config.apps.folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/apps");
    assert_eq!(names(&Apps::load(&config).unwrap()), ["live"]);
}

/// Defaults are laid under each app's file; what neither says is the code's.
#[test]
fn an_app_is_its_file_over_the_defaults() {
    let folder = Folder::new(&[
        ("_defaults.toml", "[auth]\npublish = ['open']\n[limits]\nviewers_max = 5\nstreams_max = 1\n"),
        ("live.toml", "[limits]\nviewers_max = 7\n[publish]\non_name_in_use = 'replace'\n"),
        ("quiet.toml", ""),
        (".live.toml.swp", "rubbish"),
        ("notes.txt", "rubbish"),
    ]);
    let apps = folder.load().unwrap();
    assert_eq!(names(&apps), ["live", "quiet"]);
    let live = apps.find("live").unwrap();
    assert_eq!((live.settings.limits.viewers_max, live.settings.limits.streams_max), (7, 1));
    assert_eq!(live.settings.publish.on_name_in_use, OnNameInUse::Replace);
    assert_eq!(apps.find("quiet").unwrap().settings.limits.viewers_max, 5);
    assert!(apps.find("other").is_none(), "with a folder only its files are apps");
}

/// Whatever could let in more than meant keeps the server from starting, and says which key of which file.
#[test]
fn a_file_that_is_not_understood_whole_is_no_app() {
    let open_and = |more: &str| format!("{OPEN}{more}");
    for (text, words) in [
        ("[auth]\npublsih = ['open']\n", "the nearest is auth.publish"),
        ("[auth]\npublish = ['opne']\n", "`opne`"),
        ("[auth]\npublish = 'open'\n", "a sequence"),
        ("[auth]\npublish = ['open', 'open']\n", "it stands alone"),
        (&open_and("[limits]\nviewers_max = -1\n"), "a whole number from 0 to"),
        (&open_and("[http]\ncors_origins = ['example.org']\n"), "origins such as"),
        (&open_and("[recording]\nenabled = true\n"), "no recorder yet"),
        (&open_and("[hls]\nenabled = true\n"), "no HLS yet"),
        ("auth", "not TOML: line 1"),
    ] {
        let folder = Folder::new(&[("live.toml", text)]);
        let told = folder.load().map(|_| ()).unwrap_err().to_string();
        assert!(told.contains(words) && told.contains("live.toml"), "{text}\n{told}");
    }
    let folder = Folder::new(&[("live.toml", "[auth.jwt]\nkeys = [{ secret = 's3cret' id = 'k' }]\n")]);
    let told = folder.load().map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("line 2") && !told.contains("s3cret"), "{told}");
    for name in ["api", "admin", "..", "a b "] {
        let folder = Folder::new(&[(&format!("{name}.toml"), OPEN)]);
        assert!(name == ".." || folder.load().is_err(), "{name}");
    }
    let mut config = Config::default();
    config.apps.folder = "/nowhere/apps".into();
    assert!(Apps::load(&config).map(|_| ()).unwrap_err().to_string().contains("/nowhere/apps"));
}

/// Operators edit files of servers that run: a slip must not close the door on those who come meanwhile, nor open it.
#[test]
fn a_change_is_taken_up_and_a_bad_file_keeps_the_app_as_it_was() {
    let folder = Folder::new(&[("live.toml", OPEN), ("other.toml", OPEN)]);
    let apps = folder.load().unwrap();
    assert!(!apps.is_stale());
    let (live, other) = (apps.find("live").unwrap(), apps.find("other").unwrap());
    folder.write("live.toml", &format!("{OPEN}[limits]\nviewers_max = 3\n"));
    assert!(apps.is_stale());
    apps.reload().unwrap();
    assert!(!apps.is_stale());
    let changed = apps.find("live").unwrap();
    assert_eq!((live.settings.limits.viewers_max, changed.settings.limits.viewers_max), (0, 3));
    assert!(Arc::ptr_eq(&other, &apps.find("other").unwrap()), "what has not changed is not made again");

    folder.write("live.toml", "[auth]\npublish = ['nobody knows']\n");
    folder.write("new.toml", OPEN);
    assert!(apps.reload().unwrap_err().to_string().contains("auth.publish"));
    assert!(Arc::ptr_eq(&changed, &apps.find("live").unwrap()));
    assert_eq!(names(&apps), ["live", "new", "other"], "the good ones are read all the same");

    fs::remove_file(folder.0.join("other.toml")).unwrap();
    assert!(apps.reload().is_err());
    assert_eq!(names(&apps), ["live", "new"]);
}

/// Without any configuration the server does what a newcomer tries first.
#[test]
fn without_a_folder_every_app_is_open_or_those_that_are_listed() {
    let mut config = Config::default();
    config.apps.on_name_in_use = OnNameInUse::Replace;
    let apps = Apps::load(&config).unwrap();
    assert_eq!(apps.find("anything").unwrap().settings.publish.on_name_in_use, OnNameInUse::Replace);
    config.apps.allowed = vec!["live".into()];
    let apps = Apps::load(&config).unwrap();
    assert!(apps.find("live").is_some() && apps.find("other").is_none());
}
