//! What a viewer costs besides packets: what a turn allocates, and what a session keeps.

#[cfg(test)]
#[expect(dead_code, unused_imports, reason = "these tests need a part of it")]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod heap;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod storm;
