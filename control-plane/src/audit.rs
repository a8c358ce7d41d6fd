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
    operations::operations,
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

/// Adds a region; the operator's own act, which no route carries out.
pub(crate) const ADD_REGION: &str = "add_region";
/// Seals every secret anew; the operator's own act, which no route carries out.
pub(crate) const ROTATE_KEY_ENCRYPTION_KEY: &str = "rotate_key_encryption_key";
/// Brings an existing key in; the operator's own act, which no route carries out.
pub(crate) const IMPORT_ACCESS_KEY: &str = "import_access_key";

/// Whether a record can be of an operation: one of the table, or one that only the operator's commands carry out.
fn is_operation(name: &str) -> bool {
    [ADD_REGION, ROTATE_KEY_ENCRYPTION_KEY, IMPORT_ACCESS_KEY].contains(&name) || operations().find(name).is_some()
}

/// The name and value of the wish that no record can fulfil, if there is one. `folded` is what stands for those that were too many to
/// be told apart, which call records know and the audit log does not.
pub(crate) fn impossible<'a>(
    operation: Option<&'a str>,
    actor: Option<&'a str>,
    folded: Option<&str>,
) -> Option<(&'static str, &'a str)> {
    let operation = operation.filter(|name| !is_operation(name) && Some(*name) != folded);
    let actor = actor.filter(|name| !is_actor(name) && Some(*name) != folded);
    operation.map(|name| ("operation", name)).or_else(|| actor.map(|name| ("actor", name)))
}

/// Whether a name has the form of an actor.
fn is_actor(name: &str) -> bool {
    match name.split_once(':') {
        Some((kind, id)) => ["key", "provisioning_key", "user", "preset"].contains(&kind) && !id.is_empty(),
        None => ["anonymous", "operator", "program"].contains(&name),
    }
}

/// Writes the record of a change of an account into the transaction of the change.
pub(crate) async fn write<C: ConnectionTrait>(
    foundation: &Foundation,
    connection: &C,
    account: AccountId,
    environment: Option<EnvironmentId>,
    origin: &Origin,
    entry: Entry,
) -> Result<(), DbErr> {
    let record = AuditRecord::new(foundation.clock.now(), origin, entry);
    insert(connection, AuditRecord { account: Some(account), environment, ..record }).await
}

/// Writes the record of a change of the installation, which is of no account, into the transaction of the change.
pub(crate) async fn write_of_installation<C: ConnectionTrait>(
    foundation: &Foundation,
    connection: &C,
    origin: &Origin,
    entry: Entry,
) -> Result<(), DbErr> {
    insert(connection, AuditRecord::new(foundation.clock.now(), origin, entry)).await
}

async fn insert<C: ConnectionTrait>(connection: &C, record: AuditRecord) -> Result<(), DbErr> {
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
