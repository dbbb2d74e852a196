//! The shard as a whole, through its only door: what goes into turns, and what comes out of them.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod adapting;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod estimating;
#[cfg(test)]
mod feedback_down;
#[cfg(test)]
mod feedback_up;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod inspecting;
#[cfg(test)]
mod joining;
#[cfg(test)]
mod layer_storms;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod leaps;
#[cfg(test)]
mod limiting;
#[cfg(test)]
mod muting;
#[cfg(test)]
mod probing;
#[cfg(test)]
mod redundant_audio;
#[cfg(test)]
mod replaying;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod starving;
#[cfg(test)]
mod svc;
mod trains;
