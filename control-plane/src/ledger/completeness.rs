//! Until when the sums are complete: windows of a run follow each other without gaps, so a missing one is seen.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use plane_kit::{
    ids::{BootId, NodeId},
    usage::{UsageBatch, Window},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

use super::{CHUNK, LedgerError};
use crate::{
    foundation::Foundation,
    tables::{node_reports, usage_windows},
};

/// Checks the shape of what a batch says about windows.
pub(super) fn check(batch: &UsageBatch) -> Result<(), LedgerError> {
    match batch.windows.iter().find(|window| window.index < 0 || window.closed_at < window.opened_at) {
        Some(window) => Err(LedgerError::MalformedWindow { node: window.node.to_string(), index: window.index }),
        None => Ok(()),
    }
}

/// Writes the windows of a batch down and moves every run that it speaks of as far as its row of windows is unbroken.
pub(super) async fn take(
    transaction: &DatabaseTransaction,
    region: &str,
    batch: &UsageBatch,
) -> Result<(), LedgerError> {
    // One order for all, so that two batches about the same runs do not wait for each other in a circle.
    let runs: BTreeSet<(NodeId, BootId)> = (batch.windows.iter().map(|window| (window.node, window.boot)))
        .chain(batch.idle.iter().map(|idle| (idle.node, idle.boot)))
        .collect();
    insert_windows(transaction, region, &batch.windows).await?;
    for (node, boot) in runs {
        let idle = batch.idle.iter().filter(|idle| idle.node == node && idle.boot == boot);
        let idle_until = idle.map(|idle| idle.complete_until).max();
        let report = locked_report(transaction, region, node, boot).await?;
        let advanced = advance(transaction, report.clone(), idle_until).await?;
        if advanced != report {
            node_reports::Entity::update(advanced.into_active_model().reset_all()).exec(transaction).await?;
        }
    }
    Ok(())
}

async fn insert_windows(transaction: &DatabaseTransaction, region: &str, windows: &[Window]) -> Result<(), DbErr> {
    let mut rows: Vec<usage_windows::Model> = windows
        .iter()
        .map(|window| usage_windows::Model {
            node: window.node.0,
            boot: window.boot.0,
            idx: window.index,
            region: region.to_owned(),
            opened_at: window.opened_at,
            closed_at: window.closed_at,
            is_last: window.is_last,
        })
        .collect();
    rows.sort_by_key(|row| (row.node, row.boot, row.idx));
    for chunk in rows.chunks(CHUNK) {
        let known =
            OnConflict::columns([usage_windows::Column::Node, usage_windows::Column::Boot, usage_windows::Column::Idx])
                .do_nothing()
                .to_owned();
        let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
        usage_windows::Entity::insert_many(rows).on_conflict(known).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// The report of a run, locked. A new one knows of nothing, so it begins at the beginning of time: a run whose first windows are
/// missing must not look complete.
async fn locked_report(
    transaction: &DatabaseTransaction,
    region: &str,
    node: NodeId,
    boot: BootId,
) -> Result<node_reports::Model, LedgerError> {
    let fresh = node_reports::Model {
        node: node.0,
        boot: boot.0,
        region: region.to_owned(),
        next_index: 0,
        complete_until: DateTime::UNIX_EPOCH,
        ended: false,
    };
    // Writing the same boot again changes nothing, but takes the lock of a row that is there already.
    let lock = OnConflict::columns([node_reports::Column::Node, node_reports::Column::Boot])
        .update_column(node_reports::Column::Boot)
        .to_owned();
    node_reports::Entity::insert(fresh.into_active_model().reset_all())
        .on_conflict(lock)
        .exec_without_returning(transaction)
        .await?;
    let report = node_reports::Entity::find_by_id((node.0, boot.0)).one(transaction).await?;
    match report {
        Some(report) if report.region == region => Ok(report),
        _ => Err(LedgerError::ForeignNode(node.to_string())),
    }
}

/// Walks the stored windows from the first that continues the row. At a gap it stops: what lies beyond is in the sums, but
/// nobody can say that the sums are complete.
async fn advance(
    transaction: &DatabaseTransaction,
    mut report: node_reports::Model,
    idle_until: Option<DateTime<Utc>>,
) -> Result<node_reports::Model, DbErr> {
    let ahead = usage_windows::Entity::find()
        .filter(usage_windows::Column::Node.eq(report.node))
        .filter(usage_windows::Column::Boot.eq(report.boot))
        .filter(usage_windows::Column::Idx.gte(report.next_index))
        .order_by_asc(usage_windows::Column::Idx)
        .all(transaction)
        .await?;
    for window in ahead {
        if window.idx != report.next_index {
            tracing::warn!(
                region = report.region,
                node = %report.node.as_simple(),
                boot = %report.boot.as_simple(),
                missing = report.next_index,
                found = window.idx,
                "a window of usage is missing; the sums of the region stay incomplete from here"
            );
            return Ok(report);
        }
        report.next_index += 1;
        report.complete_until = report.complete_until.max(window.closed_at);
        report.ended |= window.is_last;
    }
    report.complete_until = idle_until.map_or(report.complete_until, |until| until.max(report.complete_until));
    Ok(report)
}

/// Until when the sums of a region are complete: as far as the slowest run that has not ended; when all have ended, as far as
/// the last of them. None when no node has ever reported.
pub(crate) async fn complete_until(foundation: &Foundation, region: &str) -> Result<Option<DateTime<Utc>>, DbErr> {
    // Ended runs are only of interest when there is no other, and then only the newest.
    let running = node_reports::Entity::find()
        .filter(node_reports::Column::Region.eq(region))
        .filter(node_reports::Column::Ended.eq(false))
        .order_by_asc(node_reports::Column::CompleteUntil)
        .one(foundation.database.reader())
        .await?;
    if let Some(slowest) = running {
        return Ok(Some(slowest.complete_until));
    }
    let newest = node_reports::Entity::find()
        .filter(node_reports::Column::Region.eq(region))
        .order_by_desc(node_reports::Column::CompleteUntil)
        .one(foundation.database.reader())
        .await?;
    Ok(newest.map(|report| report.complete_until))
}
