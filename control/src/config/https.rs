//! The section `[https]`, and what its values may be.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Config;
use super::check::{ConfigFault, quotable};
use super::tree::keys_of;

/// The HTTPS listener: all that [`Http`](super::Http) serves, by TLS 1.2 and 1.3, over HTTP/1.1 and HTTP/2. Limits are those of `http`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Https {
    pub certificate: CertificateSource,
    /// `::` = IPv6 and IPv4.
    pub bind: IpAddr,
    /// TCP port; 0 = any free one, for tests.
    pub port: u16,
    /// PEM: the server's certificate, then those between it and its root.
    pub certificate_file: PathBuf,
    /// PEM: the private key.
    pub key_file: PathBuf,
    /// Names that the certificate is asked for.
    pub acme_domains: Vec<String>,
    /// E-mail addresses that the authority may write to.
    pub acme_contact: Vec<String>,
    /// Where the authority's directory is (RFC 8555 §7.1.1), https only.
    pub acme_directory: String,
    /// PEM: roots by which the authority's own HTTPS is trusted; empty = those of browsers.
    pub acme_root_file: PathBuf,
}

impl Default for Https {
    fn default() -> Self {
        Self {
            certificate: CertificateSource::Development,
            bind: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            port: 8443,
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            acme_domains: Vec::new(),
            acme_contact: Vec::new(),
            acme_directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            acme_root_file: PathBuf::new(),
        }
    }
}

impl Https {
    /// Whether there is an HTTPS listener.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.certificate != CertificateSource::Off
    }
}

/// Where the certificate of HTTPS comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateSource {
    /// There is no HTTPS listener.
    Off,
    /// The server makes its own, which no browser trusts unasked.
    Development,
    /// `certificate_file` and `key_file`.
    Files,
    /// An authority that speaks ACME (RFC 8555) gives it, and renews it.
    Acme,
}

impl Https {
    /// A rule that the type of a key of this section alone does not hold.
    pub(super) fn rule_fault(&self, key: &str) -> Option<String> {
        let (sound, allowed) = match key {
            "acme_domains" => (
                self.acme_domains.iter().all(|name| is_domain(name)),
                "names such as \"live.example.org\": no addresses, and no wildcards, which take another proof than ours",
            ),
            "acme_contact" => (
                self.acme_contact
                    .iter()
                    .all(|text| text.contains('@') && !text.contains(':') && quotable(text)),
                "e-mail addresses such as \"admin@example.org\"",
            ),
            "acme_directory" => {
                let rest = self.acme_directory.strip_prefix("https://");
                let sound = rest.is_some_and(|rest| !rest.is_empty()) && quotable(&self.acme_directory);
                (sound, "the URL of an ACME directory, by https://")
            }
            _ => return None,
        };
        (!sound).then(|| allowed.to_owned())
    }
}

/// A host name of two labels or more (RFC 1123 §2.1), not an address.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let labels: Vec<&str> = name.split('.').collect();
    let is_named = labels.last().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()));
    name.len() <= 253 && labels.len() >= 2 && is_named && labels.into_iter().all(is_label)
}

/// The faults of a configuration whose every value is sound alone: what would be served must be there.
pub(super) fn joint_faults(config: &Config, source: &str) -> Vec<ConfigFault> {
    let https = &config.https;
    let is = |source| https.certificate == source;
    let none = |path: &PathBuf| path.as_os_str().is_empty();
    let rules = [
        (
            is(CertificateSource::Files) && none(&https.certificate_file),
            "https.certificate_file",
            "the path of a PEM file, as https.certificate is \"files\"",
        ),
        (
            is(CertificateSource::Files) && none(&https.key_file),
            "https.key_file",
            "the path of a PEM file, as https.certificate is \"files\"",
        ),
        (
            is(CertificateSource::Acme) && https.acme_domains.is_empty(),
            "https.acme_domains",
            "the names of this server, such as [\"live.example.org\"], as https.certificate is \"acme\"",
        ),
        (
            config.http.redirect_to_https && !https.is_on(),
            "http.redirect_to_https",
            "false, as https.certificate is \"off\"",
        ),
    ];
    let values = keys_of(config);
    let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
    broken
        .filter_map(|(_, key, allowed)| {
            let (_, value) = values.iter().find(|(name, _)| name == key)?;
            Some(ConfigFault::new(key, value, allowed.to_owned(), source.to_owned()))
        })
        .collect()
}
