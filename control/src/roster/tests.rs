use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

fn hash_with(parameters: &str) -> String {
    format!("$argon2id$v=19${parameters}$c2FsdHNhbHRzYWx0$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
}

fn fault(line: &str) -> String {
    Roster::parse(line).unwrap_err().to_string()
}

fn scratch() -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("fanlight-roster-{}-{number}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    path
}

/// Operators write these lines by hand, and programs write them again.
#[test]
fn a_line_says_who_may_what_and_is_written_as_it_was_read() {
    let hash = hash_with("m=19456,t=2,p=1");
    let digest = "0123456789abcdef".repeat(4);
    let text = format!(
        "\u{feff}# those of the studio\n\nalice play,publish {hash}\n  cam1\tpublish until=2027-01-31T18:00:00Z \
         streams=cam1,room1/* bitrate_bps_max=3000000 sha256:{digest}\r\n"
    );
    let roster = Roster::parse(&text).unwrap();
    let names: Vec<&str> = roster.entries().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["alice", "cam1"]);
    let (alice, cam) = (roster.find("alice").unwrap(), roster.find("cam1").unwrap());
    assert_eq!(
        (alice.rights, alice.streams.len(), alice.bitrate_bps_max, alice.until),
        (Rights::Both, 0, None, None)
    );
    assert!(matches!(alice.secret, Secret::Password(_)));
    assert_eq!((cam.rights, cam.bitrate_bps_max), (Rights::Publish, Some(3_000_000)));
    assert_eq!(cam.streams[1].to_string(), "room1/*");
    let since = cam.until.unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_secs(), 1_801_418_400);
    for entry in roster.entries() {
        assert_eq!(Roster::parse(&entry.to_string()).unwrap().find(&entry.name), Some(entry));
    }
}

/// What is shipped as an example must be one.
#[test]
fn the_examples_in_conf_are_read() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/apps");
    let names = |file: &str| {
        let roster = Roster::read(&conf.join(file)).unwrap();
        roster.entries().map(|entry| entry.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("users.example"), ["alice", "camera1"]);
    assert_eq!(names("keys.example"), ["obs"]);
    let users = Roster::read(&conf.join("users.example")).unwrap();
    let Secret::Password(hash) = &users.find("alice").unwrap().secret else { panic!("no password") };
    assert!(hash.is_of("an example, change it"));
}

/// A fault must lead to its line, and a file with many is mended in one go.
#[test]
fn every_faulty_line_is_told_by_its_number() {
    let hash = hash_with("m=19456,t=2,p=1");
    let text = format!("# x\nalice publish {hash}\nbob\nalice play {hash}\ncarol wirte {hash}\n");
    let told = fault(&text);
    assert!(told.contains("line 3: a line is a name"), "{told}");
    assert!(told.contains("line 4: alice is on line 2 already"), "{told}");
    assert!(
        told.contains("line 5: after the name comes what it may: publish, play, or publish,play"),
        "{told}"
    );
    let many: String = (0..30).map(|_| "x\n").collect();
    assert!(fault(&many).ends_with("and 20 more"), "{}", fault(&many));
}

/// A47: what would let somebody in whom the operator did not mean, or cost the server its memory, does not load; and no
/// message shows what may be a password.
#[test]
fn hostile_and_careless_lines_are_refused_and_their_secrets_not_shown() {
    let good = hash_with("m=19456,t=2,p=1");
    let bcrypt = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC";
    let cases: Vec<(String, &str)> = vec![
        ("alice publish hunter2".into(), "`fanlight user add`"),
        ("alice hunter2 publish".into(), "after the name"),
        ("alice publish hunter2 hunter2".into(), "`fanlight user add`"),
        (format!("alice publish hunter2 {good}"), "between what it may and the hash"),
        (format!("alice publish pass=hunter2 {good}"), "between what it may and the hash"),
        (format!("alice hunter2 {good}"), "after the name"),
        ("alice publish sk_hunter2".into(), "a stream key itself"),
        (format!("alice publish {bcrypt}"), "another kind"),
        ("alice publish $apr1$hunter2$x".into(), "another kind"),
        ("alice publish {SHA}hunter2".into(), "another kind"),
        ("alice publish sha256:hunter2".into(), "64 hexadecimal"),
        (format!("alice publish sha256:{}", "+1".repeat(32)), "64 hexadecimal"),
        ("alice publish $argon2id$hunter2".into(), "cut or mistyped"),
        (format!("alice publish {}", good.replace("argon2id", "argon2d")), "only argon2id"),
        (format!("alice publish {}", good.replace("argon2id", "argon2i")), "only argon2id"),
        (format!("alice publish {}", good.replace("v=19", "v=16")), "version 19"),
        (format!("alice publish {}", good.replace("v=19$", "")), "version 19"),
        (format!("alice publish {}", hash_with("m=4194304,t=2,p=1")), "costs too much"),
        (format!("alice publish {}", hash_with("m=19456,t=4294967295,p=1")), "costs too much"),
        (format!("alice publish {}", hash_with("m=19456,t=2,p=255")), "costs too much"),
        (format!("alice publish {}", hash_with("m=8,t=1,p=1")), "too cheap"),
        (format!("alice publish {}", hash_with("m=19456,t=1,p=1")), "too cheap"),
        (format!("alice publish {}", hash_with("m=19456,t=2,p=1,keyid=aaaa")), "other than m, t and p"),
        ("alice publish $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0".into(), "lacks"),
        ("alice publish $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAECAwQFBgcICQ".into(), "short"),
        (format!("al:ice publish {good}"), "a name is of"),
        (format!("al\u{1b}[31mice publish {good}"), "a name is of"),
        (format!("{} publish {good}", "x".repeat(65)), "a name is of"),
        (format!("alice publish streams= {good}"), "a pattern that"),
        (format!("alice publish streams=cam1, {good}"), "a pattern that"),
        (format!("alice publish streams=/cam {good}"), "a pattern that"),
        (format!("alice publish streams={}a {good}", "a,".repeat(64)), "more than 64"),
        (format!("alice publish bitrate_bps_max=0 {good}"), "bits a second"),
        (format!("alice publish bitrate_bps_max=-1 {good}"), "bits a second"),
        (format!("alice publish until=tomorrow {good}"), "a date"),
        (format!("alice publish until=2027-02-30T00:00:00Z {good}"), "a date"),
        (format!("alice publish streams=a streams=b {good}"), "twice"),
        (format!("alice publish stream=a {good}"), "between what it may and the hash"),
        (format!("alice Publish {good}"), "after the name"),
        (format!("alice publish,play,admin {good}"), "after the name"),
    ];
    for (line, expected) in &cases {
        let told = fault(line);
        assert!(told.starts_with("line 1: ") && told.contains(expected), "{line}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert_eq!(cases.len(), 40);
}

/// A hash of ours must open to its password, alone, and be what OWASP asks for.
#[test]
fn a_password_is_hashed_with_stated_parameters_and_opens_its_hash_alone() {
    let (hash, other) =
        (PasswordHash::of("correct horse").unwrap(), PasswordHash::of("correct horse").unwrap());
    let text = Secret::Password(hash.clone()).to_string();
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    assert_ne!(hash, other, "the salt is random");
    assert!(hash.is_of("correct horse"));
    assert!(!hash.is_of("correct hors") && !hash.is_of("") && !hash.is_of("correct horse "));
    assert!(!format!("{hash:?}").contains('$'), "Debug goes to logs");
}

/// A key is shown once; the file has what it can be known again by, and nothing to use.
#[test]
fn a_stream_key_is_random_and_stored_as_its_digest() {
    let (key, other) = (Key::make().unwrap(), Key::make().unwrap());
    assert_eq!(key.text().len(), "sk_".len() + 32);
    assert_ne!(key.text(), other.text());
    let Secret::Key(digest) = key.secret() else { panic!("a key's secret is a digest") };
    assert_eq!(digest, secret::key_digest(key.text()));
    assert_eq!(secret::key_digest("abc")[..4], [0xba, 0x78, 0x16, 0xbf], "FIPS 180-2, appendix B.1");
}

/// An operator's comments and order are his; a program changes the line that it was asked to change.
#[test]
fn an_edit_keeps_comments_and_order_and_leaves_no_half_file() {
    let folder = scratch();
    let path = folder.join("inner/users");
    let hash = Secret::parse(&hash_with("m=19456,t=2,p=1")).unwrap();
    let store = Store::lock(&path).unwrap();
    assert_eq!(store.read().unwrap(), Roster::default());
    let text = format!("# first\n\na publish {hash}\n   # second\nb   play {hash}\n");
    let mut roster = Roster::parse(&text).unwrap();
    store.write(&roster).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    roster.put(Entry::new("a", Rights::Both, hash.clone()).unwrap());
    roster.put(Entry::new("c", Rights::Play, hash.clone()).unwrap());
    assert!(roster.remove("b") && !roster.remove("b"));
    store.write(&roster).unwrap();
    let after = std::fs::read_to_string(&path).unwrap();
    let begins: Vec<&str> = after.lines().map(|line| line.trim().split(' ').next().unwrap()).collect();
    assert_eq!(begins, ["#", "", "a", "#", "c"]);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640,
        "the mode is the operator's"
    );
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Two who add a user at once must both be in the file.
#[test]
fn editors_wait_for_each_other() {
    let folder = scratch();
    let path = folder.join("users");
    let hash = Secret::parse(&hash_with("m=19456,t=2,p=1")).unwrap();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (path, hash) = (&path, hash.clone());
            scope.spawn(move || {
                let store = Store::lock(path).unwrap();
                let mut roster = store.read().unwrap();
                roster.put(Entry::new(&format!("u{number}"), Rights::Play, hash).unwrap());
                store.write(&roster).unwrap();
            });
        }
    });
    assert_eq!(Roster::read(&path).unwrap().entries().count(), 16);
    std::fs::remove_dir_all(folder).unwrap();
}

/// A file that is no text, or has no end, must not be read for ever.
#[test]
fn a_file_that_is_none_is_told_so() {
    let folder = scratch();
    let path = folder.join("users");
    assert!(matches!(Roster::read(&path), Err(RosterError::Unreadable(..))));
    assert!(matches!(Roster::read(&folder), Err(RosterError::Unreadable(..))));
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(Roster::read(&path), Err(RosterError::NotText(..))));
    assert!(matches!(Roster::read(Path::new("/dev/zero")), Err(RosterError::TooLarge(..))));
    std::fs::remove_dir_all(folder).unwrap();
}
