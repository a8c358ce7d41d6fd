//! The ledger: takes usage from the regions, once each, weighs it, and keeps the daily sums.
//!
//! A batch goes in as one transaction, so a region that hears "yes" may forget it, and one that hears nothing sends it again.

mod completeness;

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use plane_kit::{
    error::{ApiError, ErrorCode},
    ids::EnvironmentId,
    usage::{Meter, UsageBatch, UsageRecord},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QuerySelect, QueryTrait,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

pub(crate) use completeness::complete_until;

use crate::{
    access::RegionGrant,
    billing::{
        asset_type::AssetType,
        rate_card::{self, RATE_CARD},
    },
    foundation::Foundation,
    tables::{can_be_kept, product_environments, usage_daily, usage_ledger},
};

/// Rows of one INSERT; both databases bound the number of values in a statement.
const CHUNK: usize = 500;
/// No record counts more than this; more is a mistake of the sender, and sums have to fit in 64 bits.
const LARGEST_QUANTITY: i64 = 1 << 50;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The environment is another region's, or nobody's.
    #[error("environment {0} is not of this region")]
    ForeignEnvironment(EnvironmentId),
    /// A quantity is negative where only stored bytes may be, or beyond all measure.
    #[error("record {key} has the quantity {quantity}, which {meter} cannot have")]
    InvalidQuantity {
        /// The record's natural key.
        key: String,
        /// What it says.
        quantity: i64,
        /// The meter's name.
        meter: &'static str,
    },
    /// A text of the record holds what the database cannot keep.
    #[error("record {0} holds control characters")]
    InvalidText(String),
    /// The node belongs to another region.
    #[error("node {0} is not of this region")]
    ForeignNode(String),
    /// A window ends before it begins, or has a negative number.
    #[error("window {index} of node {node} is malformed")]
    MalformedWindow {
        /// The node.
        node: String,
        /// The number of the window.
        index: i64,
    },
    /// The database does not answer.
    #[error("the ledger cannot be written")]
    Database(#[from] DbErr),
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(source) => source.into(),
            refusal => Self::new(ErrorCode::InvalidRequest, refusal.to_string()),
        }
    }
}

/// The ledger as one region may write it.
pub(crate) struct Ledger<'a> {
    foundation: &'a Foundation,
    region: &'a str,
}

impl<'a> Ledger<'a> {
    /// The ledger of the region that was granted.
    pub(crate) fn of(grant: &'a RegionGrant) -> Self {
        Self { foundation: grant.foundation(), region: grant.region() }
    }

    /// Takes a batch. What has come in before changes nothing; a batch with one bad record is refused whole.
    pub(crate) async fn take(&self, batch: &UsageBatch) -> Result<(), LedgerError> {
        // Sorted, so that two batches that overlap take their locks in the same order.
        let mut records = BTreeMap::new();
        for record in &batch.records {
            check(record, self.region)?;
            records.entry(record.natural_key(self.region)).or_insert(record);
        }
        completeness::check(batch)?;
        let transaction = self.foundation.database.begin().await?;
        self.check_environments(&transaction, &records).await?;
        let inserted = self.insert(&transaction, &records).await?;
        add_to_days(&transaction, records.iter().filter(|(key, _)| inserted.contains(*key)).map(|(_, record)| *record))
            .await?;
        completeness::take(&transaction, self.region, batch).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn check_environments(
        &self,
        transaction: &DatabaseTransaction,
        records: &BTreeMap<String, &UsageRecord>,
    ) -> Result<(), LedgerError> {
        let named: HashSet<Uuid> = records.values().map(|record| record.environment.0).collect();
        let named: Vec<Uuid> = named.into_iter().collect();
        let mut known = HashSet::new();
        for chunk in named.chunks(CHUNK) {
            // Deleted environments stay accountable for what they used before.
            let found: Vec<Uuid> = product_environments::Entity::find()
                .select_only()
                .column(product_environments::Column::Id)
                .filter(product_environments::Column::Region.eq(self.region))
                .filter(product_environments::Column::Id.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(transaction)
                .await?;
            known.extend(found);
        }
        match named.into_iter().find(|id| !known.contains(id)) {
            Some(id) => Err(LedgerError::ForeignEnvironment(EnvironmentId(id))),
            None => Ok(()),
        }
    }

    /// Inserts what is new and answers its natural keys.
    async fn insert(
        &self,
        transaction: &DatabaseTransaction,
        records: &BTreeMap<String, &UsageRecord>,
    ) -> Result<HashSet<String>, LedgerError> {
        let received_at = self.foundation.clock.now();
        let rows: Vec<usage_ledger::ActiveModel> = records
            .iter()
            .map(|(key, record)| usage_ledger::ActiveModel {
                natural_key: Set(key.clone()),
                region: Set(self.region.to_owned()),
                environment_id: Set(record.environment.0),
                access_key: Set(record.access_key.clone()),
                meter: Set(record.meter.name().to_owned()),
                quantity: Set(record.quantity),
                weight: Set(rate_card::weigh(record)),
                rate_card: Set(RATE_CARD.version),
                at: Set(record.at),
                reason: Set(record.reason.clone()),
                facts: Set(record.facts.clone()),
                received_at: Set(received_at),
            })
            .collect();
        let mut inserted = HashSet::new();
        for chunk in rows.chunks(CHUNK) {
            let mut statement = usage_ledger::Entity::insert_many(chunk.to_vec())
                .on_conflict(OnConflict::column(usage_ledger::Column::NaturalKey).do_nothing().to_owned())
                .into_query();
            statement.returning(Query::returning().column(usage_ledger::Column::NaturalKey));
            for row in transaction.query_all(&statement).await? {
                inserted.insert(row.try_get_by_index(0)?);
            }
        }
        Ok(inserted)
    }
}

fn check(record: &UsageRecord, region: &str) -> Result<(), LedgerError> {
    let texts = [Some(record.reason.as_str()), record.access_key.as_deref()];
    let is_plain = !texts.into_iter().flatten().any(|text| text.chars().any(char::is_control));
    if !is_plain || !can_be_kept(&record.facts) {
        return Err(LedgerError::InvalidText(record.natural_key(region)));
    }
    let lowest = if record.meter == Meter::StoredBytes { -LARGEST_QUANTITY } else { 0 };
    if (lowest..=LARGEST_QUANTITY).contains(&record.quantity) {
        return Ok(());
    }
    Err(LedgerError::InvalidQuantity {
        key: record.natural_key(region),
        quantity: record.quantity,
        meter: record.meter.name(),
    })
}

/// Adds records that are new to the daily sums.
async fn add_to_days(
    transaction: &DatabaseTransaction,
    records: impl Iterator<Item = &UsageRecord>,
) -> Result<(), DbErr> {
    let mut sums: BTreeMap<(Uuid, NaiveDate, Meter, AssetType), (i64, i64)> = BTreeMap::new();
    for record in records {
        let bucket = (record.environment.0, record.at.date_naive(), record.meter, AssetType::of(&record.facts));
        let (quantity, weight) = sums.entry(bucket).or_default();
        *quantity = quantity.saturating_add(record.quantity);
        *weight = weight.saturating_add(rate_card::weigh(record));
    }
    let rows: Vec<usage_daily::ActiveModel> = sums
        .into_iter()
        .map(|((environment_id, day, meter, asset_type), (quantity, weight))| {
            let row = usage_daily::Model {
                environment_id,
                day,
                meter: meter.name().to_owned(),
                resource_type: asset_type.name().to_owned(),
                quantity,
                weight,
            };
            row.into_active_model().reset_all()
        })
        .collect();
    let plus =
        |column: usage_daily::Column| Expr::col((usage_daily::Entity, column)).add(Expr::col(("excluded", column)));
    for chunk in rows.chunks(CHUNK) {
        let add = OnConflict::columns([
            usage_daily::Column::EnvironmentId,
            usage_daily::Column::Day,
            usage_daily::Column::Meter,
            usage_daily::Column::ResourceType,
        ])
        .value(usage_daily::Column::Quantity, plus(usage_daily::Column::Quantity))
        .value(usage_daily::Column::Weight, plus(usage_daily::Column::Weight))
        .to_owned();
        usage_daily::Entity::insert_many(chunk.to_vec()).on_conflict(add).exec_without_returning(transaction).await?;
    }
    Ok(())
}
