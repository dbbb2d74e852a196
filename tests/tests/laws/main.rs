//! The laws of the code that a compiler does not hold: who may import whom, where `unsafe` may be, how long a file may be.

mod examples;
mod imports;
mod sources;
