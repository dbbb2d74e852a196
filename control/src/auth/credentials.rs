//! What a request brings to prove that it may: `Authorization` (RFC 6750, RFC 7617), or parameters of the query, which is all that
//! players and the SDKs in the field can send: `token`, `username` and `password`, and those of signed URLs.
//!
//! Such queries are not always well formed: values come unescaped, a second `?` stands for `&`, and what a script did not know
//! comes as the text `undefined`.

use std::fmt;

use axum::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

/// Parameters that are read of one query. More are not looked at.
const PARAMETERS_MAX: usize = 64;

/// The credentials of one request. Nothing shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    token: Option<String>,
    login: Option<(String, String)>,
    parameters: Vec<(String, String)>,
}

impl Credentials {
    /// The header counts before the query.
    pub(crate) fn read(headers: &HeaderMap, query: Option<&str>) -> Self {
        let parameters = parameters(query.unwrap_or_default());
        let mut found = Self { token: None, login: None, parameters };
        found.token = found.query("token").map(str::to_owned);
        found.login = found
            .query("username")
            .zip(found.query("password"))
            .map(|(name, password)| (name.to_owned(), password.to_owned()));
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        // Of two it is not known which is meant.
        if let (Some(value), None) = (authorizations.next(), authorizations.next()) {
            found.read_authorization(value.to_str().unwrap_or_default());
        }
        found
    }

    /// A bearer token: of the header, or the query's `token`.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// User name and password.
    pub(crate) fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(name, password)| (name.as_str(), password.as_str()))
    }

    /// Another parameter of the query, if it is there exactly once and says something.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(found, _)| found == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) if says_something(value) => Some(value),
            _ => None,
        }
    }

    fn read_authorization(&mut self, value: &str) {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") && says_something(rest) {
            self.token = Some(rest.to_owned());
        } else if scheme.eq_ignore_ascii_case("basic") {
            let text = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let login = text.as_deref().and_then(|text| text.split_once(':'));
            if let Some((name, password)) =
                login.filter(|(name, word)| says_something(name) && says_something(word))
            {
                self.login = Some((name.to_owned(), password.to_owned()));
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.is_some())
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

fn says_something(value: &str) -> bool {
    !value.trim().is_empty() && value != "undefined"
}

fn parameters(query: &str) -> Vec<(String, String)> {
    query
        .split(['&', '?'])
        .filter(|pair| !pair.is_empty())
        .take(PARAMETERS_MAX)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Escapes that are none stay as they are, as does `+`: the SDKs in the field escape nothing.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &[&str], query: &str) -> Credentials {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        Credentials::read(&headers, Some(query))
    }

    /// Standard clients send headers, players and SDKs queries; both must do, and the header, which is not logged, counts.
    #[test]
    fn credentials_are_found_in_the_header_or_in_the_query() {
        assert_eq!(read(&["Bearer abc"], "").token(), Some("abc"));
        assert_eq!(read(&["bearer   abc "], "token=other").token(), Some("abc"));
        assert_eq!(read(&[], "signal=true?token=a%2Bb&x=y").token(), Some("a+b"));
        assert_eq!(read(&["Basic dXNlcjpwYTpzcw=="], "").login(), Some(("user", "pa:ss")));
        assert_eq!(read(&[], "username=u&password=p+w%20x").login(), Some(("u", "p+w x")));
        assert_eq!(read(&[], "expires=12").query("expires"), Some("12"));
    }

    /// Whatever says nothing, or two things, is as if it were not there.
    #[test]
    fn blank_unknown_and_doubled_values_are_none() {
        for query in ["token=", "token=%20", "token=undefined", "token", "token=a&token=b", "", "??&&=="] {
            assert_eq!(read(&[], query).token(), None, "{query}");
        }
        for query in ["username=u", "username=u&password=", "username=undefined&password=p", "password=p"] {
            assert_eq!(read(&[], query).login(), None, "{query}");
        }
        for header in ["Bearer", "Bearer ", "Basic !!!", "Basic dXNlcg==", "Digest abc", "abc"] {
            let credentials = read(&[header], "");
            assert_eq!((credentials.token(), credentials.login()), (None, None), "{header}");
        }
        assert_eq!(read(&["Bearer a", "Bearer b"], "").token(), None);
    }

    /// Logs and panics print values by Debug.
    #[test]
    fn debug_output_shows_no_secret() {
        let text = format!("{:?}", read(&["Bearer s3cret"], "username=u&password=s3cret&sig=s3cret"));
        assert!(!text.contains("s3cret"), "{text}");
    }
}
