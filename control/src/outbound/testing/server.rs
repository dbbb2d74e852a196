//! Servers to ask in tests: real sockets on loopback, answers byte by byte as the test likes, everything that comes recorded.
//! Stands alone: the tests over HTTP use it too.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Request line and header lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits, then sends these bytes.
    Late(Duration, Vec<u8>),
    /// Sends the first bytes, then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends the first bytes, then a byte of the others now and then.
    Drip(Vec<u8>, Duration),
    /// Says nothing and stays.
    Hang,
    /// Closes the connection.
    Close,
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Act {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Word\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    Act::Send((head + body).into_bytes())
}

/// Gone with the value, its connections too.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

type Deed = Arc<dyn Fn(&Request) -> Act + Send + Sync>;

impl Server {
    pub(crate) async fn new(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), None, act).await.unwrap()
    }

    pub(crate) async fn on(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        act: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counter, seen, act) = (Arc::clone(&connections), Arc::clone(&requests), Arc::new(act) as Deed);
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let (seen, act, tls) = (Arc::clone(&seen), Arc::clone(&act), tls.clone());
                open.spawn(async move {
                    // How the peer ends it is the peer's matter.
                    let _ = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &seen, &act).await,
                            Err(error) => Err(error),
                        },
                        None => serve(stream, &seen, &act).await,
                    };
                });
            }
        });
        Ok(Self { address, connections, requests, task })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Mutex<Vec<Request>>,
    act: &Deed,
) -> io::Result<()> {
    while let Some(request) = read(&mut stream).await? {
        seen.lock().unwrap().push(request.clone());
        match act(&request) {
            Act::Send(bytes) => stream.write_all(&bytes).await?,
            Act::Late(pause, bytes) => {
                sleep(pause).await;
                stream.write_all(&bytes).await?;
            }
            Act::Endless(first, more) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&more).await?;
                }
            }
            Act::Drip(first, pause) => {
                stream.write_all(&first).await?;
                loop {
                    sleep(pause).await;
                    stream.write_all(b"1").await?;
                }
            }
            Act::Hang => sleep(Duration::from_secs(60)).await,
            Act::Close => return Ok(()),
        }
    }
    Ok(())
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head_len = loop {
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
    let mut request = Request { head, body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_len + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    request.body = String::from_utf8(bytes[head_len..].to_vec()).unwrap();
    Ok(Some(request))
}
