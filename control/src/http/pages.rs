//! The pages and the client SDK, inside the binary; builds for debugging read them from the source folder.

use std::borrow::Cow;
use std::fmt::Write;

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::fault::Fault;

#[derive(RustEmbed)]
#[folder = "web/"]
#[exclude = "tests/*"]
#[exclude = "*.md"]
struct Files;

/// On every file. Pages load nothing from elsewhere, and send media to whichever server the visitor names.
const SECURITY: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; connect-src *; media-src 'self' blob:; img-src 'self' data: blob:; style-src 'self'; \
             script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // A new binary has new pages; unchanged ones cost a 304.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Bytes of the hash in an entity tag: enough to tell versions of one file apart.
const TAG_BYTES: usize = 16;

/// The file at `path` below the pages' folder.
pub(super) fn file(path: &str, request: &HeaderMap) -> Result<Response, Fault> {
    let found = Files::get(path).ok_or(Fault::UnknownPath)?;
    let tag = entity_tag(&found);
    let mut response = if is_fresh(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(match found.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        })
    };
    let headers = response.headers_mut();
    headers.extend(SECURITY);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits = hash.iter().take(TAG_BYTES).fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    format!("\"{digits}\"")
}

/// RFC 9110 §13.1.2: weak comparison.
pub(super) fn is_fresh(request: &HeaderMap, tag: &str) -> bool {
    let conditions = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    conditions.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

pub(super) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
