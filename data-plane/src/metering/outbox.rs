//! The outbox of usage: rows beside the rows they speak of, in the same transaction.

use chrono::{DateTime, Utc};
use plane_kit::{
    database::Database,
    usage::{UsageRecord, Window},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::tables::{usage_outbox, usage_set_aside, window_outbox};

/// How many rows one statement may insert; SQLite allows only so many bound values.
const ROWS_PER_STATEMENT: usize = 500;

/// Writes records. One that stands there already is the same record.
pub async fn put<C: ConnectionTrait>(connection: &C, region: &str, records: &[UsageRecord]) -> Result<(), DbErr> {
    for records in records.chunks(ROWS_PER_STATEMENT) {
        let rows = records.iter().map(|record| usage_outbox::ActiveModel {
            natural_key: Set(record.natural_key(region)),
            at: Set(record.at),
            record: Set(serde_json::to_string(record).unwrap_or_default()),
        });
        usage_outbox::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(usage_outbox::Column::NaturalKey).do_nothing().to_owned())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// Writes a closed window.
pub async fn put_window<C: ConnectionTrait>(connection: &C, window: &Window) -> Result<(), DbErr> {
    use window_outbox::Column;
    let row = window_outbox::ActiveModel {
        node: Set(window.node.0),
        boot: Set(window.boot.0),
        idx: Set(window.index),
        opened_at: Set(window.opened_at),
        closed_at: Set(window.closed_at),
        is_last: Set(window.is_last),
    };
    window_outbox::Entity::insert(row)
        .on_conflict(OnConflict::columns([Column::Node, Column::Boot, Column::Idx]).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// A record in the outbox.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its natural key.
    pub key: String,
    /// The record.
    pub record: UsageRecord,
}

/// The oldest records, at most `limit`. A row that cannot be read is an error that names it.
pub async fn oldest<C: ConnectionTrait>(connection: &C, limit: u64) -> Result<Vec<Row>, DbErr> {
    let rows = usage_outbox::Entity::find()
        .order_by_asc(usage_outbox::Column::At)
        .order_by_asc(usage_outbox::Column::NaturalKey)
        .limit(limit)
        .all(connection)
        .await?;
    rows.into_iter()
        .map(|row| match serde_json::from_str(&row.record) {
            Ok(record) => Ok(Row { key: row.natural_key, record }),
            Err(error) => Err(DbErr::Custom(format!("usage record {} cannot be read: {error}", row.natural_key))),
        })
        .collect()
}

/// The windows of the region that have not been handed over, in order.
pub async fn windows<C: ConnectionTrait>(connection: &C) -> Result<Vec<window_outbox::Model>, DbErr> {
    window_outbox::Entity::find()
        .order_by_asc(window_outbox::Column::ClosedAt)
        .order_by_asc(window_outbox::Column::Idx)
        .all(connection)
        .await
}

/// Forgets records that are in the ledger.
pub async fn forget<C: ConnectionTrait>(connection: &C, keys: Vec<String>) -> Result<(), DbErr> {
    for keys in keys.chunks(ROWS_PER_STATEMENT) {
        usage_outbox::Entity::delete_many()
            .filter(usage_outbox::Column::NaturalKey.is_in(keys.iter().map(String::as_str)))
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Takes a refused record out of the way and keeps it with the reason.
pub async fn set_aside(database: &Database, key: &str, reason: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    if let Some(row) = usage_outbox::Entity::find_by_id(key).one(&transaction).await? {
        let kept = usage_set_aside::ActiveModel {
            natural_key: Set(row.natural_key),
            record: Set(row.record),
            reason: Set(reason.to_owned()),
            refused_at: Set(now),
        };
        usage_set_aside::Entity::insert(kept)
            .on_conflict(OnConflict::column(usage_set_aside::Column::NaturalKey).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        usage_outbox::Entity::delete_by_id(key).exec(&transaction).await?;
    }
    transaction.commit().await
}

/// Forgets a window that the ledger knows.
pub async fn forget_window<C: ConnectionTrait>(connection: &C, window: &window_outbox::Model) -> Result<(), DbErr> {
    window_outbox::Entity::delete_by_id((window.node, window.boot, window.idx)).exec(connection).await?;
    Ok(())
}
