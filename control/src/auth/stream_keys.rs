//! Stream keys, as OBS and other encoders know them: a long random text that opens one stream or some, with nothing else to type.
//! Brought as a bearer token (OBS's WHIP), or as `token=` or `key=` in the query.
//!
//! The file has a key's SHA-256 alone. It is looked up by the first 64 bits of that, and compared in constant time: what time
//! tells is of a digest, which nobody can steer towards one that he does not know the key of.

use std::collections::HashMap;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;

pub(crate) use super::users::Settings;
use super::users::{claim_of, read};
use super::{Ask, Claim, Verdict};
use crate::roster::{self, Entry, Secret};

/// See the file's head.
pub(crate) struct StreamKeys {
    /// By the first bytes of their digests.
    keys: HashMap<[u8; 8], Vec<([u8; 32], Entry)>>,
}

impl StreamKeys {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path) -> Result<Self, String> {
        let roster = read(&settings.file, folder, "`fanlight user key add NAME --file FILE`")?;
        let mut keys: HashMap<[u8; 8], Vec<([u8; 32], Entry)>> = HashMap::new();
        for entry in roster.entries() {
            let Secret::Key(digest) = entry.secret else {
                return Err(format!(
                    "{} has a password, and here are stream keys only: move the line to the users' file",
                    entry.name
                ));
            };
            let alike = keys.entry(first_of(&digest)).or_default();
            if let Some((_, other)) = alike.iter().find(|(other, _)| *other == digest) {
                return Err(format!(
                    "{} and {} have the same key: leave one of them",
                    other.name, entry.name
                ));
            }
            alike.push((digest, entry.clone()));
        }
        Ok(Self { keys })
    }

    pub(crate) fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let token = ask.credentials.query("key").or_else(|| ask.credentials.token());
        let Some(token) = token.filter(|token| roster::is_key(token)) else { return Verdict::NotMine };
        let digest = roster::key_digest(token);
        let alike = self.keys.get(&first_of(&digest)).map_or(&[][..], Vec::as_slice);
        let found = alike.iter().find(|(known, _)| verify_slices_are_equal(known, &digest).is_ok());
        let claim = found.and_then(|(_, entry)| Some((entry, claim_of(entry, ask)?)));
        claim.map_or(Verdict::Refused, |(entry, claim)| {
            let credential = Some(entry.name.clone());
            Verdict::Granted(Claim { validator: "stream_keys".to_owned(), credential, ..claim })
        })
    }
}

fn first_of(digest: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.iter_mut().zip(digest).for_each(|(byte, from)| *byte = *from);
    first
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use axum::http::HeaderMap;
    use axum::http::header::AUTHORIZATION;
    use fanlight_protocol::StreamPath;

    use super::super::{Action, Client, Credentials, Transport};
    use super::*;
    use crate::roster::{Key, Rights};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("fanlight-keys-{name}-{}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn keys(&self, text: &str) -> Result<StreamKeys, String> {
            std::fs::write(self.0.join("keys"), text).unwrap();
            StreamKeys::new(&Settings { file: "keys".into() }, &self.0)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn judge(
        keys: &StreamKeys,
        bearer: &str,
        query: &str,
        action: Action,
        name: &str,
        now: SystemTime,
    ) -> Verdict {
        let mut headers = HeaderMap::new();
        if !bearer.is_empty() {
            headers.insert(AUTHORIZATION, format!("Bearer {bearer}").parse().unwrap());
        }
        let client = Client { address: [192, 0, 2, 1].into(), agent: String::new() };
        let stream = StreamPath { app: "live".to_owned(), name: name.to_owned() };
        let credentials = Credentials::read(&headers, Some(query));
        let (stream, credentials, client) = (&stream, &credentials, &client);
        keys.judge(&Ask { stream, action, transport: Transport::Whip, credentials, client, now })
    }

    /// Encoders have one field for the key; wherever theirs ends up in the request, it opens its stream and no other.
    #[test]
    fn a_key_opens_what_its_line_says_however_it_is_brought() {
        let folder = Folder::new("opens");
        let (key, other) = (Key::make().unwrap(), Key::make().unwrap());
        let mut entry = crate::roster::Entry::new("obs", Rights::Publish, key.secret()).unwrap();
        entry.limit_streams("show").unwrap();
        entry.limit_time("2100-01-01T00:00:00Z").unwrap();
        let keys = folder.keys(&format!("{entry}\n")).unwrap();
        let (now, text) = (SystemTime::now(), key.text());
        for (bearer, query) in [(text, ""), ("", &*format!("token={text}")), ("", &*format!("key={text}"))] {
            let Verdict::Granted(claim) = judge(&keys, bearer, query, Action::Publish, "show", now) else {
                panic!("refused: {query}")
            };
            assert_eq!((claim.validator.as_str(), claim.credential.as_deref()), ("stream_keys", Some("obs")));
            assert_eq!((claim.subject, claim.expires), (None, entry.until));
        }
        let late = entry.until.unwrap();
        for (bearer, action, name, now) in [
            (text, Action::Play, "show", now),
            (text, Action::Publish, "show2", now),
            (text, Action::Publish, "show", late),
            (text, Action::Publish, "show", late + Duration::from_secs(1)),
            (other.text(), Action::Publish, "show", now),
            (&text[..text.len() - 1], Action::Publish, "show", now),
            (&*format!("{text}x"), Action::Publish, "show", now),
            ("sk_", Action::Publish, "show", now),
        ] {
            assert_eq!(judge(&keys, bearer, "", action, name, now), Verdict::Refused, "{action:?} {name}");
        }
        for (bearer, query) in
            [("", ""), ("eyJhbGciOi.x.y", ""), ("", "key=abc"), ("", "username=sk_a&password=b")]
        {
            assert_eq!(judge(&keys, bearer, query, Action::Publish, "show", now), Verdict::NotMine);
        }
    }

    /// A47: nor may the digest in the file be used as a key, nor a file that cannot be meant start.
    #[test]
    fn the_file_opens_nothing_and_is_refused_when_it_cannot_be_meant() {
        let folder = Folder::new("refused");
        let key = Key::make().unwrap();
        let line = crate::roster::Entry::new("obs", Rights::Both, key.secret()).unwrap().to_string();
        let keys = folder.keys(&line).unwrap();
        let digest = line.rsplit("sha256:").next().unwrap();
        for token in [digest.to_owned(), format!("sk_{digest}"), format!("sha256:{digest}")] {
            let verdict = judge(&keys, &token, "", Action::Publish, "show", SystemTime::now());
            assert!(matches!(verdict, Verdict::Refused | Verdict::NotMine), "{token}");
        }
        let twin = line.replace("obs", "obs2");
        let user = "alice play $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        for (text, words) in [
            ("", "nobody could come in"),
            (&*format!("{line}\n{twin}\n"), "obs and obs2 have the same key"),
            (user, "alice has a password"),
            (&*format!("obs publish {}", key.text()), "a stream key itself"),
        ] {
            let told = folder.keys(text).map(|_| ()).unwrap_err();
            assert!(told.contains(words) && !told.contains(key.text()), "{told}");
        }
    }
}
