//! The other end of HTTPS: certificates of the tests' own, and a client that trusts exactly one of them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Reply;

const DAY: Duration = Duration::from_hours(24);

/// A self-signed certificate for `localhost`, and its key; both PEM.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Certificate {
    /// Valid from yesterday, for as many days.
    pub(crate) fn for_days(days: u32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = (SystemTime::now() - DAY).into();
        params.not_after = (SystemTime::now() - DAY + DAY * days).into();
        Self { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Writes both as `chain.pem` and `key.pem`.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("chain.pem"), &self.chain).unwrap();
        std::fs::write(folder.join("key.pem"), &self.key).unwrap();
    }
}

/// Shakes hands with a server of that name that shows what descends from `root`, and offers these protocols.
async fn shake(
    name: &'static str,
    versions: &[&'static SupportedProtocolVersion],
    address: SocketAddr,
    root: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The same as to `localhost`, by a version of `versions`.
pub(crate) async fn connect_by(
    versions: &[&'static SupportedProtocolVersion],
    address: SocketAddr,
    root: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    shake("localhost", versions, address, root, protocols).await
}

/// The same as to `name`.
pub(crate) async fn connect_as(
    name: &'static str,
    address: SocketAddr,
    root: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    shake(name, rustls::DEFAULT_VERSIONS, address, root, protocols).await
}

pub(crate) async fn connect(
    address: SocketAddr,
    root: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_by(rustls::DEFAULT_VERSIONS, address, root, protocols).await
}

/// One GET by HTTP/1.1 over TLS.
pub(crate) async fn get_by_tls(address: SocketAddr, root: &str, path: &str) -> Reply {
    let mut stream = connect(address, root, &["http/1.1"]).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    Reply::read(&mut stream, false).await.expect("an answer")
}

/// A connection of HTTP/2.
pub(crate) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    /// Ends with the connection.
    pub(crate) connection: tokio::task::JoinHandle<Result<(), hyper::Error>>,
}

impl Http2 {
    pub(crate) async fn open(address: SocketAddr, root: &str) -> Self {
        let stream = connect(address, root, &["h2"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let shaken =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let (sender, connection) = shaken;
        let authority = format!("localhost:{}", address.port());
        Self { sender, authority, connection: tokio::spawn(connection) }
    }

    /// The head of the answer, with a body that is still to be read.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("https://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    /// Status, `Location` and body.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String, String) {
        let response = self.send(method, path, headers, body).await;
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, location.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
    }
}
