//! Every metric of both planes, declared in one place. Base units stand in the names; labels come from closed sets.

use std::{sync::Arc, time::Duration};

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    /// Requests answered, by operation template and status class.
    pub http_requests: IntCounterVec,
    /// Time to the first byte of an answer, by operation template.
    pub http_request_duration: HistogramVec,
    /// Answers that no access witness decided about. Must stay at zero.
    pub undecided_responses: IntCounter,
    /// Deliveries, by where the rendition was found.
    pub deliveries: IntCounterVec,
    /// Body bytes handed to the transport of deliveries.
    pub delivered_bytes: IntCounter,
    /// Makes of renditions that were started.
    pub makes_started: IntCounter,
    /// Looks at pixels that a plan depended on.
    pub measures_started: IntCounter,
    /// Makes of renditions that ended, by outcome.
    pub makes_ended: IntCounterVec,
    /// Processor time that render workers used.
    pub render_cpu_microseconds: IntCounter,
    /// Jobs waiting for a render worker.
    pub render_queue_jobs: IntGauge,
    /// Render workers that ended before the server did, by why.
    pub render_workers_ended: IntCounterVec,
    /// Uploads, by outcome.
    pub uploads: IntCounterVec,
    /// Usage records not yet in the ledger.
    pub usage_outbox_records: IntGauge,
    /// Usage records that the ledger refused. Each is an error to look into.
    pub usage_set_aside: IntCounter,
    /// Audit and call records not yet with the control plane.
    pub audit_outbox_records: IntGauge,
    /// Audit and call records that the control plane refused. Each is an error to look into.
    pub audit_set_aside: IntCounter,
    /// Calls that were counted with less detail, or not at all, because the table of calls was full.
    pub call_records_folded: IntCounter,
    /// Usage tickets that were dropped without being spent. Must stay at zero.
    pub unspent_tickets: IntCounter,
    /// Sequence number of the newest tenant snapshot applied.
    pub snapshot_sequence: IntGauge,
    /// Objects removed by the sweeper.
    pub swept_objects: IntCounter,
    /// Jobs that are not done, by lane.
    pub jobs_waiting: IntGaugeVec,
    /// How long the first due job of a lane has been waiting.
    pub jobs_late_seconds: IntGaugeVec,
    /// Jobs that were carried out, by kind and outcome.
    pub jobs_ended: IntCounterVec,
}

impl Metrics {
    /// Declares all metrics in a registry of their own.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new_custom(Some("safelight".into()), None)?;
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec, prometheus::Error> {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let http_request_duration = HistogramVec::new(
            HistogramOpts::new("http_request_duration_seconds", "Time to the head of an answer, by operation.")
                .buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            &["operation"],
        )?;
        registry.register(Box::new(http_request_duration.clone()))?;
        let metrics = Self {
            http_requests: counters(
                "http_requests_total",
                "Requests answered, by operation and class of status.",
                &["operation", "status"],
            )?,
            http_request_duration,
            undecided_responses: counter(
                "undecided_responses_total",
                "Answers withheld because no access witness decided about them; must stay at zero.",
            )?,
            deliveries: counters(
                "deliveries_total",
                "Deliveries, by where the body came from (memory, store, made, original, not_modified).",
                &["source"],
            )?,
            delivered_bytes: counter("delivered_bytes_total", "Body bytes handed to the transport of deliveries.")?,
            makes_started: counter("makes_started_total", "Makes of renditions that were started.")?,
            measures_started: counter("measures_started_total", "Looks at pixels that a plan depended on.")?,
            makes_ended: counters(
                "makes_ended_total",
                "Makes of renditions that ended (stored, refused, failed).",
                &["outcome"],
            )?,
            render_cpu_microseconds: counter(
                "render_cpu_microseconds_total",
                "Processor time used by render workers, in microseconds.",
            )?,
            render_queue_jobs: gauge("render_queue_jobs", "Jobs waiting for a render worker.")?,
            render_workers_ended: counters(
                "render_workers_ended_total",
                "Render workers that ended (crashed, timed_out, costly, recycled) or did not start (start_failed).",
                &["reason"],
            )?,
            uploads: counters("uploads_total", "Uploads, by outcome (stored, refused).", &["outcome"])?,
            usage_outbox_records: gauge("usage_outbox_records", "Usage records that are not in the ledger yet.")?,
            usage_set_aside: counter(
                "usage_set_aside_records_total",
                "Usage records that the ledger refused; each is an error to look into.",
            )?,
            audit_outbox_records: gauge(
                "audit_outbox_records",
                "Audit and call records that are not with the control plane yet.",
            )?,
            audit_set_aside: counter(
                "audit_set_aside_records_total",
                "Audit and call records that the control plane refused; each is an error to look into.",
            )?,
            call_records_folded: counter(
                "call_records_folded_total",
                "Calls counted with less detail, or not at all, because the table of calls was full.",
            )?,
            unspent_tickets: counter(
                "unspent_tickets_total",
                "Usage tickets dropped without being spent; must stay at zero.",
            )?,
            snapshot_sequence: gauge("snapshot_sequence", "Sequence number of the newest snapshot applied.")?,
            swept_objects: counter("swept_objects_total", "Objects removed because no row named them.")?,
            jobs_waiting: gauges("jobs_waiting", "Jobs that are not done, by lane (send, work).", &["lane"])?,
            jobs_late_seconds: gauges(
                "jobs_late_seconds",
                "How long the first due job of a lane has been waiting, in seconds.",
                &["lane"],
            )?,
            jobs_ended: counters(
                "jobs_ended_total",
                "Jobs carried out, by kind and outcome (done, put_off, given_up, lost, failed).",
                &["kind", "outcome"],
            )?,
            registry: registry.clone(),
        };
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Arc::new(metrics))
    }

    /// The registry, for layers that bring metrics of their own.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts one answered request. Requests that matched no operation share one label.
    pub fn record_request(&self, operation: Option<&str>, status: u16, took: Duration) {
        let operation = operation.unwrap_or("unmatched");
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.http_requests.with_label_values(&[operation, class]).inc();
        self.http_request_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// The text exposition of all metrics.
    pub fn expose(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}
