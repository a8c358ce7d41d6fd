//! The usage ticket of a delivery: taken when the request is admitted, spent by what answers it.

use std::sync::Arc;

use plane_kit::{ids::EnvironmentId, telemetry::metrics::Metrics, usage::Meter};

use super::counters::{CounterKey, Counters};

/// The promise that a delivery will be counted. It has to be spent or torn up; one that is merely dropped is a bug, seen by the
/// metric `unspent_tickets_total` and, in debug builds, by a panic.
pub struct UsageTicket {
    counters: Arc<Counters>,
    metrics: Arc<Metrics>,
    environment: EnvironmentId,
    is_open: bool,
}

impl UsageTicket {
    /// Takes a ticket.
    pub fn take(counters: Arc<Counters>, metrics: Arc<Metrics>, environment: EnvironmentId) -> Self {
        Self { counters, metrics, environment, is_open: true }
    }

    /// Counts an answered request whose body bytes are `bytes`.
    pub fn spend(mut self, bytes: u64) {
        self.is_open = false;
        let key = |meter| CounterKey { environment: self.environment, access_key: None, meter };
        self.counters.add(&key(Meter::DeliveryRequests), 1);
        if bytes > 0 {
            let bytes_counted = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.counters.add(&key(Meter::DeliveredBytes), bytes_counted);
            self.metrics.delivered_bytes.inc_by(bytes);
        }
    }

    /// Nothing was delivered: the request was refused, or its caller left before there was an answer.
    pub fn tear_up(mut self) {
        self.is_open = false;
    }
}

impl Drop for UsageTicket {
    fn drop(&mut self) {
        if self.is_open {
            self.metrics.unspent_tickets.inc();
            if !std::thread::panicking() {
                debug_assert!(!self.is_open, "a usage ticket was dropped without being spent");
            }
        }
    }
}
