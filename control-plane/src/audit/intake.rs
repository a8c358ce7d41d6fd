//! Audit and call records of the regions on their way in: once each, and only of environments of the region.
//!
//! A batch goes in as one transaction, so a region that hears "yes" may forget it, and one that hears nothing sends it again.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;
use plane_kit::{
    audit::{AuditBatch, AuditRecord, CallRecord},
    error::{ApiError, ErrorCode},
    ids::{AccountId, EnvironmentId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    access::RegionGrant,
    foundation::Foundation,
    tables::{audit_log, call_records, product_environments},
};

/// Rows of one INSERT; both databases bound the number of values in a statement.
const CHUNK: usize = 500;
/// A name of a record may be this long, in bytes: more than a public id takes.
const LONGEST_NAME: usize = 4096;
/// The actor of a call may be this long, in bytes: it stands in an index.
const LONGEST_ACTOR: usize = 512;
/// No record counts more calls than this.
const LARGEST_COUNT: i64 = 1 << 50;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The environment is another region's, or nobody's.
    #[error("environment {0} is not of this region")]
    ForeignEnvironment(EnvironmentId),
    /// A change in a region is a change of an environment.
    #[error("record {0} names no environment")]
    NoEnvironment(Uuid),
    /// A text of the record is too long, or holds what the database cannot keep.
    #[error("record {0} holds control characters or a name that is too long")]
    InvalidText(Uuid),
    /// A call record counts nothing, or beyond all measure.
    #[error("record {0} counts {1} calls")]
    InvalidCount(Uuid, i64),
    /// The database does not answer.
    #[error("audit and call records cannot be written")]
    Database(#[from] DbErr),
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Database(source) => source.into(),
            refusal => Self::new(ErrorCode::InvalidRequest, refusal.to_string()),
        }
    }
}

/// The read model as one region may add to it.
pub(crate) struct Intake<'a> {
    foundation: &'a Foundation,
    region: &'a str,
}

impl<'a> Intake<'a> {
    /// The intake for the region that was granted.
    pub(crate) fn of(grant: &'a RegionGrant) -> Self {
        Self { foundation: grant.foundation(), region: grant.region() }
    }

    /// Takes a batch. What has come in before changes nothing; a batch with one bad record is refused whole.
    pub(crate) async fn take(&self, batch: &AuditBatch) -> Result<(), IntakeError> {
        let mut named = HashSet::new();
        // Sorted, so that two batches that overlap take their locks in the same order.
        let (mut records, mut calls) = (BTreeMap::new(), BTreeMap::new());
        for record in &batch.records {
            check_record(record)?;
            named.insert(record.environment.ok_or(IntakeError::NoEnvironment(record.id))?.0);
            records.entry(record.id).or_insert(record);
        }
        for call in &batch.calls {
            check_call(call)?;
            named.insert(call.environment.0);
            calls.entry(call.id).or_insert(call);
        }
        let transaction = self.foundation.database.begin().await?;
        let accounts = self.accounts_of(&transaction, named).await?;
        self.insert_records(&transaction, &records, &accounts).await?;
        self.insert_calls(&transaction, &calls, &accounts).await?;
        if !calls.is_empty() {
            self.forget_old_calls(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The account of each environment that is named. Deleted ones stay accountable.
    async fn accounts_of(
        &self,
        transaction: &DatabaseTransaction,
        named: HashSet<Uuid>,
    ) -> Result<HashMap<Uuid, Uuid>, IntakeError> {
        let named: Vec<Uuid> = named.into_iter().collect();
        let mut accounts = HashMap::new();
        for chunk in named.chunks(CHUNK) {
            let found: Vec<(Uuid, Uuid)> = product_environments::Entity::find()
                .select_only()
                .column(product_environments::Column::Id)
                .column(product_environments::Column::AccountId)
                .filter(product_environments::Column::Region.eq(self.region))
                .filter(product_environments::Column::Id.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(transaction)
                .await?;
            accounts.extend(found);
        }
        match named.into_iter().find(|id| !accounts.contains_key(id)) {
            Some(id) => Err(IntakeError::ForeignEnvironment(EnvironmentId(id))),
            None => Ok(accounts),
        }
    }

    async fn insert_records(
        &self,
        transaction: &DatabaseTransaction,
        records: &BTreeMap<Uuid, &AuditRecord>,
        accounts: &HashMap<Uuid, Uuid>,
    ) -> Result<(), DbErr> {
        let rows: Vec<audit_log::ActiveModel> = records
            .values()
            .map(|record| {
                // Whose it is and where it happened this plane knows itself, whatever the sender says.
                let account = record.environment.and_then(|id| accounts.get(&id.0)).copied().map(AccountId);
                let known = AuditRecord { account, region: self.region.to_owned(), ..(*record).clone() };
                super::row(known).into_active_model().reset_all()
            })
            .collect();
        for chunk in rows.chunks(CHUNK) {
            audit_log::Entity::insert_many(chunk.to_vec())
                .on_conflict(OnConflict::column(audit_log::Column::Id).do_nothing().to_owned())
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    async fn insert_calls(
        &self,
        transaction: &DatabaseTransaction,
        calls: &BTreeMap<Uuid, &CallRecord>,
        accounts: &HashMap<Uuid, Uuid>,
    ) -> Result<(), DbErr> {
        let rows: Vec<call_records::ActiveModel> = calls
            .values()
            .filter_map(|call| {
                let row = call_records::Model {
                    id: call.id,
                    account_id: *accounts.get(&call.environment.0)?,
                    environment_id: call.environment.0,
                    region: self.region.to_owned(),
                    actor: call.actor.clone(),
                    operation: call.operation.clone(),
                    method: call.method.clone(),
                    folder: call.folder.clone(),
                    outcome: call.outcome.name().to_owned(),
                    hour: call.hour,
                    count: call.count,
                    last_at: call.last_at,
                };
                Some(row.into_active_model().reset_all())
            })
            .collect();
        for chunk in rows.chunks(CHUNK) {
            call_records::Entity::insert_many(chunk.to_vec())
                .on_conflict(OnConflict::column(call_records::Column::Id).do_nothing().to_owned())
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    /// Forgets the call records of all accounts that are older than they are kept.
    async fn forget_old_calls(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let days = i64::from(self.foundation.config.call_records_days);
        let oldest = self.foundation.clock.now() - TimeDelta::days(days);
        call_records::Entity::delete_many().filter(call_records::Column::Hour.lt(oldest)).exec(transaction).await?;
        Ok(())
    }
}

/// Whether both databases can keep these texts.
fn are_plain(texts: &[&str]) -> bool {
    texts.iter().all(|text| text.len() <= LONGEST_NAME && !text.chars().any(char::is_control))
}

fn check_record(record: &AuditRecord) -> Result<(), IntakeError> {
    let texts = [&record.actor, &record.operation, &record.target, &record.address, &record.request];
    let is_plain = are_plain(&texts.map(String::as_str));
    if is_plain { Ok(()) } else { Err(IntakeError::InvalidText(record.id)) }
}

fn check_call(call: &CallRecord) -> Result<(), IntakeError> {
    let folder = call.folder.as_deref().unwrap_or_default();
    let texts = [call.actor.as_str(), call.operation.as_str(), call.method.as_str(), folder];
    if !are_plain(&texts) || call.actor.len() > LONGEST_ACTOR {
        return Err(IntakeError::InvalidText(call.id));
    }
    if (1..=LARGEST_COUNT).contains(&call.count) { Ok(()) } else { Err(IntakeError::InvalidCount(call.id, call.count)) }
}
