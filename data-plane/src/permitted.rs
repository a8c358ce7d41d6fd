//! The proof that a caller may change something. Stores take it and nothing less.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use plane_kit::audit::Origin;
use sea_orm::{DatabaseTransaction, DbErr};

use crate::assets::happening::{Happening, Herald};

/// A thing that a caller was allowed to change, who that is, and who is told of it: the audit log and the notifications have it from
/// here.
pub struct Permitted<T> {
    pub(crate) thing: T,
    pub(crate) by: Origin,
    pub(crate) told: Told,
}

/// Whoever is told of a change.
#[derive(Clone)]
pub struct Told(Option<Arc<dyn Herald>>);

impl Told {
    /// Nobody.
    pub(crate) const NOBODY: Self = Self(None);

    /// Those that a herald knows.
    pub(crate) fn by(herald: impl Herald + 'static) -> Self {
        Self(Some(Arc::new(herald)))
    }

    /// Tells of what happens, into its transaction.
    pub(crate) async fn of(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        happening: Happening<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        match &self.0 {
            Some(herald) => herald.announce(transaction, by, happening, now).await,
            None => Ok(()),
        }
    }
}

impl<T> Permitted<T> {
    /// Called by the doors of the plane, after they decided.
    pub(crate) fn by_decision(thing: T, by: Origin, told: Told) -> Self {
        Self { thing, by, told }
    }
}
