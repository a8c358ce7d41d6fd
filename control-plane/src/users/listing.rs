//! Which users to list, in which order.

use chrono::{DateTime, Utc};
use plane_kit::ids::UserId;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::NullOrdering,
};
use uuid::Uuid;

use crate::{
    names::{can_be_a_name, check_email},
    tables::{begins_with, membership_environments as links, memberships as rows, persons},
};

/// Which users to list. Every part narrows; the vendor's description lets ids and addresses override the rest, but the clients'
/// own tests want them narrowed by the other filters.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserFilter {
    /// Only these ids; unknown ones are passed over.
    pub ids: Option<Vec<String>>,
    /// Only these addresses, in any case.
    pub emails: Option<Vec<String>>,
    /// Only those that have this product environment, which has to be there.
    pub environment: Option<String>,
    /// Only those whose name begins with this text, in any case.
    pub prefix: Option<String>,
    /// Only those who have not accepted yet, or only those who have.
    pub pending: Option<bool>,
    /// Only those who signed in within some time, or only those who did not.
    pub login: Option<LoginFilter>,
}

/// A span of time in which users last signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoginFilter {
    /// Its first moment; all the past when absent.
    pub from: Option<DateTime<Utc>>,
    /// The first moment behind it; all the future when absent.
    pub before: Option<DateTime<Utc>>,
    /// Whether those outside are meant. Who never signed in is outside.
    pub outside: bool,
}

/// What a list of users is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    /// The name, in any case.
    Name,
    /// The name of the role.
    Role,
    /// Active before pending.
    Status,
    /// When the person last signed in; who never did is the least active.
    Activity,
    /// When it was made.
    CreatedAt,
}

/// A page of the users of an account.
#[derive(Debug, Clone)]
pub(crate) struct UserListing {
    /// Which users.
    pub filter: UserFilter,
    /// The page, from 1, and its size; everything when absent.
    pub page: Option<(u64, u64)>,
    /// What to sort by.
    pub sort_by: SortBy,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl UserListing {
    /// The page out of `base`. `environment` is the one that the filter names, found. None when nothing can pass.
    pub(super) fn chosen_from(
        &self,
        base: Select<rows::Entity>,
        environment: Option<Uuid>,
    ) -> Option<Select<rows::Entity>> {
        let chosen = self.sorted(self.filter.narrow(base, environment)?);
        Some(match self.page {
            Some((page, size)) => chosen.limit(size).offset(page.saturating_sub(1).saturating_mul(size)),
            None => chosen,
        })
    }

    fn sorted(&self, chosen: Select<rows::Entity>) -> Select<rows::Entity> {
        let (order, nulls) =
            if self.descending { (Order::Desc, NullOrdering::Last) } else { (Order::Asc, NullOrdering::First) };
        let sorted = match self.sort_by {
            SortBy::Name => chosen.order_by(rows::Column::NameFolded, order.clone()),
            SortBy::Role => chosen.order_by(rows::Column::Role, order.clone()),
            SortBy::Status => chosen.order_by(rows::Column::Pending, order.clone()),
            SortBy::Activity => chosen.order_by_with_nulls(rows::Column::LastLogin, order.clone(), nulls),
            SortBy::CreatedAt => chosen.order_by(rows::Column::CreatedAt, order.clone()),
        };
        // Equal values are told apart by the id, so that pages neither repeat nor leave out.
        sorted.order_by(rows::Column::Id, order)
    }
}

impl UserFilter {
    fn narrow(&self, base: Select<rows::Entity>, environment: Option<Uuid>) -> Option<Select<rows::Entity>> {
        let mut chosen = base;
        if let Some(ids) = &self.ids {
            let ids = ids.iter().filter_map(|id| id.parse().ok()).map(|UserId(id)| id);
            chosen = chosen.filter(rows::Column::Id.is_in(ids));
        }
        if let Some(emails) = &self.emails {
            let folded = emails.iter().filter_map(|email| check_email(email).ok()).map(|email| email.folded);
            let of_emails = persons::Entity::find()
                .select_only()
                .column(persons::Column::Id)
                .filter(persons::Column::EmailFolded.is_in(folded))
                .into_query();
            chosen = chosen.filter(rows::Column::PersonId.in_subquery(of_emails));
        }
        if let Some(environment) = environment {
            let given = links::Entity::find()
                .select_only()
                .column(links::Column::MembershipId)
                .filter(links::Column::EnvironmentId.eq(environment))
                .into_query();
            let has_it =
                Condition::any().add(rows::Column::AllEnvironments.eq(true)).add(rows::Column::Id.in_subquery(given));
            chosen = chosen.filter(has_it);
        }
        if let Some(prefix) = &self.prefix {
            if !can_be_a_name(prefix) {
                return None;
            }
            chosen = chosen.filter(rows::Column::NameFolded.like(begins_with(&prefix.to_lowercase())));
        }
        if let Some(pending) = self.pending {
            chosen = chosen.filter(rows::Column::Pending.eq(pending));
        }
        if let Some(login) = self.login {
            chosen = chosen.filter(login.condition());
        }
        Some(chosen)
    }
}

impl LoginFilter {
    fn condition(self) -> Condition {
        // For a user that never signed in the first part is false, so the whole is, and its negation is true.
        let mut inside = Condition::all().add(rows::Column::LastLogin.is_not_null());
        if let Some(from) = self.from {
            inside = inside.add(rows::Column::LastLogin.gte(from));
        }
        if let Some(before) = self.before {
            inside = inside.add(rows::Column::LastLogin.lt(before));
        }
        if self.outside { inside.not() } else { inside }
    }
}
