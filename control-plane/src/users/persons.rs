//! Persons: who stands behind users, over all accounts.
//!
//! Two accounts may take up or leave the same person at once. Each locks the person's row first, and whoever needs two of them
//! takes them in the order of their addresses, so nobody waits in a circle.

use chrono::{DateTime, Utc};
use plane_kit::ids::uuid_at;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    names::Email,
    tables::{memberships, persons as rows},
};

/// The person of that address, made if there is none, and locked.
pub(super) async fn obtain(
    transaction: &DatabaseTransaction,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let fresh = rows::Model {
        id: uuid_at(now),
        email: email.text.clone(),
        email_folded: email.folded.clone(),
        password_hash: None,
        created_at: now,
    };
    // Writing the same address again changes nothing, but takes the lock of a row that is there already.
    let lock = OnConflict::column(rows::Column::EmailFolded).update_column(rows::Column::EmailFolded).to_owned();
    rows::Entity::insert(fresh.into_active_model().reset_all())
        .on_conflict(lock)
        .exec_without_returning(transaction)
        .await?;
    let row = rows::Entity::find().filter(rows::Column::EmailFolded.eq(&email.folded)).one(transaction).await?;
    row.map(|row| row.id).ok_or_else(|| DbErr::RecordNotFound("a person that was just written".to_owned()))
}

/// The person of `email`, as [`obtain`] does it, with the lock of `present` beside it.
pub(super) async fn exchange(
    transaction: &DatabaseTransaction,
    present: Uuid,
    email: &Email,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let row = rows::Entity::find_by_id(present).one(transaction).await?;
    let comes_first = row.is_some_and(|row| row.email_folded < email.folded);
    if comes_first {
        lock(transaction, present).await?;
    }
    let person = obtain(transaction, email, now).await?;
    if !comes_first {
        lock(transaction, present).await?;
    }
    Ok(person)
}

/// Removes a person that is a user of no account any more.
pub(super) async fn remove_if_alone(transaction: &DatabaseTransaction, person: Uuid) -> Result<(), DbErr> {
    // Who joins the person at this moment holds the lock; after it the membership is seen.
    lock(transaction, person).await?;
    let others =
        memberships::Entity::find().filter(memberships::Column::PersonId.eq(person)).count(transaction).await?;
    if others == 0 {
        rows::Entity::delete_by_id(person).exec(transaction).await?;
    }
    Ok(())
}

async fn lock(transaction: &DatabaseTransaction, person: Uuid) -> Result<(), DbErr> {
    rows::Entity::find_by_id(person).lock_exclusive().one(transaction).await?;
    Ok(())
}
