//! HTTPS: certificates, HTTP/2, those who abuse either, and an authority that speaks ACME.

mod acme;
mod certificates;
mod hostile;
mod http2;

use std::net::SocketAddr;

use fanlight::Config;
use fanlight::config::CertificateSource;

use crate::support::{Certificate, Scratch, Stage};

/// A stage with HTTPS, and the certificate that it shows.
struct Secure {
    stage: Stage,
    root: String,
    folder: Scratch,
}

impl Secure {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let (certificate, folder) = (Certificate::for_days(10), Scratch::new());
        certificate.write(folder.path());
        let stage = Stage::with(|config| {
            show_files(config, &folder);
            adjust(config);
        })
        .await;
        Self { stage, root: certificate.chain, folder }
    }

    fn address(&self) -> SocketAddr {
        self.stage.server.https_address().unwrap()
    }
}

/// HTTPS with `chain.pem` and `key.pem` of that folder, on a port of its own.
fn show_files(config: &mut Config, folder: &Scratch) {
    config.https.certificate = CertificateSource::Files;
    config.https.bind = "127.0.0.1".parse().unwrap();
    config.https.certificate_file = folder.path().join("chain.pem");
    config.https.key_file = folder.path().join("key.pem");
}
