//! Tests of the module, by what they hold: [`publish`], [`simulcast`], [`watch`], [`refusals`], [`fragments`], and over all of them the
//! rules of [`rules`], [`random`] input and [`str0m`] as the other side.

mod codecs;
mod fixtures;
mod fragments;
mod offering;
mod oracle;
mod publish;
mod random;
mod refusals;
mod rules;
mod simulcast;
mod watch;
