//! The pages in a real browser: publish in one window, watch in three.
//!
//! The pages tell of themselves in `window.fanlight`. Chromium decodes what it is sent, counts freezes by its own rules
//! (webrtc-stats §freezeCount) and reads the running clock out of the picture.

mod calm;
mod pages;
mod publishing;
mod watching;
