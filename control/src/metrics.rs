//! Control's own counters. All label values come from fixed sets in the code, never from a peer.

mod exposition;
mod report;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanlight_protocol::CloseReason;

use crate::outbound::Outbound;
use crate::signalling::{Role, Signalling};
use crate::tls::Expiry;
use exposition::Exposition;

#[derive(Debug, Default)]
struct Counts {
    /// By route class and status.
    requests: BTreeMap<(&'static str, u16), u64>,
    /// By [`crate::fault::Fault`]'s reason.
    faults: BTreeMap<&'static str, u64>,
    joins: BTreeMap<Role, u64>,
    closes: BTreeMap<&'static str, u64>,
    /// By cause, as [`crate::explain`] names them.
    failures: BTreeMap<&'static str, u64>,
}

/// Counters since the start of control. One mutex: it is held for one map operation a request.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
    connections: AtomicU64,
    connections_opened: AtomicU64,
    layer_changes: AtomicU64,
    pub(crate) certificate_expiry: Expiry,
}

impl Metrics {
    pub(crate) fn request(&self, route: &'static str, status: u16) {
        *self.counts().requests.entry((route, status)).or_default() += 1;
    }

    pub(crate) fn fault(&self, reason: &'static str) {
        *self.counts().faults.entry(reason).or_default() += 1;
    }

    pub(crate) fn joined(&self, role: Role) {
        *self.counts().joins.entry(role).or_default() += 1;
    }

    pub(crate) fn closed(&self, reason: CloseReason) {
        *self.counts().closes.entry(reason.name()).or_default() += 1;
    }

    pub(crate) fn failed(&self, cause: &'static str) {
        *self.counts().failures.entry(cause).or_default() += 1;
    }

    /// A viewer gets another layer than before.
    pub(crate) fn changed_layer(&self) {
        self.layer_changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection for as long as the value lives.
    pub(crate) fn connection(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connections_opened.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of the HTTP listener, counted while it lives.
pub(crate) struct OpenConnection<'a>(&'a Metrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All metrics in the Prometheus text format, version 0.0.4.
pub(crate) fn render(signalling: &Signalling) -> String {
    let mut text = Exposition::default();
    signalling.metrics.write(&mut text);
    let (publishers, viewers) = signalling.counts();
    text.gauge("fanlight_sessions", "Sessions now.")
        .sample(&[("role", Role::Publisher.name())], publishers)
        .sample(&[("role", Role::Viewer.name())], viewers);
    text.gauge("fanlight_event_streams", "Streams of events now.").sample(&[], signalling.events.count());
    text.gauge("fanlight_dataplane_connected", "1 while the media process is connected.")
        .sample(&[], u8::from(signalling.line.is_open()));
    let mut family = text.counter(
        "fanlight_outbound_requests_total",
        "Requests of ours to other servers, by what for and how they came out.",
    );
    for (purpose, outcome, count) in Outbound::of_the_process().tally() {
        family = family.sample(&[("purpose", purpose), ("outcome", outcome)], count);
    }
    report::write(&signalling.stats.report(), &mut text);
    text.finish()
}

impl Metrics {
    fn write(&self, text: &mut Exposition) {
        let counts = self.counts();
        let mut family =
            text.counter("fanlight_http_requests_total", "Requests answered, by route and status.");
        for ((route, status), count) in &counts.requests {
            family = family.sample(&[("route", route), ("status", &status.to_string())], *count);
        }
        let mut family = text
            .counter("fanlight_http_faults_total", "Requests refused, malformed ones included, by reason.");
        for (reason, count) in &counts.faults {
            family = family.sample(&[("reason", reason)], *count);
        }
        let mut family = text.counter("fanlight_joins_total", "Sessions opened, by role.");
        for (role, count) in &counts.joins {
            family = family.sample(&[("role", role.name())], *count);
        }
        let mut family = text.counter("fanlight_closes_total", "Sessions closed, by reason.");
        for (reason, count) in &counts.closes {
            family = family.sample(&[("reason", reason)], *count);
        }
        let mut family = text.counter(
            "fanlight_failures_total",
            "Sessions that did not connect or lost their connection, by what was seen of them.",
        );
        for (cause, count) in &counts.failures {
            family = family.sample(&[("cause", cause)], *count);
        }
        drop(counts);
        text.counter("fanlight_layer_changes_total", "Viewers that got another layer than before.")
            .sample(&[], self.layer_changes.load(Ordering::Relaxed));
        if let Some(seconds) = self.certificate_expiry.seconds() {
            text.gauge(
                "fanlight_https_certificate_expires_seconds",
                "End of the certificate in use, since 1970.",
            )
            .sample(&[], seconds);
        }
        text.gauge("fanlight_http_connections", "HTTP connections now.")
            .sample(&[], self.connections.load(Ordering::Relaxed));
        text.counter("fanlight_http_connections_total", "HTTP connections opened.")
            .sample(&[], self.connections_opened.load(Ordering::Relaxed));
    }
}
