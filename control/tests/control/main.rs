//! The control plane over real sockets: HTTP on loopback, and a dataplane's side of the real protocol on a Unix socket.

#[cfg(test)]
mod api_v1;
#[cfg(test)]
mod api_v2;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod auth_servers;
#[cfg(test)]
mod auth_tokens;
#[cfg(test)]
mod auth_users;
#[cfg(test)]
#[allow(dead_code, reason = "the tests inside the library need more of it")]
#[path = "../../src/outbound/testing/server.rs"]
mod back_end;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod controls;
#[cfg(test)]
mod cross_origin;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod events;
#[cfg(test)]
mod inspecting;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod listings;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod user_command;
