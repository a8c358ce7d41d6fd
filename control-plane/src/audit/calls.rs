//! Call records as an account reads and purges them.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin, Outcome},
    ids::{AccountId, EnvironmentId},
    policy::key_subject,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde_json::json;

use super::PageEnd;
use crate::{access::AccountGrant, foundation::Foundation, store_error::StoreError, tables::call_records as rows};

/// Which call records to list. Every part narrows; times are compared with the hours of the records.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallFilter {
    /// Only hours that begin at or after this moment.
    pub from: Option<DateTime<Utc>>,
    /// Only hours that begin before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only this operation.
    pub operation: Option<String>,
    /// Only of this outcome.
    pub outcome: Option<Outcome>,
    /// Only of this product environment, which may be deleted.
    pub environment: Option<EnvironmentId>,
}

/// The call records of one account. The account is part of every query.
pub(crate) struct Calls<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Calls<'a> {
    /// The call records of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::AccountId.eq(self.account.0))
    }

    /// A page of the records that pass the filter, newest hour first, and where it ended if there is more.
    pub(crate) async fn page(
        &self,
        filter: &CallFilter,
        behind: Option<PageEnd>,
        limit: u64,
    ) -> Result<(Vec<rows::Model>, Option<PageEnd>), StoreError> {
        let mut chosen = self.mine();
        if let Some(from) = filter.from {
            chosen = chosen.filter(rows::Column::Hour.gte(from));
        }
        if let Some(to) = filter.to {
            chosen = chosen.filter(rows::Column::Hour.lt(to));
        }
        if let Some(actor) = &filter.actor {
            chosen = chosen.filter(rows::Column::Actor.eq(actor));
        }
        if let Some(operation) = &filter.operation {
            chosen = chosen.filter(rows::Column::Operation.eq(operation));
        }
        if let Some(outcome) = filter.outcome {
            chosen = chosen.filter(rows::Column::Outcome.eq(outcome.name()));
        }
        if let Some(environment) = filter.environment {
            chosen = chosen.filter(rows::Column::EnvironmentId.eq(environment.0));
        }
        if let Some(place) = behind {
            chosen = chosen.filter(place.behind(rows::Column::Hour, rows::Column::Id));
        }
        let mut found = chosen
            .order_by_desc(rows::Column::Hour)
            .order_by_desc(rows::Column::Id)
            .limit(limit.saturating_add(1))
            .all(self.foundation.database.reader())
            .await?;
        let has_more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let end = found.last().filter(|_| has_more).map(|row| PageEnd { at: row.hour, id: row.id });
        Ok((found, end))
    }

    /// Forgets the records of hours that began before a moment. Answers how many there were.
    pub(crate) async fn purge(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let transaction = self.foundation.database.begin().await?;
        let gone = rows::Entity::delete_many()
            .filter(rows::Column::AccountId.eq(self.account.0))
            .filter(rows::Column::Hour.lt(before))
            .exec(&transaction)
            .await?
            .rows_affected;
        let what = json!({"hours_before": before, "deleted": gone});
        let entry = Entry::removed("purge_call_records", "call_records".to_owned(), what);
        super::write(self.foundation, &transaction, self.account, None, self.origin, entry).await?;
        transaction.commit().await?;
        Ok(gone)
    }
}

/// When an access key of the account was last accepted, as far as call records are kept.
pub(crate) async fn last_used(
    foundation: &Foundation,
    account: AccountId,
    api_key: &str,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    rows::Entity::find()
        .select_only()
        .column(rows::Column::LastAt)
        .filter(rows::Column::AccountId.eq(account.0))
        .filter(rows::Column::Actor.eq(key_subject(api_key)))
        .filter(rows::Column::Outcome.ne(Outcome::Refused.name()))
        .order_by_desc(rows::Column::LastAt)
        .into_tuple()
        .one(foundation.database.reader())
        .await
}
