//! Usage as the edge counts it: facts with natural keys. Nothing here knows a weight or a price.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{BootId, EnvironmentId, NodeId};

/// What is counted. The names are part of the contract between the planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Accepted uploads that are processed (images); one each.
    Uploads,
    /// Derived assets made for the first time; one each. Weights are billing's business.
    DerivedAssets,
    /// Bytes that began to be stored (negative: ceased to be).
    StoredBytes,
    /// Body bytes handed to the transport of a delivery.
    DeliveredBytes,
    /// Delivery requests that were answered from an asset.
    DeliveryRequests,
}

impl Meter {
    /// All meters.
    pub const ALL: [Self; 5] =
        [Self::Uploads, Self::DerivedAssets, Self::StoredBytes, Self::DeliveredBytes, Self::DeliveryRequests];

    /// The name on the wire and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uploads => "uploads",
            Self::DerivedAssets => "derived_assets",
            Self::StoredBytes => "stored_bytes",
            Self::DeliveredBytes => "delivered_bytes",
            Self::DeliveryRequests => "delivery_requests",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.name() == name)
    }

    /// The number under which a counter file knows the meter. Numbers are never reused.
    pub fn code(self) -> u32 {
        match self {
            Self::Uploads => 1,
            Self::DerivedAssets => 2,
            Self::StoredBytes => 3,
            Self::DeliveredBytes => 4,
            Self::DeliveryRequests => 5,
        }
    }

    /// Reads a number of a counter file.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.code() == code)
    }
}

/// A stretch of time of one run of one node, in which its counters were summed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The node.
    pub node: NodeId,
    /// The run of the node.
    pub boot: BootId,
    /// Number of the window within the run, from zero, without gaps.
    pub index: i64,
    /// Start, the same moment as the end of the window before.
    pub opened_at: DateTime<Utc>,
    /// End.
    pub closed_at: DateTime<Utc>,
    /// Whether the run ended with this window.
    pub is_last: bool,
}

/// What makes a record the same record however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NaturalKey {
    /// A fact written in the transaction of the row it belongs to.
    Row {
        /// The fact's own id.
        id: Uuid,
    },
    /// A sum over a window.
    Window {
        /// The node.
        node: NodeId,
        /// The run of the node.
        boot: BootId,
        /// The window.
        index: i64,
    },
}

/// One fact of usage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// What makes it the same record when it is sent again.
    pub key: NaturalKey,
    /// Whose usage it is.
    pub environment: EnvironmentId,
    /// The access key that caused it, where one did.
    pub access_key: Option<String>,
    /// What was counted.
    pub meter: Meter,
    /// How much.
    pub quantity: i64,
    /// When it happened, or when its window was closed.
    pub at: DateTime<Utc>,
    /// Where it came from: `upload`, `url`, `internal`, `destroy`, `window`.
    pub reason: String,
    /// What was made: asset, format, sizes, request. Facts only.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub facts: serde_json::Value,
}

impl UsageRecord {
    /// The natural key as text, unique over the installation. `region` is the sender's.
    pub fn natural_key(&self, region: &str) -> String {
        match &self.key {
            NaturalKey::Row { id } => format!("row:{region}:{}", id.as_simple()),
            NaturalKey::Window { node, boot, index } => format!(
                "win:{node}:{boot}:{index}:{}:{}:{}",
                self.environment,
                self.access_key.as_deref().unwrap_or("-"),
                self.meter.name()
            ),
        }
    }
}

/// What a region sends at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UsageBatch {
    /// Facts and sums.
    pub records: Vec<UsageRecord>,
    /// Windows whose sums are complete with this batch or an earlier one.
    pub windows: Vec<Window>,
    /// Nodes that counted nothing since their last window, and until when that is certain.
    pub idle: Vec<IdleNode>,
}

/// A node that has nothing to report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleNode {
    /// The node.
    pub node: NodeId,
    /// The run of the node.
    pub boot: BootId,
    /// Everything the node counted before this moment has been sent.
    pub complete_until: DateTime<Utc>,
}

/// Sums over the ledger for one product environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageSummary {
    /// Whose usage it is.
    pub environment: EnvironmentId,
    /// Name of the plan.
    pub plan: String,
    /// Transformations of the last 30 days, as the rate card weighs them.
    pub transformations: i64,
    /// Part of the transformations that are uploads.
    pub uploads: i64,
    /// Part of the transformations that are derived assets.
    pub derived: i64,
    /// Delivered bytes of the last 30 days.
    pub bandwidth_bytes: i64,
    /// Bytes stored now.
    pub storage_bytes: i64,
    /// Delivery requests of the last 30 days.
    pub requests: i64,
    /// Credits by metric and their sum, two decimals, as text-free numbers.
    pub credits: Credits,
    /// Everything before this moment is in the sums; absent when no node has reported yet.
    pub complete_until: Option<DateTime<Utc>>,
    /// When the sums were taken.
    pub taken_at: DateTime<Utc>,
}

/// Credits as the rate card converts usage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Credits {
    /// For transformations.
    pub transformations: f64,
    /// For delivered bytes.
    pub bandwidth: f64,
    /// For stored bytes.
    pub storage: f64,
    /// The sum of the rounded parts.
    pub total: f64,
    /// The plan's allowance, if it has one.
    pub limit: Option<f64>,
}
