//! An app's own pages: the files of the folder that its `http.pages` names, below `/{app}/`.
//!
//! The kernel resolves each path beneath the folder and through no symbolic link (`openat2`), whatever its names are and whoever
//! changes the folder meanwhile. Hidden files stay hidden.
//!
//! Limits: files of [`FILE_BYTES_MAX`]; more is for a web server of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use super::pages::{content_type, is_fresh};
use crate::fault::Fault;

const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The file at `path` below `root`: names that are one each, none of them for a folder itself.
pub(super) async fn file(root: &Path, path: &[String], request: &HeaderMap) -> Result<Response, Fault> {
    if path.iter().any(|name| name.starts_with('.')) {
        return Err(Fault::UnknownPath);
    }
    let kind = content_type(path.last().map_or("", String::as_str));
    let (root, path): (PathBuf, PathBuf) = (root.to_owned(), path.iter().collect());
    // A disk may be slow, and the server's one thread waits for nobody.
    let read = tokio::task::spawn_blocking(move || read(&root, &path)).await;
    let (tag, bytes) = match read {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a page was not read");
            return Err(Fault::UnknownPath);
        }
        Err(error) => return Err(Fault::Internal(error.to_string())),
    };
    let mut response = if is_fresh(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(bytes))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// To the folder itself, from where its relative links lead right.
pub(super) fn into_folder(app: &str) -> Response {
    let location = format!("/{}/", crate::name::encode(app));
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// An entity tag and the bytes.
fn read(root: &Path, path: &Path) -> io::Result<(String, Vec<u8>)> {
    let folder = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // A pipe must not keep the reader waiting for a writer.
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(openat2(&folder, path, how, Mode::empty(), beneath)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is no file, or too large"));
    }
    let changed = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", changed.as_nanos(), metadata.len());
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok((tag, bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Names never lead out of the folder: not by dots, links, absolute paths, nor by what is no file at all.
    #[test]
    fn nothing_outside_the_folder_is_read() {
        let root = std::env::temp_dir().join(format!("fanlight-pages-{}", std::process::id()));
        let inside = root.join("pages");
        fs::create_dir_all(inside.join("deep")).unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        fs::write(inside.join("deep/page.html"), "page").unwrap();
        symlink("../secret", inside.join("link")).unwrap();
        symlink("/etc", inside.join("etc")).unwrap();
        symlink(".", inside.join("deep/here")).unwrap();
        let text =
            |path: &str| read(&inside, Path::new(path)).map(|(_, bytes)| String::from_utf8(bytes).unwrap());
        assert_eq!(text("deep/page.html").unwrap(), "page");
        for path in [
            "link",
            "etc/hostname",
            "../secret",
            "deep/../../secret",
            "/etc/hostname",
            "deep/here/page.html",
            "deep",
            ".",
            "",
            "missing",
            "deep/page.html/x",
        ] {
            assert!(text(path).is_err(), "{path}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
