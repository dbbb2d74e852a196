use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use toml::{Table, Value};

use super::tree::{defaults, leaves};
use super::*;

fn conf_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../conf/fanlight.toml")
}

fn from_text(text: &str) -> Result<Config, ConfigFaults> {
    static COUNTER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("fanlight-config-{}-{number}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let config = Config::load(Some(&path), []);
    std::fs::remove_file(&path).unwrap();
    config
}

fn from_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    Config::load(None, variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

/// The file is what operators read: it must state what the code does, key by key.
#[test]
fn the_file_in_conf_states_every_default_of_the_code() {
    assert_eq!(Config::load(Some(&conf_file()), []).unwrap(), Config::default());
    let table: Table = std::fs::read_to_string(conf_file()).unwrap().parse().unwrap();
    let mut stated = Vec::new();
    leaves(&table, "", &mut stated);
    let stated: BTreeSet<String> = stated.into_iter().map(|(key, _)| key).collect();
    let known: BTreeSet<String> = defaults::<Config>().into_iter().map(|(key, _)| key).collect();
    assert_eq!(stated, known);
}

/// A key without a word about it is of no use.
#[test]
fn each_key_in_conf_has_a_comment_above_it() {
    let text = std::fs::read_to_string(conf_file()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2) {
        if pair[1].contains(" = ") && !pair[1].starts_with('#') {
            assert!(pair[0].starts_with('#'), "{} has no comment", pair[1]);
        }
    }
}

/// An operator fixes all faults in one go, and a misspelt key never falls back to a default in silence.
#[test]
fn every_fault_is_told_with_its_key_its_value_and_what_is_allowed() {
    let faults = from_text(
        "[http]\nprot = 80\nport = 70000\nbind = 'nowhere'\n[media]\nio = 'epoll'\n[limits]\nsessions_max = 'many'\n\
         [log]\nformat = 'xml'\n[wide]\nopen = true\n",
    )
    .unwrap_err();
    let found: Vec<(String, String, String)> =
        faults.0.into_iter().map(|fault| (fault.key, fault.value, fault.allowed)).collect();
    let fault =
        |key: &str| found.iter().find(|(name, ..)| name == key).unwrap_or_else(|| panic!("{key}: {found:?}"));
    assert_eq!(found.len(), 7);
    assert_eq!(fault("http.prot").2, "there is no such key; the nearest is http.port");
    assert_eq!(fault("http.port").1, "70000");
    assert_eq!(fault("http.port").2, "a whole number from 0 to 65535 (a TCP port; 0 = any free one)");
    assert!(fault("http.bind").2.contains("IP address"), "{found:?}");
    assert!(fault("media.io").2.contains("`io_uring`"), "{found:?}");
    assert_eq!(fault("limits.sessions_max").2, "a whole number from 1 to 50000 (sessions)");
    assert!(fault("log.format").2.contains("`json`"), "{found:?}");
    assert!(fault("wide.open").2.starts_with("there is no such key"), "{found:?}");
}

/// Containers are configured by variables.
#[test]
fn the_environment_wins_over_the_file_and_is_checked_alike() {
    let config = from_environment(&[
        ("FANLIGHT_HTTP__PORT", "9000"),
        ("FANLIGHT_LOG__LEVEL", "debug"),
        ("FANLIGHT_MEDIA__PUBLIC_ADDRESSES", "[\"192.0.2.1\", \"2001:db8::1\"]"),
        ("FANLIGHT_MEDIA__BIND", "127.0.0.1"),
        ("FANLIGHT_CONFIG", "/etc/fanlight.toml"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(config.http.port, 9000);
    assert_eq!(config.log.level, "debug");
    assert_eq!(config.media.bind, "127.0.0.1".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(config.media.public_addresses.len(), 2);
    let faults = from_environment(&[("FANLIGHT_HTTP__PROT", "1")]).unwrap_err();
    assert_eq!(faults.0[0].source, "FANLIGHT_HTTP__PROT");
    assert!(faults.to_string().contains("the nearest is http.port"), "{faults}");
}

/// A key of a list's entry is a key as well; what ends up in a header must not be able to break it.
#[test]
fn ice_servers_and_origins_are_checked_in_depth() {
    let good =
        from_text("[[ice.servers]]\nurls = ['turn:t.example:3478?transport=udp']\nusername = 'u'\n").unwrap();
    assert_eq!(good.ice.servers[0].credential, "");
    for text in [
        "[[ice.servers]]\nurl = 'stun:s.example'\n",
        "[[ice.servers]]\nurls = []\n",
        "[[ice.servers]]\nurls = ['http://s.example']\n",
        "[[ice.servers]]\nurls = ['stun:']\n",
        "[[ice.servers]]\nurls = [\"stun:s\\r\\nSet-Cookie: x\"]\n",
        "[[ice.servers]]\nurls = ['stun:s']\nusername = 'a\"b'\n",
        "[http]\ncors_origins = ['example.org']\n",
        "[http]\ncors_origins = ['https://example.org/path']\n",
    ] {
        assert_eq!(from_text(text).unwrap_err().0.len(), 1, "{text}");
    }
}

/// A section that would serve nothing, or ask an authority for what it cannot give, is refused with the key to mend (threat A47).
#[test]
fn https_needs_what_its_certificate_comes_from() {
    let sound = [
        "[https]\ncertificate = 'off'\n",
        "[https]\ncertificate = 'files'\ncertificate_file = '/c.pem'\nkey_file = '/k.pem'\n",
        "[https]\ncertificate = 'acme'\nacme_domains = ['live.example.org']\nacme_contact = ['a@example.org']\n",
        "[http]\nredirect_to_https = true\n",
    ];
    for text in sound {
        from_text(text).unwrap_or_else(|faults| panic!("{text}: {faults}"));
    }
    for (key, text) in [
        ("https.certificate", "[https]\ncertificate = 'file'\n"),
        ("https.certificate_file", "[https]\ncertificate = 'files'\nkey_file = '/k.pem'\n"),
        ("https.key_file", "[https]\ncertificate = 'files'\ncertificate_file = '/c.pem'\n"),
        ("https.acme_domains", "[https]\ncertificate = 'acme'\n"),
        ("https.acme_domains", "[https]\nacme_domains = ['*.example.org']\n"),
        ("https.acme_domains", "[https]\nacme_domains = ['192.0.2.1']\n"),
        ("https.acme_domains", "[https]\nacme_domains = ['localhost']\n"),
        ("https.acme_domains", "[https]\nacme_domains = ['https://example.org']\n"),
        ("https.acme_contact", "[https]\nacme_contact = ['mailto:a@example.org']\n"),
        ("https.acme_directory", "[https]\nacme_directory = 'http://acme.example/directory'\n"),
        ("http.redirect_to_https", "[http]\nredirect_to_https = true\n[https]\ncertificate = 'off'\n"),
    ] {
        let faults = from_text(text).unwrap_err();
        assert_eq!((faults.0.len(), faults.0[0].key.as_str()), (1, key), "{text}: {faults}");
    }
    let mut config = Config::default();
    config.https.certificate = CertificateSource::Acme;
    assert_eq!(config.check().unwrap_err().0[0].key, "https.acme_domains", "a program is told so too");
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let faults = Config::load(Some(std::path::Path::new("/nowhere/fanlight.toml")), []).unwrap_err();
    assert!(faults.to_string().contains("/nowhere/fanlight.toml"), "{faults}");
    assert!(from_text("[http\n").unwrap_err().to_string().contains("not TOML"));
}

/// An embedding program bypasses the loader, not the bounds.
#[test]
fn a_configuration_made_by_a_program_is_checked_too() {
    let mut config = Config::default();
    assert_eq!(config.check(), Ok(()));
    config.limits.retry_after_s = 0;
    assert_eq!(config.check().unwrap_err().0[0].key, "limits.retry_after_s");
}

proptest! {
    /// What `config show` prints must mean what is in force.
    #[test]
    fn a_configuration_survives_being_printed(
        port in any::<u16>(),
        sessions in 1u32..50_000,
        pin in any::<bool>(),
        level in "[a-z=,:\"' ]{0,20}",
        origins in prop::collection::vec("https://[a-z]{1,8}\\.example", 0..3),
    ) {
        let mut config = Config::default();
        config.http.port = port;
        config.http.cors_origins = origins;
        config.limits.sessions_max = sessions;
        config.media.pin = pin;
        config.log.level = level;
        let printed = Value::try_from(&config).unwrap();
        prop_assert_eq!(from_text(&toml::to_string(&printed).unwrap()).unwrap(), config);
    }
}
