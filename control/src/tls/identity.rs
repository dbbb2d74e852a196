//! A certificate with its key, checked before anyone is shown it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why a certificate and a key cannot be used. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    #[error("holds no certificate; it must be PEM, with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    #[error("holds no private key; it must be PEM, such as -----BEGIN PRIVATE KEY-----, without a password")]
    NoKey,
    #[error("is not PEM: {0}")]
    NotPem(String),
    #[error("holds a certificate that cannot be read: {0}")]
    Unreadable(String),
    #[error("holds a key that cannot be used: {0}")]
    UnusableKey(String),
    #[error("belongs to another certificate; give the key that the certificate was made for")]
    AnotherKey,
    #[error("expired {0}; renew it")]
    Expired(String),
    #[error("is not valid before {0}; check the clock of this machine")]
    NotYetValid(String),
}

impl CertificateFault {
    /// Whether the fault lies with the key, not with the certificate.
    pub(super) const fn is_of_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::UnusableKey(_) | Self::AnotherKey)
    }
}

/// Who the server is, as TLS shows it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// Host names and addresses that it is valid for.
    pub(super) names: Vec<String>,
    pub(super) expires: SystemTime,
}

impl Identity {
    /// Reads a chain and its key, both PEM. The first certificate is the server's.
    pub(super) fn from_pem(chain: &[u8], key: &[u8], now: SystemTime) -> Result<Self, CertificateFault> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(not_pem)?;
        let first = chain.first().ok_or(CertificateFault::NoCertificate)?;
        let Facts { names, begins, expires } = facts(first)?;
        if now < begins {
            return Err(CertificateFault::NotYetValid(date(begins)));
        }
        if now >= expires {
            return Err(CertificateFault::Expired(date(expires)));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateFault::NoKey,
            other => not_pem(other),
        })?;
        let key = CertifiedKey::from_der(chain, key, &super::provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateFault::AnotherKey,
            rustls::Error::InvalidCertificate(fault) => CertificateFault::Unreadable(format!("{fault:?}")),
            other => CertificateFault::UnusableKey(other.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), names, expires })
    }
}

/// What a certificate says of itself.
struct Facts {
    names: Vec<String>,
    begins: SystemTime,
    expires: SystemTime,
}

fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, CertificateFault> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| CertificateFault::Unreadable(error.to_string()))?;
    let alternatives = parsed.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|found| &found.value.general_names);
    Ok(Facts {
        names: names.filter_map(name_text).collect(),
        begins: since_1970(parsed.validity().not_before.timestamp()),
        expires: since_1970(parsed.validity().not_after.timestamp()),
    })
}

/// The names that a PEM certificate is valid for; none if it cannot be read.
pub(super) fn names(chain: &[u8]) -> Vec<String> {
    let first = CertificateDer::pem_slice_iter(chain).next().and_then(Result::ok);
    first.and_then(|first| facts(&first).ok()).map(|facts| facts.names).unwrap_or_default()
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|four| IpAddr::V4(Ipv4Addr::from(four)));
            let sixteen = || <[u8; 16]>::try_from(*bytes).map(|sixteen| IpAddr::V6(Ipv6Addr::from(sixteen)));
            four.or_else(|_| sixteen()).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn not_pem(error: pem::Error) -> CertificateFault {
    CertificateFault::NotPem(error.to_string())
}

/// Times before 1970 are as good as 1970.
fn since_1970(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// RFC 3339, to the second.
pub(super) fn date(time: SystemTime) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::from(time).format(format).unwrap_or_else(|_| "at a time beyond telling".to_owned())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    /// A certificate for `live.example.org` and 192.0.2.1, valid from yesterday for as many days, and its key; both PEM.
    fn made(days: u32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(vec!["live.example.org".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        params.not_before = (SystemTime::now() - DAY).into();
        params.not_after = (SystemTime::now() - DAY + DAY * days).into();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn read(chain: &str, key: &str) -> Result<Identity, CertificateFault> {
        Identity::from_pem(chain.as_bytes(), key.as_bytes(), SystemTime::now())
    }

    #[test]
    fn a_sound_pair_is_taken_with_its_names_and_its_end() {
        let (chain, key) = made(11);
        let identity = read(&chain, &key).unwrap();
        assert_eq!(identity.names, ["live.example.org", "192.0.2.1"]);
        let days_left = identity.expires.duration_since(SystemTime::now()).unwrap().as_secs_f64() / 86_400.0;
        assert!((9.9..10.1).contains(&days_left), "{days_left}");
        assert_eq!(names(chain.as_bytes()), identity.names);
    }

    /// Each would end in a browser's error page, or in none at all: the operator must hear of it first (threat A47).
    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        use CertificateFault as F;
        let (chain, key) = made(10);
        let (_, other) = made(10);
        let (old, old_key) = made(1);
        let begun = "-----BEGIN CERTIFICATE-----\nMII";
        let mangled = chain.replace("MI", "QQ");
        type Expected = fn(&F) -> bool;
        let cases: [(&str, &str, &str, Expected); 8] = [
            ("empty", "", &key, |fault| matches!(fault, F::NoCertificate)),
            ("a key for a certificate", &key, &key, |fault| matches!(fault, F::NoCertificate)),
            ("no key", &chain, "", |fault| matches!(fault, F::NoKey)),
            ("a certificate for a key", &chain, &chain, |fault| matches!(fault, F::NoKey)),
            ("another's key", &chain, &other, |fault| matches!(fault, F::AnotherKey)),
            ("an old certificate", &old, &old_key, |fault| matches!(fault, F::Expired(_))),
            ("half a file", begun, &key, |fault| matches!(fault, F::NotPem(_) | F::NoCertificate)),
            ("what is no certificate", &mangled, &key, |fault| matches!(fault, F::Unreadable(_))),
        ];
        for (what, chain, key, expected) in cases {
            let fault = read(chain, key).unwrap_err();
            assert!(expected(&fault), "{what}: {fault:?}");
            assert!(!fault.to_string().contains("PRIVATE KEY-----\nM"), "no secret in {fault}");
        }
        let early = Identity::from_pem(chain.as_bytes(), key.as_bytes(), SystemTime::now() - DAY * 2);
        assert!(matches!(early.unwrap_err(), F::NotYetValid(_)));
    }
}
