//! The server that is flooded, and what each case sends it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use super::RefusalsError;
use crate::http::Http;
use crate::server::{More, Server};
use crate::target::Target;

/// A way to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// No flood: what honest viewers have without.
    Quiet,
    /// An app that is open to all, and an offer that is none: refused after the body.
    Open,
    /// An app with users and stream keys, and no credentials.
    Nothing,
    /// A stream key that nobody has.
    StreamKey,
    /// A password that is wrong, another each time.
    Password,
    /// No credentials, from one address that has used up its budget.
    Budget,
    /// The same with passwords that are wrong.
    PasswordBudget,
}

/// Cases that one server serves.
pub(super) struct Cases {
    pub(super) has_small_budget: bool,
    pub(super) cases: Vec<Case>,
}

impl Case {
    pub(super) fn by_budget() -> [Cases; 2] {
        let large = vec![Self::Quiet, Self::Open, Self::Nothing, Self::StreamKey, Self::Password];
        [
            Cases { has_small_budget: false, cases: large },
            Cases { has_small_budget: true, cases: vec![Self::Budget, Self::PasswordBudget] },
        ]
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "no flood",
            Self::Open => "open app, offer that is none",
            Self::Nothing => "no credentials",
            Self::StreamKey => "wrong stream key",
            Self::Password => "wrong password",
            Self::Budget => "one address, budget used up",
            Self::PasswordBudget => "the same, wrong passwords",
        }
    }
}

const CLOSED: &str = "[auth]\npublish = ['users', 'stream_keys']\nplay = ['users', 'stream_keys']\n\
                      [auth.users]\nfile = 'users'\n[auth.stream_keys]\nfile = 'keys'\n";
const OPEN: &str = "[auth]\npublish = ['open']\nplay = ['open']\n";
const PASSWORD: &str = "correct horse battery";
/// Of `bench:` and that.
const AUTHORIZATION: &str = "Basic YmVuY2g6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5";
/// As long as a browser's offer with audio and video of one codec each.
const OFFER_BYTES: usize = 2_500;

/// See the file's head.
pub(super) struct Scene {
    server: Server,
    address: SocketAddr,
}

impl Scene {
    pub(super) fn open(binary: &Path, has_small_budget: bool) -> Result<Self, RefusalsError> {
        // The default, or more than a flood can use up.
        let sections = if has_small_budget { "" } else { "[auth]\nrefusals_per_minute_max = 1000000\n" };
        let more = More { http: "trusted_proxies = [\"127.0.0.1\"]\n", sections };
        let prepare = |folder: &Path| {
            let apps = folder.join("apps");
            std::fs::create_dir(&apps)?;
            std::fs::write(apps.join("live.toml"), CLOSED)?;
            std::fs::write(apps.join("open.toml"), OPEN)?;
            let (users, keys) = (apps.join("users"), apps.join("keys"));
            add(binary, &["add", "bench", "--password-stdin"], &users)?;
            add(binary, &["key", "add", "bench"], &keys)
        };
        let server = Server::start_with(binary, "auto", Ipv4Addr::LOCALHOST, &more, prepare)?;
        let address = server.address();
        Ok(Self { server, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn process(&self) -> u32 {
        self.server.id()
    }

    pub(super) fn target(&self) -> Result<Target, RefusalsError> {
        Ok(self.server.target()?)
    }

    /// Of an honest member, at an address of its own.
    pub(super) fn http(number: usize) -> Http {
        let headers = vec![
            ("Authorization".to_owned(), AUTHORIZATION.to_owned()),
            ("X-Forwarded-For".to_owned(), format!("198.18.1.{number}")),
        ];
        Http::new(headers, false)
    }

    /// What a connection of the flood sends, given its number and how many it has sent.
    pub(super) fn request(&self, case: Case) -> Option<Box<dyn Fn(u8, u64) -> String + Send + Sync>> {
        let host = self.address;
        let (path, authorization): (_, fn(u8, u64) -> String) = match case {
            Case::Quiet => return None,
            Case::Open => ("/open/whip/endpoint/x", |_, _| String::new()),
            Case::Nothing | Case::Budget => ("/live/whip/endpoint/x", |_, _| String::new()),
            Case::StreamKey => {
                ("/live/whip/endpoint/x", |_, _| format!("Authorization: Bearer sk_{}\r\n", "x".repeat(32)))
            }
            Case::Password | Case::PasswordBudget => ("", |_, _| String::new()),
        };
        // One address each, but where one is the case.
        let address = move |connection: u8| match case {
            Case::Budget => 250,
            Case::PasswordBudget => 251,
            _ => connection,
        };
        let body = "x".repeat(OFFER_BYTES);
        Some(Box::new(move |connection, number| {
            let path = match case {
                Case::Password | Case::PasswordBudget => {
                    format!("/live/whip/endpoint/x?username=bench&password=wrong{connection}-{number}")
                }
                _ => path.to_owned(),
            };
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/sdp\r\nX-Forwarded-For: 198.18.0.{}\r\n\
                 {}Content-Length: {OFFER_BYTES}\r\n\r\n{body}",
                address(connection),
                authorization(connection, number),
            )
        }))
    }
}

/// `fanlight user …` of the binary that is measured.
fn add(binary: &Path, arguments: &[&str], file: &Path) -> std::io::Result<()> {
    let mut child = Command::new(binary)
        .arg("user")
        .args(arguments)
        .arg("--file")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that asks for nothing may have ended.
        let _ = input.write_all(PASSWORD.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
