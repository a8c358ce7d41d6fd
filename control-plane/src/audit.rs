//! The audit log and the call records: written with the changes of this plane, taken from the regions, read by the account.

mod calls;
mod intake;
mod log;
mod rehearsal;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, Utc};
use plane_kit::{
    audit::{AuditRecord, Entry, Origin, State},
    ids::{AccountId, EnvironmentId},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};
use uuid::Uuid;

pub(crate) use calls::{CallFilter, Calls, last_used};
pub(crate) use intake::{Intake, IntakeError};
pub use log::AuditFilter;
pub(crate) use log::AuditLog;
pub(crate) use rehearsal::{ChangedCalls, rehearse};

use crate::{foundation::Foundation, tables::audit_log};

/// The operator's own commands.
pub(crate) static OPERATOR: Origin = Origin::OPERATOR;
/// What the program does on its own behalf.
pub(crate) static PROGRAM: Origin = Origin::PROGRAM;

/// Writes the record of a change into the transaction of the change.
pub(crate) async fn write<C: ConnectionTrait>(
    foundation: &Foundation,
    connection: &C,
    account: AccountId,
    environment: Option<EnvironmentId>,
    origin: &Origin,
    entry: Entry,
) -> Result<(), DbErr> {
    let record =
        AuditRecord { account: Some(account), environment, ..AuditRecord::new(foundation.clock.now(), origin, entry) };
    let row = row(record).into_active_model().reset_all();
    audit_log::Entity::insert(row).exec_without_returning(connection).await?;
    Ok(())
}

fn row(record: AuditRecord) -> audit_log::Model {
    audit_log::Model {
        id: record.id,
        at: record.at,
        account_id: record.account.map(|id| id.0),
        environment_id: record.environment.map(|id| id.0),
        region: record.region,
        actor: record.actor,
        operation: record.operation,
        target: record.target,
        address: record.address,
        request: record.request,
        before: record.before.map(State::into_value),
        after: record.after.map(State::into_value),
    }
}

fn record(row: audit_log::Model) -> AuditRecord {
    AuditRecord {
        id: row.id,
        at: row.at,
        account: row.account_id.map(AccountId),
        environment: row.environment_id.map(EnvironmentId),
        region: row.region,
        actor: row.actor,
        operation: row.operation,
        target: row.target,
        address: row.address,
        request: row.request,
        before: row.before.map(State::of),
        after: row.after.map(State::of),
    }
}

/// Where a page of records ended: newest first, told apart by their ids. Opaque on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageEnd {
    at: DateTime<Utc>,
    id: Uuid,
}

impl PageEnd {
    /// Reads one of the wire.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (micros, id) = bytes.split_at_checked(8)?;
        let micros = i64::from_be_bytes(micros.try_into().ok()?);
        let at = DateTime::from_timestamp_micros(micros)?;
        // Beyond these years the databases do not agree on what comes first.
        (1..=9999).contains(&at.year()).then_some(())?;
        Some(Self { at, id: Uuid::from_slice(id).ok()? })
    }

    /// As it goes on the wire.
    pub(crate) fn print(self) -> String {
        let micros = self.at.timestamp_micros().to_be_bytes();
        URL_SAFE_NO_PAD.encode([micros.as_slice(), self.id.as_bytes()].concat())
    }

    /// What stands behind it, by these columns.
    fn behind<C: ColumnTrait>(self, at: C, id: C) -> Condition {
        let same = Condition::all().add(at.eq(self.at)).add(id.lt(self.id));
        Condition::any().add(at.lt(self.at)).add(same)
    }
}
