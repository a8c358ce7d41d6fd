//! The record of what was made and delivered by transformations, as it is written on the way.

use chrono::{DateTime, Utc};
use plane_kit::ids::EnvironmentId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::recorded::Recorded;
use crate::tables::transformations::{ActiveModel, Column, Entity, Model};

/// What is to be written of one transformation.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Whose it is.
    pub environment: EnvironmentId,
    /// Which.
    pub recorded: Recorded,
    /// How often.
    pub deliveries: i64,
    /// When for the last time.
    pub last: DateTime<Utc>,
}

/// Keeps that something was made by a transformation, in the transaction in which it is kept. Where others do the same at once, each
/// comes with its transformations in order, so that nobody waits for one who waits for him.
pub async fn put_made<C: ConnectionTrait>(
    connection: &C,
    environment: EnvironmentId,
    recorded: impl IntoIterator<Item = Recorded>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut recorded: Vec<(String, Recorded)> = recorded.into_iter().map(|one| (one.key(), one)).collect();
    recorded.sort_by(|(a, _), (b, _)| a.cmp(b));
    recorded.dedup();
    for (name, recorded) in recorded {
        if matches!(recorded, Recorded::Written(_)) {
            insert(connection, unnamed(environment, name.clone(), now, Some(now))).await?;
        }
        // A row that was used before is not touched: everybody would wait for it.
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(now))
            .filter(Column::EnvironmentId.eq(environment.0))
            .filter(Column::Name.eq(name))
            .filter(Column::LastUsedAt.is_null())
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Adds deliveries to a transformation that something was made by. One that was taken away meanwhile stays away.
pub(super) async fn add_deliveries<C: ConnectionTrait>(connection: &C, delivered: &Delivered) -> Result<(), DbErr> {
    let Delivered { environment, recorded, deliveries, last } = delivered;
    let later = Expr::col(Column::LastUsedAt).is_null().or(Expr::col(Column::LastUsedAt).lt(*last));
    Entity::update_many()
        .col_expr(Column::Deliveries, Expr::col(Column::Deliveries).add(*deliveries))
        .col_expr(Column::LastUsedAt, Expr::case(later, *last).finally(Expr::col(Column::LastUsedAt)).into())
        .filter(Column::EnvironmentId.eq(environment.0))
        .filter(Column::Name.eq(recorded.key()))
        .exec(connection)
        .await
        .map(drop)
}

/// A transformation without a name.
pub(super) fn unnamed(
    environment: EnvironmentId,
    name: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
) -> Model {
    Model {
        environment_id: environment.0,
        name,
        is_named: false,
        definition: None,
        allowed_for_strict: false,
        deliveries: 0,
        created_at,
        last_used_at,
    }
}

/// Whether the row was written; it is not when there is one of its name.
pub(super) async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<bool, DbErr> {
    let written = Entity::insert(ActiveModel::from(row))
        .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Name]).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(written > 0)
}
