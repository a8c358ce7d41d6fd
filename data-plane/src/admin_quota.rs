//! The hourly quota of the Admin API, counted in the regional database so that all nodes agree.
//!
//! A node claims some calls at a time and hands them out from memory, so a call seldom costs a statement. What a node has claimed and does
//! not use in the hour is lost to the others; calls that come at once may claim more than one after the other would.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use plane_kit::{
    database::Database,
    error::ApiError,
    http::rate::{RateFigures, UNLIMITED},
    ids::EnvironmentId,
};
use sea_orm::{
    ActiveValue::Set,
    DbErr, EntityTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::tables::admin_calls::{ActiveModel, Column, Entity};

/// Of how many environments it is remembered what was claimed for them; those of past hours go first.
const REMEMBERED: usize = 10_000;
/// A claim is at most this part of the limit, and at most so many calls.
const PART: u32 = 100;
const MOST: u32 = 25;

/// What this node has claimed of an hour.
#[derive(Debug, Clone, Copy)]
struct Claimed {
    hour: DateTime<Utc>,
    limit: u32,
    /// Calls that were claimed and not made.
    left: u32,
    /// Calls that nobody had claimed when this node last asked.
    unclaimed: u32,
}

/// The quota as one node hands it out.
#[derive(Default)]
pub struct AdminQuota(Mutex<HashMap<EnvironmentId, Claimed>>);

impl AdminQuota {
    /// Takes one call of an environment that may make `limit` an hour, or answers 420 with the figures; 0 is no limit.
    pub async fn take(
        &self,
        database: &Database,
        environment: EnvironmentId,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<RateFigures, ApiError> {
        let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let reset = hour + TimeDelta::hours(1);
        if limit == 0 {
            return Ok(RateFigures { limit: UNLIMITED, remaining: UNLIMITED, reset });
        }
        let figures = |remaining| RateFigures { limit, remaining, reset };
        if let Some(taken) = self.take_claimed(environment, hour, limit) {
            return taken.map(figures).ok_or_else(|| figures(0).refusal());
        }
        let wanted = (limit / PART).clamp(1, MOST);
        let total = claim(database, environment, hour, wanted).await?;
        // What is claimed beyond the limit is nobody's. A number below nought does not fit, and is nought.
        let over = u32::try_from(total.saturating_sub(i64::from(limit))).unwrap_or(0);
        let got = wanted.saturating_sub(over);
        let unclaimed = u32::try_from(i64::from(limit).saturating_sub(total)).unwrap_or(0);
        let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.len() >= REMEMBERED {
            claimed.retain(|_, of| of.hour == hour);
        }
        let new = Claimed { hour, limit, left: 0, unclaimed };
        let of = claimed.entry(environment).or_insert(new);
        if of.hour != hour || of.limit != limit {
            *of = new;
        }
        // Another call of this node may have claimed in between; what it has left stays.
        of.left += got;
        of.unclaimed = unclaimed;
        match of.left.checked_sub(1) {
            Some(left) => {
                of.left = left;
                Ok(figures(left.saturating_add(unclaimed)))
            }
            None => Err(figures(0).refusal()),
        }
    }

    /// One of the calls that were claimed before, with how many remain; none where all of the hour are known to be claimed. Nothing
    /// where the database has to be asked.
    fn take_claimed(&self, environment: EnvironmentId, hour: DateTime<Utc>, limit: u32) -> Option<Option<u32>> {
        let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = claimed.get_mut(&environment).filter(|of| of.hour == hour && of.limit == limit)?;
        match of.left.checked_sub(1) {
            Some(left) => {
                of.left = left;
                Some(Some(left.saturating_add(of.unclaimed)))
            }
            None if of.unclaimed == 0 => Some(None),
            None => None,
        }
    }
}

/// Claims calls of an hour; answers how many are claimed in all, which may be more than there are.
async fn claim(
    database: &Database,
    environment: EnvironmentId,
    hour: DateTime<Utc>,
    wanted: u32,
) -> Result<i64, DbErr> {
    let wanted = i64::from(wanted);
    let row = ActiveModel { environment_id: Set(environment.0), hour: Set(hour), calls: Set(wanted) };
    // The hour only goes on: a call that comes late, or from a node whose clock is behind, counts in the hour that has begun.
    let is_new = || Expr::col((Entity, Column::Hour)).lt(hour);
    let more = Expr::col((Entity, Column::Calls)).add(wanted);
    let counted = OnConflict::column(Column::EnvironmentId)
        .value(Column::Calls, Expr::case(is_new(), wanted).finally(more))
        .value(Column::Hour, Expr::case(is_new(), hour).finally(Expr::col((Entity, Column::Hour))))
        .to_owned();
    let row = Entity::insert(row).on_conflict(counted).exec_with_returning(database.writer()).await?;
    Ok(row.calls)
}

#[cfg(test)]
mod tests {
    use plane_kit::error::ErrorCode;
    use uuid::Uuid;

    use super::*;

    async fn open(url: &str, schema: &str) -> Database {
        let database = Database::open(url, schema).await.unwrap();
        migrations::migrate_regional(database.writer()).await.unwrap();
        database
    }

    async fn nodes_agree(database: &Database) {
        let (one, other) = (AdminQuota::default(), AdminQuota::default());
        let (environment, now) = (EnvironmentId(Uuid::from_u128(1)), DateTime::UNIX_EPOCH + TimeDelta::minutes(20));
        let mut made = 0;
        let mut remaining = 300;
        while let Ok(figures) = one.take(database, environment, 300, now).await {
            made += 1;
            assert_eq!(figures.limit, 300);
            assert_eq!(figures.reset, DateTime::UNIX_EPOCH + TimeDelta::hours(1));
            assert!(figures.remaining < remaining, "{figures:?}");
            remaining = figures.remaining;
            if made == 150 {
                break;
            }
        }
        while other.take(database, environment, 300, now).await.is_ok() {
            made += 1;
        }
        while one.take(database, environment, 300, now).await.is_ok() {
            made += 1;
        }
        assert_eq!(made, 300, "all of it, and no more, whoever asks");
        let refused = other.take(database, environment, 300, now).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::QuotaExceeded);
        assert!(refused.message().contains("Limit of 300"), "{refused}");
        assert_eq!(refused.headers().len(), 3);
        // Another environment, another limit and the next hour are others.
        let another = EnvironmentId(Uuid::from_u128(2));
        assert!(one.take(database, another, 1, now).await.is_ok());
        assert!(one.take(database, another, 1, now).await.is_err());
        assert!(one.take(database, environment, 400, now).await.is_ok());
        let later = now + TimeDelta::hours(1);
        assert_eq!(one.take(database, environment, 300, later).await.unwrap().remaining, 299);
        // Whose clock is behind sets nothing back.
        assert_eq!(other.take(database, environment, 300, now).await.unwrap_err().code(), ErrorCode::QuotaExceeded);
        let behind = AdminQuota::default();
        behind.take(database, environment, 300, now).await.unwrap();
        let third = AdminQuota::default();
        assert_eq!(third.take(database, environment, 300, later).await.unwrap().remaining, 293);
        let off = one.take(database, environment, 0, now).await.unwrap();
        assert!(off.limit > 0 && off.remaining > 0);
    }

    #[tokio::test]
    async fn nodes_share_one_quota() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/region.db", folder.path().display());
        nodes_agree(&open(&url, "").await).await;
    }

    #[tokio::test]
    async fn nodes_share_one_quota_on_postgres() {
        // The test command lends one; see CONTRIBUTING.
        let Ok(url) = std::env::var("SAFELIGHT_TEST_POSTGRES_URL") else { return };
        nodes_agree(&open(&url, "region_quota").await).await;
    }
}
