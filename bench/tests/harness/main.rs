//! The harness as a whole: held to the books of a server that does wrong as often as it is told, and called as a user calls it.

mod command_line;
mod faulty;
mod self_verification;
