//! The audit log as an account reads it, and the operator that of the installation.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use plane_kit::{
    audit::AuditRecord,
    ids::{AccountId, EnvironmentId},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::PageEnd;
use crate::{
    access::AccountGrant,
    foundation::Foundation,
    store_error::StoreError,
    tables::{audit_log as rows, begins_with},
};

/// Which records to list. Every part narrows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only what happened at or after this moment.
    pub from: Option<DateTime<Utc>>,
    /// Only what happened before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only this operation.
    pub operation: Option<String>,
    /// Only of this product environment, which may be deleted.
    pub environment: Option<EnvironmentId>,
    /// Only what was changed under names that begin so.
    pub target: Option<String>,
}

impl AuditFilter {
    /// Narrows it to what happened since a day of UTC or since a moment in RFC 3339. None when the text is neither.
    pub fn since(self, text: &str) -> Option<Self> {
        let from = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(day) => day.and_time(NaiveTime::MIN).and_utc(),
            Err(_) => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
        };
        Some(Self { from: Some(from), ..self })
    }

    /// The name and value of the part that no record can have, if there is one.
    pub fn impossible(&self) -> Option<(&'static str, &str)> {
        super::impossible(self.operation.as_deref(), self.actor.as_deref(), None)
    }
}

/// The audit log of one account, or of the installation. Whose it is is part of every query.
pub(crate) struct AuditLog<'a> {
    foundation: &'a Foundation,
    account: Option<AccountId>,
}

impl<'a> AuditLog<'a> {
    /// The log of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: Some(AccountId(grant.account().id)) }
    }

    /// The log of an account, or of the changes that are of none, on behalf of the operator.
    pub(crate) fn for_operator(foundation: &'a Foundation, account: Option<AccountId>) -> Self {
        Self { foundation, account }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(match self.account {
            Some(account) => rows::Column::AccountId.eq(account.0),
            None => rows::Column::AccountId.is_null(),
        })
    }

    /// A page of the records that pass the filter, newest first, and where it ended if there is more.
    pub(crate) async fn page(
        &self,
        filter: &AuditFilter,
        behind: Option<PageEnd>,
        limit: u64,
    ) -> Result<(Vec<AuditRecord>, Option<PageEnd>), StoreError> {
        let mut chosen = self.mine();
        if let Some(from) = filter.from {
            chosen = chosen.filter(rows::Column::At.gte(from));
        }
        if let Some(to) = filter.to {
            chosen = chosen.filter(rows::Column::At.lt(to));
        }
        if let Some(actor) = &filter.actor {
            chosen = chosen.filter(rows::Column::Actor.eq(actor));
        }
        if let Some(operation) = &filter.operation {
            chosen = chosen.filter(rows::Column::Operation.eq(operation));
        }
        if let Some(environment) = filter.environment {
            chosen = chosen.filter(rows::Column::EnvironmentId.eq(environment.0));
        }
        if let Some(target) = &filter.target {
            chosen = chosen.filter(rows::Column::Target.like(begins_with(target)));
        }
        if let Some(place) = behind {
            chosen = chosen.filter(place.behind(rows::Column::At, rows::Column::Id));
        }
        let mut found = chosen
            .order_by_desc(rows::Column::At)
            .order_by_desc(rows::Column::Id)
            .limit(limit.saturating_add(1))
            .all(self.foundation.database.reader())
            .await?;
        let has_more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let end = found.last().filter(|_| has_more).map(|row| PageEnd { at: row.at, id: row.id });
        Ok((found.into_iter().map(super::record).collect(), end))
    }
}
