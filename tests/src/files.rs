//! A static file server on loopback: for pages that Fanlight itself does not serve, such as the SDK's own tests.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Serves a folder until it is dropped.
pub struct Files {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Files {
    /// Serves what is in `root`.
    ///
    /// # Errors
    /// No port is free.
    pub fn serve(root: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                let root = root.clone();
                // A browser that goes away in the middle is no concern of the others.
                thread::spawn(move || answer(stream, &root));
            }
        });
        Ok(Self { address, ended })
    }

    /// `http://…` without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it sees its end.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, root: &Path) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = Path::new(target.split('?').next().unwrap_or_default().trim_start_matches('/'));
    let inside = path.components().all(|component| matches!(component, Component::Normal(_)));
    let found = inside.then(|| fs::read(root.join(path)).ok()).flatten();
    let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let len = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}
