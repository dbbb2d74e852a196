use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use axum::http::HeaderMap;
use fanlight_protocol::StreamPath;

use super::super::{Client, Credentials, Transport};
use super::*;

/// Hashes with the least that a file may ask for would be quicker, but what is measured below is what is shipped.
fn roster(lines: &[(&str, &str, &str)]) -> Roster {
    let line = |(name, rest, password): &(&str, &str, &str)| {
        format!("{name} {rest} {}\n", Secret::Password(PasswordHash::of(password).unwrap()))
    };
    Roster::parse(&lines.iter().map(line).collect::<String>()).unwrap()
}

fn users(lines: &[(&str, &str, &str)]) -> Users {
    Users::of(&roster(lines), Arc::new(Desk::new(1))).unwrap()
}

struct Asker {
    credentials: Credentials,
    client: Client,
    stream: StreamPath,
}

impl Asker {
    fn new(name: &str, password: &str) -> Self {
        Self::of(&format!("username={name}&password={password}"), "live", "cam1", "192.0.2.1")
    }

    fn of(query: &str, app: &str, name: &str, address: &str) -> Self {
        let client = Client { address: address.parse().unwrap(), agent: String::new() };
        let stream = StreamPath { app: app.to_owned(), name: name.to_owned() };
        Self { credentials: Credentials::read(&HeaderMap::new(), Some(query)), client, stream }
    }

    fn ask(&self, action: Action, now: SystemTime) -> Ask<'_> {
        let Self { credentials, client, stream } = self;
        Ask { stream, action, transport: Transport::Whip, credentials, client, now }
    }
}

async fn judge(users: &Users, name: &str, password: &str) -> Verdict {
    users.judge(&Asker::new(name, password).ask(Action::Publish, SystemTime::now())).await
}

fn is_granted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Granted(_))
}

/// The right name with the right password, and what stands beside them in the file; all else is one refusal.
#[tokio::test]
async fn a_user_gets_what_the_file_says_and_nothing_else() {
    let users = users(&[
        ("alice", "publish,play bitrate_bps_max=3000000 until=2100-01-01T00:00:00Z", "secret"),
        ("bob", "play streams=cam*,room1/*", "hidden"),
    ]);
    let Verdict::Granted(claim) = judge(&users, "alice", "secret").await else { panic!("alice is refused") };
    assert_eq!((claim.validator.as_str(), claim.subject.as_deref()), ("users", Some("alice")));
    assert_eq!(claim.bitrate_bps_max, Some(3_000_000));
    let until = claim.expires.unwrap();
    for (name, password) in
        [("alice", "hidden"), ("alice", "Secret"), ("Alice", "secret"), ("carol", "secret")]
    {
        assert_eq!(judge(&users, name, password).await, Verdict::Refused, "{name} {password}");
    }
    let alice = Asker::new("alice", "secret");
    assert_eq!(users.judge(&alice.ask(Action::Play, until)).await, Verdict::Refused, "her time is over");
    for (action, app, stream, is_let_in) in [
        (Action::Play, "live", "cam7", true),
        (Action::Play, "live/room1", "any", true),
        (Action::Publish, "live", "cam7", false),
        (Action::Play, "live", "other", false),
        (Action::Play, "live/room2", "cam7", false),
    ] {
        let bob = Asker::of("username=bob&password=hidden", app, stream, "192.0.2.1");
        let verdict = users.judge(&bob.ask(action, SystemTime::now())).await;
        assert_eq!(is_granted(&verdict), is_let_in, "{action:?} {app}/{stream}");
    }
    let nobody = Asker::of("token=abc", "live", "cam1", "192.0.2.1");
    assert_eq!(users.judge(&nobody.ask(Action::Play, SystemTime::now())).await, Verdict::NotMine);
}

/// A password that was proved is not proved again for a minute, and is forgotten then: whoever took the user out of the
/// file elsewhere must not wait for longer.
#[tokio::test]
async fn a_login_counts_for_a_minute() {
    let users = users(&[("alice", "publish", "secret")]);
    let now = SystemTime::now();
    let alice = Asker::new("alice", "secret");
    assert!(is_granted(&users.judge(&alice.ask(Action::Publish, now)).await));
    let user = &users.users[0];
    let tag = users.tag("alice", "secret");
    assert!(user.was_proved_lately(&tag, now + LATELY - Duration::from_secs(1)));
    assert!(!user.was_proved_lately(&tag, now + LATELY));
    assert!(!user.was_proved_lately(&tag, now - Duration::from_secs(1)), "the clock was set back");
    assert!(!user.was_proved_lately(&users.tag("alic", "esecret"), now));
    // A wrong one neither counts nor takes the place of the right one.
    assert_eq!(judge(&users, "alice", "wrong").await, Verdict::Refused);
    assert!(user.was_proved_lately(&tag, now));
    let other = super::Users::of(&roster(&[("alice", "publish", "secret")]), Arc::new(Desk::new(1))).unwrap();
    assert_ne!(other.tag("alice", "secret"), tag, "the key is of one reading of the file");
}

/// A class that opens the same link at once must cost one hash, and nobody of it may be sent away.
#[tokio::test]
async fn a_thousand_equal_logins_cost_one_hash() {
    let users = Arc::new(users(&[("alice", "play", "secret")]));
    let hash = Instant::now();
    assert!(users.users[0].hash.is_of("secret"));
    let hash = hash.elapsed();
    let begun = Instant::now();
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let users = Arc::clone(&users);
            tokio::spawn(async move {
                let alice = Asker::new("alice", "secret");
                is_granted(&users.judge(&alice.ask(Action::Play, SystemTime::now())).await)
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    let took = begun.elapsed();
    assert!(took < hash * 20 + Duration::from_secs(1), "{took:?} for a thousand, {hash:?} for one hash");
    assert!(lock(&users.under_way).is_empty());
}

/// A41: guesses wait in a line that has an end, and who finds it full is told to come again, not that he is wrong.
#[tokio::test]
async fn guesses_do_not_gather_without_end() {
    let users = Arc::new(users(&[("alice", "publish", "secret")]));
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { judge(&users, "alice", &format!("guess{number}")).await })
        })
        .collect();
    let (mut refused, mut busy) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Verdict::Refused => refused += 1,
            Verdict::Busy { .. } => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, busy), (32, 28), "32 of one address");
    assert!(is_granted(&judge(&users, "alice", "secret").await));
}

/// Who can tell by time which names there are has half of each login: an unknown name must take as long as a wrong
/// password. Medians of interleaved tries, since the machine is shared.
#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let users = users(&[("alice", "publish", "secret"), ("bob", "publish", "hidden")]);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        for (name, times) in [("alice", &mut known), ("carol", &mut unknown)] {
            let password = format!("wrong{}", COUNTER.fetch_add(1, Ordering::Relaxed));
            let begun = Instant::now();
            assert_eq!(judge(&users, name, &password).await, Verdict::Refused);
            times.push(begun.elapsed());
        }
    }
    known.sort();
    unknown.sort();
    let (known, unknown) = (known[7].as_secs_f64(), unknown[7].as_secs_f64());
    assert!((0.5..2.0).contains(&(unknown / known)), "known {known} s, unknown {unknown} s");
}

/// The decoy's own password must not open the door for a name that nobody has.
#[tokio::test]
async fn the_password_of_another_does_not_let_an_unknown_name_in() {
    let users = users(&[("alice", "publish", "secret")]);
    assert_eq!(judge(&users, "nobody", "secret").await, Verdict::Refused);
    assert_eq!(judge(&users, "nobody", "secret").await, Verdict::Refused, "and is not remembered as right");
}

/// A47: what would let nobody in by mistake, or in by another door than meant, does not start.
#[test]
fn a_file_that_cannot_be_meant_is_refused() {
    let folder = std::env::temp_dir().join(format!("fanlight-users-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let made = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(folder.join("users"), text).unwrap();
        }
        let settings = Settings { file: if text.is_some() { "users".into() } else { "missing".into() } };
        Users::new(&settings, &folder).map(|_| ()).unwrap_err()
    };
    let digest = "0".repeat(64);
    for (text, words) in [
        (None, "cannot be read"),
        (Some(""), "nobody could come in"),
        (Some("# alice publish $argon2id$…\n\n"), "nobody could come in"),
        (Some("alice publish hunter2\n"), "line 1"),
        (Some(&*format!("alice publish sha256:{digest}\n")), "alice is a stream key"),
    ] {
        let told = made(text);
        assert!(told.contains(words) && !told.contains("hunter2"), "{told}");
    }
    let told = Users::new(&Settings::default(), &folder).map(|_| ()).unwrap_err();
    assert!(told.contains("no file is named"), "{told}");
    std::fs::remove_dir_all(folder).unwrap();
}
