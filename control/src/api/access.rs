//! Access tokens: who is calling, and what it may do.
//!
//! Of a token the server keeps the SHA-256 alone. A token is long and random, so that needs no salt and no slow hash; it is compared
//! in constant time, with all that there are, so that the time tells nothing of which one is near.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::config::{ApiToken, Scope};
use crate::fault::Fault;

/// Characters of a token at least: 32 hexadecimal digits are 128 bits.
const TOKEN_CHARACTERS_MIN: usize = 32;

/// And at most: it travels in a header.
const TOKEN_CHARACTERS_MAX: usize = 1024;

/// Who made a request. Only [`AccessTokens::find`] makes one.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's name in the configuration.
    pub(crate) name: Arc<str>,
    scopes: Arc<[Scope]>,
}

impl Caller {
    /// # Errors
    /// `Fault::ScopeMissing`.
    pub(crate) fn needs(&self, scope: Scope) -> Result<(), Fault> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Fault::ScopeMissing { needs: scope.name() }) }
    }
}

/// One token, by its hash.
struct Known {
    sha256: [u8; 32],
    caller: Caller,
}

/// All tokens of the configuration. Nothing shows them.
pub(crate) struct AccessTokens(Vec<Known>);

impl AccessTokens {
    /// # Errors
    /// What to mend in the configuration, which was checked as far as that goes without reading files.
    pub(crate) fn new(tokens: &[ApiToken]) -> Result<Self, String> {
        let known: Result<Vec<Known>, String> = tokens
            .iter()
            .map(|token| {
                let sha256 = hash(token).map_err(|fault| format!("api.tokens, {:?}: {fault}", token.name))?;
                let (name, scopes) = (token.name.as_str().into(), token.scopes.as_slice().into());
                Ok(Known { sha256, caller: Caller { name, scopes } })
            })
            .collect();
        known.map(Self)
    }

    /// Whose token it is.
    pub(crate) fn find(&self, token: &str) -> Option<Caller> {
        let sha256 = digest(&SHA256, token.as_bytes());
        let mut found = None;
        for known in &self.0 {
            if verify_slices_are_equal(&known.sha256, sha256.as_ref()).is_ok() {
                found = Some(&known.caller);
            }
        }
        found.cloned()
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|known| &known.caller.name)).finish()
    }
}

fn hash(token: &ApiToken) -> Result<[u8; 32], String> {
    if token.token_file.as_os_str().is_empty() {
        return from_hexadecimal(&token.sha256).ok_or_else(|| "sha256 is 64 hexadecimal digits".to_owned());
    }
    let text = read(&token.token_file)?;
    // SHA-256 has 32 bytes.
    digest(&SHA256, text.as_bytes()).as_ref().try_into().map_err(|_| "it has no SHA-256".to_owned())
}

fn read(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let token = text.trim();
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("{shown} holds something else than one token of printable ASCII"));
    }
    if !(TOKEN_CHARACTERS_MIN..=TOKEN_CHARACTERS_MAX).contains(&token.len()) {
        return Err(format!(
            "the token in {shown} has {} characters; it takes {TOKEN_CHARACTERS_MIN} to {TOKEN_CHARACTERS_MAX}",
            token.len()
        ));
    }
    Ok(token.to_owned())
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "flt_0123456789abcdef0123456789abcdef";
    const TOKEN_SHA256: &str = "8f005480bdc9145c04cc1ebe5dd198e058c3351a7f0752daf253dd658caae363";

    fn written(text: &str) -> Result<AccessTokens, String> {
        static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fanlight-token-{}-{number}", std::process::id()));
        fs::write(&path, text).unwrap();
        let tokens = AccessTokens::new(&[token("", path.to_str().unwrap())]);
        fs::remove_file(&path).unwrap();
        tokens
    }

    fn token(sha256: &str, file: &str) -> ApiToken {
        let scopes = vec![Scope::Read];
        ApiToken { name: "grafana".into(), sha256: sha256.into(), token_file: file.into(), scopes }
    }

    /// A file of secrets is mostly written with a line end, which is no part of the token.
    #[test]
    fn a_token_is_found_by_its_hash_or_by_its_file() {
        let by_hash = AccessTokens::new(&[token(&TOKEN_SHA256.to_uppercase(), "")]).unwrap();
        for tokens in [by_hash, written(&format!("{TOKEN}\n")).unwrap()] {
            let caller = tokens.find(TOKEN).unwrap();
            assert_eq!(&*caller.name, "grafana");
            assert_eq!(caller.needs(Scope::Read), Ok(()));
            assert_eq!(caller.needs(Scope::Admin), Err(Fault::ScopeMissing { needs: "admin" }));
            for other in
                ["", "flt_0123456789abcdef0123456789abcdeg", &TOKEN[1..], TOKEN_SHA256, &format!("{TOKEN} ")]
            {
                assert!(tokens.find(other).is_none(), "{other:?}");
            }
            assert_eq!(format!("{tokens:?}"), "[\"grafana\"]");
        }
    }

    /// What is no secret must not become one: the server does not start.
    #[test]
    fn files_without_a_token_are_refused_by_name() {
        let blank = " ".repeat(40);
        for (text, said) in [
            ("", "has 0 characters"),
            (blank.as_str(), "has 0 characters"),
            ("changeme", "has 8 characters"),
            ("two tokens of some length that stand on one line", "something else than one token"),
            (&"x".repeat(2_000), "has 2000 characters"),
        ] {
            let fault = written(text).unwrap_err();
            assert!(fault.starts_with("api.tokens, \"grafana\": ") && fault.contains(said), "{fault}");
        }
        let missing = AccessTokens::new(&[token("", "/nowhere/token")]).unwrap_err();
        assert!(missing.contains("/nowhere/token cannot be read"), "{missing}");
    }
}
