//! Billing: what usage is worth. The only place that knows prices.
//!
//! Sums are read from the daily buckets that the ledger keeps; a bucket is a UTC day, and today is the last of the 30 days.

pub(crate) mod asset_type;
mod credits;
pub(crate) mod cycles;
pub(crate) mod plans;
pub(crate) mod rate_card;

use chrono::{DateTime, Days, NaiveDate, Utc};
use plane_kit::{
    error::ApiError,
    ids::EnvironmentId,
    usage::{Meter, UsageSummary},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Alias, Expr, SelectStatement},
};
use uuid::Uuid;

use crate::{
    access::{AccountGrant, RegionGrant},
    foundation::Foundation,
    ledger,
    tables::{accounts, product_environments, usage_daily},
};
use asset_type::AssetType;
use cycles::{Bucket, Cycle, Period};
use plans::PricePlan;

/// Length of the rolling window, today included.
const WINDOW_DAYS: u64 = 30;

/// Why a bill or a summary cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// There is no such environment in this region.
    #[error("Cannot find environment with id {0}")]
    EnvironmentNotFound(EnvironmentId),
    /// The database does not answer.
    #[error("the sums cannot be read from the database")]
    Database(#[from] DbErr),
}

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::EnvironmentNotFound(_) => Self::not_found(error.to_string()),
            BillingError::Database(source) => source.into(),
        }
    }
}

/// The days of the rolling window that ends with the day of `now`.
fn rolling_window(now: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let today = now.date_naive();
    (today.checked_sub_days(Days::new(WINDOW_DAYS - 1)).unwrap_or(NaiveDate::MIN), today)
}

/// What a plan of that name allows; a name that is no plan of this version of the program allows everything.
fn allowance(plan: &str) -> Option<f64> {
    PricePlan::named(plan).and_then(PricePlan::credits)
}

/// The sum of a column as a 64-bit number; PostgreSQL would answer a numeric.
fn total(column: usage_daily::Column) -> Expr {
    Expr::col(column).sum().cast_as(Alias::new("bigint"))
}

/// Bills of environments as one region may ask for them.
pub(crate) struct RegionBilling<'a> {
    foundation: &'a Foundation,
    region: &'a str,
}

impl<'a> RegionBilling<'a> {
    /// Billing for the region that was granted.
    pub(crate) fn of(grant: &'a RegionGrant) -> Self {
        Self { foundation: grant.foundation(), region: grant.region() }
    }

    /// The sums of an environment of the region: the last 30 days, and the bytes stored now.
    pub(crate) async fn summary(&self, environment: EnvironmentId) -> Result<UsageSummary, BillingError> {
        let reader = self.foundation.database.reader();
        let row = product_environments::Entity::find_by_id(environment.0)
            .filter(product_environments::Column::Region.eq(self.region))
            .one(reader)
            .await?
            .ok_or(BillingError::EnvironmentNotFound(environment))?;
        let plan = accounts::Entity::find_by_id(row.account_id).one(reader).await?.map(|account| account.plan);
        // Read first: what is promised to be in the sums must have been there when they were taken.
        let complete_until = ledger::complete_until(self.foundation, self.region).await?;
        let taken_at = self.foundation.clock.now();
        let (first, today) = rolling_window(taken_at);
        let recent: Vec<(String, i64, i64)> = usage_daily::Entity::find()
            .select_only()
            .column(usage_daily::Column::Meter)
            .column_as(total(usage_daily::Column::Quantity), "quantity")
            .column_as(total(usage_daily::Column::Weight), "weight")
            .filter(usage_daily::Column::EnvironmentId.eq(environment.0))
            .filter(usage_daily::Column::Day.between(first, today))
            .group_by(usage_daily::Column::Meter)
            .into_tuple()
            .all(reader)
            .await?;
        let stored: Option<Option<i64>> = usage_daily::Entity::find()
            .select_only()
            .column_as(total(usage_daily::Column::Quantity), "quantity")
            .filter(usage_daily::Column::EnvironmentId.eq(environment.0))
            .filter(usage_daily::Column::Meter.eq(Meter::StoredBytes.name()))
            .filter(usage_daily::Column::Day.lte(today))
            .into_tuple()
            .one(reader)
            .await?;
        let sums = |meter: Meter| {
            let found = recent.iter().find(|(name, ..)| name == meter.name());
            found.map_or((0, 0), |(_, quantity, weight)| (*quantity, *weight))
        };
        let (uploads, derived) = (sums(Meter::Uploads).1, sums(Meter::DerivedAssets).1);
        let bandwidth_bytes = sums(Meter::DeliveredBytes).0;
        // A deletion may come in before the upload that it belongs to; nobody stores less than nothing.
        let storage_bytes = Ord::max(stored.flatten().unwrap_or(0), 0);
        let transformations = uploads + derived;
        let plan = plan.unwrap_or_default();
        Ok(UsageSummary {
            environment,
            transformations,
            uploads,
            derived,
            bandwidth_bytes,
            storage_bytes,
            requests: sums(Meter::DeliveryRequests).0,
            credits: credits::credits(transformations, bandwidth_bytes, storage_bytes, allowance(&plan)),
            plan,
            complete_until,
            taken_at,
        })
    }
}

/// A year of an account.
#[derive(Debug, Clone)]
pub(crate) struct YearOfAccount {
    /// Name of the plan.
    pub plan: String,
    /// Credits that the plan allows in a cycle, if it limits them.
    pub limit: Option<f64>,
    /// The cycles that began in the year, oldest first; none when the account did not exist then.
    pub cycles: Vec<Cycle>,
}

/// Bills of one account.
pub(crate) struct AccountBilling<'a> {
    foundation: &'a Foundation,
    account: &'a accounts::Model,
}

impl<'a> AccountBilling<'a> {
    /// Billing for the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: grant.account() }
    }

    /// The year in which the present cycle began.
    pub(crate) fn present_year(&self) -> i32 {
        use chrono::Datelike;
        self.foundation.clock.now().year()
    }

    /// The cycles of the account that began in `year`; a cycle is a calendar month. Deleted environments count for what they
    /// used.
    pub(crate) async fn year(&self, year: i32) -> Result<YearOfAccount, BillingError> {
        let (first_day, today) = (self.account.created_at.date_naive(), self.foundation.clock.now().date_naive());
        let periods = Period::months_of(year, first_day, today);
        let limit = allowance(&self.account.plan);
        let cycles = match (periods.first(), periods.last()) {
            (Some(first), Some(last)) => {
                let names = self.cloud_names().await?;
                let opening = self.stored_before(first.from_day).await?;
                let buckets = self.buckets(first.from_day, last.counted_until).await?;
                cycles::cycles(&periods, &names, &opening, &buckets)
            }
            _ => Vec::new(),
        };
        Ok(YearOfAccount { plan: self.account.plan.clone(), limit, cycles })
    }

    /// The ids of the account's environments, as a subquery.
    fn environments(&self) -> SelectStatement {
        product_environments::Entity::find()
            .select_only()
            .column(product_environments::Column::Id)
            .filter(product_environments::Column::AccountId.eq(self.account.id))
            .into_query()
    }

    async fn cloud_names(&self) -> Result<Vec<(Uuid, String)>, DbErr> {
        product_environments::Entity::find()
            .select_only()
            .column(product_environments::Column::Id)
            .column(product_environments::Column::CloudName)
            .filter(product_environments::Column::AccountId.eq(self.account.id))
            .order_by_asc(product_environments::Column::CreatedAt)
            .order_by_asc(product_environments::Column::Id)
            .into_tuple()
            .all(self.foundation.database.reader())
            .await
    }

    /// Bytes stored at the beginning of a day, by environment and type.
    async fn stored_before(&self, day: NaiveDate) -> Result<Vec<(Uuid, AssetType, i64)>, DbErr> {
        let rows: Vec<(Uuid, String, i64)> = usage_daily::Entity::find()
            .select_only()
            .column(usage_daily::Column::EnvironmentId)
            .column(usage_daily::Column::ResourceType)
            .column_as(total(usage_daily::Column::Quantity), "quantity")
            .filter(usage_daily::Column::EnvironmentId.in_subquery(self.environments()))
            .filter(usage_daily::Column::Meter.eq(Meter::StoredBytes.name()))
            .filter(usage_daily::Column::Day.lt(day))
            .group_by(usage_daily::Column::EnvironmentId)
            .group_by(usage_daily::Column::ResourceType)
            .into_tuple()
            .all(self.foundation.database.reader())
            .await?;
        Ok(rows.into_iter().map(|(id, kind, bytes)| (id, AssetType::from_name(&kind), bytes)).collect())
    }

    async fn buckets(&self, first: NaiveDate, last: NaiveDate) -> Result<Vec<Bucket>, DbErr> {
        let rows = usage_daily::Entity::find()
            .filter(usage_daily::Column::EnvironmentId.in_subquery(self.environments()))
            .filter(usage_daily::Column::Day.between(first, last))
            .all(self.foundation.database.reader())
            .await?;
        // A meter that this version of the program does not know cannot be on its bill.
        let read = |row: usage_daily::Model| {
            Some(Bucket {
                environment: row.environment_id,
                day: row.day,
                meter: Meter::from_name(&row.meter)?,
                asset_type: AssetType::from_name(&row.resource_type),
                quantity: row.quantity,
                weight: row.weight,
            })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_last_of_thirty_days() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(rolling_window(at("2026-01-30T23:59:59Z")), (day("2026-01-01"), day("2026-01-30")));
        assert_eq!(rolling_window(at("2026-01-31T00:00:00Z")), (day("2026-01-02"), day("2026-01-31")));
    }
}
