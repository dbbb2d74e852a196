//! The pages in real browsers: publish in one window, watch in others.
//!
//! The pages tell of themselves in `window.fanlight`. The browser decodes what it is sent, counts freezes by its own rules
//! (webrtc-stats §freezeCount) and reads the running clock out of the picture.

mod calm;
mod changes;
mod controls;
mod https;
mod late_joining;
mod layers;
mod offers;
mod pages;
mod pairs;
mod paths;
mod publishing;
mod restarting;
mod signing_in;
mod simulcast;
mod stacks;
mod sync;
mod tcp;
mod watching;
