//! The server: what it is, that it answers, and how much it does.

use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::asked::Query;
use super::envelope::{Success, now_ms};
use super::scope::apps;
use super::unit::Unit;
use crate::api::Api;
use crate::fault::Fault;

/// What runs here, by the names of Red5's fields.
const VERSION: &str = concat!("Fanlight ", env!("CARGO_PKG_VERSION"));

/// Version of the RTMP server, likewise.
const FMS_VERSION: &str = concat!("FANLIGHT/", env!("CARGO_PKG_VERSION"));

#[derive(Serialize, ToSchema)]
#[schema(as = red5::Server)]
pub(super) struct Server {
    #[schema(example = "Fanlight 0.1.0")]
    red5_pro_version: &'static str,
    #[schema(example = "FANLIGHT/0.1.0")]
    fms_version: &'static str,
    /// Bits of what the RTMP server can do: none, as there is none.
    capabilities: u32,
    /// Milliseconds since control began.
    uptime: u64,
}

/// The server's version and age.
#[utoipa::path(get, path = "/server", operation_id = "red5_server", tag = "Red5",
    responses((status = 200, body = Success<Server>)),
)]
pub(super) async fn server(State(api): State<Arc<Api>>) -> Success<Server> {
    Success::of(Server {
        red5_pro_version: VERSION,
        fms_version: FMS_VERSION,
        capabilities: 0,
        uptime: uptime_ms(&api),
    })
}

/// The time, in milliseconds since 1970.
#[utoipa::path(get, path = "/server/ping", operation_id = "red5_ping", tag = "Red5",
    responses((status = 200, body = Success<u64>)),
)]
pub(super) async fn ping() -> Success<u64> {
    Success::of(now_ms())
}

#[derive(Serialize, ToSchema)]
#[schema(as = red5::ServerStatistics)]
pub(super) struct Statistics {
    red5_pro_version: &'static str,
    fms_version: &'static str,
    /// Milliseconds since control began.
    up_time: u64,
    /// The same.
    uptime: u64,
    #[schema(example = "Linux")]
    os_name: String,
    os_version: String,
    processors: usize,
    #[schema(example = "x86_64")]
    architecture: &'static str,
    /// Of the machine.
    #[schema(value_type = f64)]
    total_memory: Number,
    /// The most that may be used: all of the machine's.
    #[schema(value_type = f64)]
    max_memory: Number,
    /// Of the machine, as far as it can be had without swapping.
    #[schema(value_type = f64)]
    free_memory: Number,
    num_apps: usize,
    /// Apps that anybody is in.
    active_sub_scopes: u32,
    total_sub_scopes: u64,
    max_sub_scopes: u32,
    total_connections: u64,
    active_connections: u32,
    max_connections: u32,
    #[schema(value_type = f64)]
    bytes_in: Number,
    #[schema(value_type = f64)]
    bytes_out: Number,
    /// Packets of media.
    messages_in: u64,
    messages_out: u64,
    data_unit: Unit,
}

/// What the server is and does. Counts begin with control; connections are publishers and viewers.
#[utoipa::path(get, path = "/server/statistics", operation_id = "red5_server_statistics", tag = "Red5",
    params(("unit" = Option<Unit>, Query, description = "Of bytes; b if absent.")),
    responses((status = 200, body = Success<Statistics>)),
)]
pub(super) async fn statistics(
    State(api): State<Arc<Api>>,
    query: Query,
) -> Result<Success<Statistics>, Fault> {
    let unit = query.unit()?;
    let memory = Memory::read();
    let tally = api.site.signalling.tallied(|tallies| *tallies.server());
    let (up_time, uptime) = (uptime_ms(&api), uptime_ms(&api));
    Ok(Success::of(Statistics {
        red5_pro_version: VERSION,
        fms_version: FMS_VERSION,
        up_time,
        uptime,
        os_name: kernel("ostype"),
        os_version: kernel("osrelease"),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        architecture: std::env::consts::ARCH,
        total_memory: unit.of(memory.total),
        max_memory: unit.of(memory.total),
        free_memory: unit.of(memory.available),
        num_apps: apps(&api).len(),
        active_sub_scopes: tally.scopes.now,
        total_sub_scopes: tally.scopes.total,
        max_sub_scopes: tally.scopes.most,
        total_connections: tally.sessions.total,
        active_connections: tally.sessions.now,
        max_connections: tally.sessions.most,
        bytes_in: unit.of(tally.flow.bytes_in),
        bytes_out: unit.of(tally.flow.bytes_out),
        messages_in: tally.flow.packets_in,
        messages_out: tally.flow.packets_out,
        data_unit: unit,
    }))
}

fn uptime_ms(api: &Api) -> u64 {
    let age = SystemTime::now().duration_since(api.started).unwrap_or_default();
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

/// The machine's memory, bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    total: u64,
    available: u64,
}

impl Memory {
    fn read() -> Self {
        fs::read_to_string("/proc/meminfo").map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// proc_meminfo(5).
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kibibytes: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
            kibibytes.unwrap_or(0) * 1_024
        };
        Self { total: field("MemTotal"), available: field("MemAvailable") }
    }
}

/// What the kernel says of itself.
fn kernel(what: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/kernel/{what}")).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_from_the_kernels_table() {
        let text = "MemTotal:        8000 kB\nMemFree:  1 kB\nMemAvailable:  4000 kB\n";
        assert_eq!(Memory::parse(text), Memory { total: 8_192_000, available: 4_096_000 });
        assert_eq!(Memory::parse("nothing of it"), Memory::default());
    }
}
