//! What is counted, in the text format of Prometheus.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_store::RequestKind;

use crate::slot::Slot;

/// `Content-Type` of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets of latencies, in seconds.
const LATENCY_SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// Counters of requests, and what datasets tell of themselves when they are asked.
pub struct Metrics {
    registry: Registry,
    datasets: Arc<RwLock<Vec<Arc<Slot>>>>,
    requests: Family<Answered, Counter>,
    latency: Family<Route, Histogram>,
    bytes: Family<Of, Counter>,
    refused: Family<Because, Counter>,
    /// Bytes of bodies in temporary files.
    pub spool_bytes: Gauge<i64, AtomicI64>,
    denied: Family<Why, Counter>,
    /// Requests worked on right now.
    pub in_flight: Gauge<i64, AtomicI64>,
    /// Clients that follow events.
    pub event_streams: Gauge<i64, AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    dataset: String,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Counters at zero.
    #[expect(
        clippy::new_without_default,
        reason = "counters are made once, and kept for as long as the service runs"
    )]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("zarr_fuse");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let latency =
            Family::new_with_constructor((|| Histogram::new(LATENCY_SECONDS)) as fn() -> Histogram);
        registry.register(
            "http_request_duration_seconds",
            "Time until an answer began",
            latency.clone(),
        );
        let bytes = Family::default();
        registry.register(
            "contribution_bytes",
            "Bytes of acknowledged contributions, as they arrived",
            bytes.clone(),
        );
        let refused = Family::default();
        registry.register(
            "contributions_refused",
            "Contributions that were not taken, by the kind of problem",
            refused.clone(),
        );
        let spool_bytes = Gauge::default();
        registry.register(
            "spool_bytes",
            "Bytes of bodies in temporary files",
            spool_bytes.clone(),
        );
        let denied = Family::default();
        registry.register(
            "http_requests_denied",
            "Requests denied, by reason: nobody signed in, a wrong password or token, a missing scope, too many failures",
            denied.clone(),
        );
        let in_flight = Gauge::default();
        registry.register(
            "http_requests_in_flight",
            "Requests worked on right now",
            in_flight.clone(),
        );
        let event_streams = Gauge::default();
        registry.register(
            "event_streams",
            "Clients that follow events",
            event_streams.clone(),
        );
        let datasets = Arc::new(RwLock::default());
        registry.register_collector(Box::new(Datasets(Arc::clone(&datasets))));
        Self {
            registry,
            datasets,
            requests,
            latency,
            bytes,
            refused,
            spool_bytes,
            denied,
            in_flight,
            event_streams,
        }
    }

    /// Asks these datasets for their state from now on.
    pub(crate) fn ask(&self, datasets: Vec<Arc<Slot>>) {
        *self.datasets.write() = datasets;
    }

    /// Counts a request that was answered after `duration`.
    pub fn answered(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let labels = Answered {
            method: method.clone(),
            route: route.clone(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.latency
            .get_or_create(&Route { method, route })
            .observe(duration.as_secs_f64());
    }

    /// Counts a request that was denied for `reason`.
    pub fn denied(&self, reason: &'static str) {
        self.denied.get_or_create(&Why { reason }).inc();
    }

    /// Counts a contribution that was acknowledged.
    pub fn acknowledged(&self, dataset: &str, n_bytes: u64) {
        let labels = Of {
            dataset: dataset.to_owned(),
        };
        self.bytes.get_or_create(&labels).inc_by(n_bytes);
    }

    /// Counts a contribution that was not taken.
    pub fn refused(&self, reason: String) {
        self.refused.get_or_create(&Because { reason }).inc();
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("a String takes everything");
        text
    }
}

/// Asks datasets for their state.
#[derive(Debug)]
struct Datasets(Arc<RwLock<Vec<Arc<Slot>>>>);

impl Datasets {
    /// Tells which datasets are open, and gives them.
    fn open(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<Vec<Arc<Dataset>>, fmt::Error> {
        let slots = self.0.read().clone();
        let is_open = slots.iter().map(|slot| {
            let labels = vec![("dataset", slot.name.clone())];
            (labels, i64::from(slot.dataset().is_ok()))
        });
        gauges(
            encoder,
            "dataset_open",
            "1 if the dataset is open, 0 if it is being opened or cannot be opened",
            is_open,
        )?;
        Ok(slots
            .iter()
            .filter_map(|slot| slot.dataset().ok())
            .collect())
    }

    fn requests(open: &[Arc<Dataset>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let requests = open.iter().flat_map(|dataset| {
            RequestKind::ALL.map(|kind| {
                let labels = vec![
                    ("dataset", dataset.name.clone()),
                    ("kind", kind.name().to_owned()),
                ];
                (labels, dataset.n_requests(kind))
            })
        });
        counters(
            encoder,
            "store_requests",
            "Requests to the store of arrays and journal",
            requests,
        )
    }
}

impl Collector for Datasets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let open = self.open(&mut encoder)?;
        let all = || open.iter();
        let nodes = || {
            all().flat_map(|dataset| {
                dataset
                    .nodes
                    .iter()
                    .map(move |(path, node)| (dataset, path, node))
            })
        };
        let name = |dataset: &Dataset| vec![("dataset", dataset.name.clone())];

        let statuses = [
            Status::Journaled,
            Status::Merged,
            Status::Partial,
            Status::Rejected,
        ];
        let contributions = nodes().flat_map(|(dataset, path, _)| {
            let counts = dataset.journal.counts(path);
            statuses.map(|status| {
                let labels = vec![
                    ("dataset", dataset.name.clone()),
                    ("node", path.clone()),
                    ("status", status.name().to_owned()),
                ];
                (labels, as_gauge(counts.get(&status).copied().unwrap_or(0)))
            })
        });
        gauges(
            &mut encoder,
            "contributions",
            "Contributions by their state",
            contributions,
        )?;
        let folded = nodes().map(|(dataset, path, node)| {
            let labels = vec![("dataset", dataset.name.clone()), ("node", path.clone())];
            (labels, as_gauge(node.folded_seq()))
        });
        gauges(
            &mut encoder,
            "folded_seq",
            "Sequence number up to which a node is merged",
            folded,
        )?;
        let waiting =
            all().map(|dataset| (name(dataset), as_gauge(dataset.journal.n_waiting() as u64)));
        gauges(
            &mut encoder,
            "contributions_waiting",
            "Contributions that wait to be merged",
            waiting,
        )?;
        let last = all().map(|dataset| (name(dataset), as_gauge(dataset.journal.last_seq())));
        gauges(
            &mut encoder,
            "journal_last_seq",
            "Newest sequence number of the journal",
            last,
        )?;
        let troubles =
            all().map(|dataset| (name(dataset), as_gauge(dataset.troubles().len() as u64)));
        gauges(
            &mut encoder,
            "troubled_nodes",
            "Nodes that cannot be merged at present",
            troubles,
        )?;

        let stalled = all().map(|dataset| (name(dataset), dataset.journal.pressure().n_stalled));
        counters(
            &mut encoder,
            "contributions_stalled",
            "Contributions that were delayed because many wait to be merged",
            stalled,
        )?;
        Self::requests(&open, &mut encoder)?;
        let commits = all().map(|dataset| (name(dataset), dataset.fold_counts().n_commits));
        counters(&mut encoder, "commits", "Commits", commits)?;
        let folded = all().map(|dataset| (name(dataset), dataset.fold_counts().n_contributions));
        counters(
            &mut encoder,
            "contributions_folded",
            "Contributions folded",
            folded,
        )?;
        let rejected = all().map(|dataset| (name(dataset), dataset.fold_counts().n_rejected));
        counters(
            &mut encoder,
            "contributions_rejected",
            "Contributions rejected as a whole",
            rejected,
        )?;
        let rows = all().map(|dataset| (name(dataset), dataset.fold_counts().n_rows));
        counters(&mut encoder, "rows", "Rows merged", rows)?;
        let seconds =
            all().map(|dataset| (name(dataset), dataset.fold_counts().duration.as_secs_f64()));
        counters(&mut encoder, "fold_seconds", "Time spent folding", seconds)
    }
}

type Labels = Vec<(&'static str, String)>;

fn gauges<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels, V)>,
) -> fmt::Result
where
    ConstGauge<V>: EncodeMetric,
{
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counters<V: EncodeCounterValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels, V)>,
) -> fmt::Result
where
    ConstCounter<V>: EncodeMetric,
{
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn as_gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
