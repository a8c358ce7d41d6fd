//! Sealing everything anew under the present key-encryption key, while other processes go on.
//!
//! What was sealed under an earlier key is opened and sealed again, one owner at a time: the row whose lock every change of these
//! secrets takes is locked for one short transaction, and each text is replaced only if it is still the one that was read. A
//! rotation that was broken off goes on where it ended; one that finds nothing to do changes nothing.

use plane_kit::{
    audit::Entry,
    seal::{SealError, SealingRing},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit,
    foundation::Foundation,
    tables::{access_keys, accounts, installation, product_environments, provisioning_keys, regions},
};

/// Why a rotation ended early. What it had done before stays done.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A stored text does not open.
    #[error("`{column}` of `{row}` cannot be sealed anew")]
    Seal {
        /// Table and column.
        column: &'static str,
        /// The key of the row.
        row: String,
        /// The reason.
        #[source]
        source: SealError,
    },
    /// The database does not answer.
    #[error("the control database failed")]
    Database(#[from] DbErr),
}

/// What a rotation has done and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The id of the present key.
    pub present: String,
    /// How many texts were sealed anew, by table and column.
    pub sealed_anew: Vec<(&'static str, u64)>,
    /// The ids of the earlier keys, each with the number of texts that are still sealed under it.
    pub earlier: Vec<(String, u64)>,
}

/// Seals everything anew that an earlier key of the ring has sealed.
pub(crate) async fn rotate(foundation: &Foundation) -> Result<Rotation, RotationError> {
    let present = foundation.key_encryption_key.present().id().to_owned();
    let waiting = earlier(foundation).await?.iter().map(|(_, count)| count).sum::<u64>();
    if waiting > 0 {
        // Written first: the work is many transactions, and of one that is broken off the log has to know.
        let after = json!({"present_key": &present, "to_seal_anew": waiting});
        let entry = Entry::made(audit::ROTATE_KEY_ENCRYPTION_KEY, format!("key_encryption_key {present}"), after);
        audit::write_of_installation(foundation, foundation.database.writer(), &audit::OPERATOR, entry).await?;
    }
    let sealed_anew = vec![
        (ACCESS_KEYS.name, of_environments(foundation, &ACCESS_KEYS).await?),
        (NEXT_SECRETS.name, of_environments(foundation, &NEXT_SECRETS).await?),
        (PROVISIONING_KEYS.name, of_accounts(foundation).await?),
        (REGIONS.name, of_rows(foundation, &REGIONS).await?),
        (INSTALLATION.name, of_rows(foundation, &INSTALLATION).await?),
    ];
    Ok(Rotation { present, sealed_anew, earlier: earlier(foundation).await? })
}

/// The ids of the earlier keys, each with the number of texts that are sealed under it.
async fn earlier(foundation: &Foundation) -> Result<Vec<(String, u64)>, DbErr> {
    let mut earlier = Vec::new();
    for key in foundation.key_encryption_key.earlier() {
        earlier.push((key.id().to_owned(), sealed_under(foundation, key.id()).await?));
    }
    Ok(earlier)
}

/// A column of texts that are sealed under the key-encryption key. A text that is absent is passed over.
struct SealedColumn<E: EntityTrait> {
    /// Table and column, for whoever rotates.
    name: &'static str,
    /// The primary key, a text.
    key: E::Column,
    /// The column.
    sealed: E::Column,
}

// Every sealed column stands here. A new one is added below, to `rotate` (with the walk that takes the lock of its owner) and to
// `sealed_under`; a test holds the list against the tables.

const ACCESS_KEYS: SealedColumn<access_keys::Entity> = SealedColumn {
    name: "access_keys.sealed_secret",
    key: access_keys::Column::ApiKey,
    sealed: access_keys::Column::SealedSecret,
};
const NEXT_SECRETS: SealedColumn<access_keys::Entity> = SealedColumn {
    name: "access_keys.next_sealed_secret",
    key: access_keys::Column::ApiKey,
    sealed: access_keys::Column::NextSealedSecret,
};
const PROVISIONING_KEYS: SealedColumn<provisioning_keys::Entity> = SealedColumn {
    name: "provisioning_keys.sealed_secret",
    key: provisioning_keys::Column::ApiKey,
    sealed: provisioning_keys::Column::SealedSecret,
};
const REGIONS: SealedColumn<regions::Entity> = SealedColumn {
    name: "regions.sealed_region_key",
    key: regions::Column::Name,
    sealed: regions::Column::SealedRegionKey,
};
const INSTALLATION: SealedColumn<installation::Entity> = SealedColumn {
    name: "installation.sealed_value",
    key: installation::Column::Name,
    sealed: installation::Column::SealedValue,
};

/// How many texts of all columns a key has sealed.
async fn sealed_under(foundation: &Foundation, id: &str) -> Result<u64, DbErr> {
    let connection = foundation.database.writer();
    Ok(ACCESS_KEYS.count(connection, id).await?
        + NEXT_SECRETS.count(connection, id).await?
        + PROVISIONING_KEYS.count(connection, id).await?
        + REGIONS.count(connection, id).await?
        + INSTALLATION.count(connection, id).await?)
}

/// A column of the access keys, environment by environment.
async fn of_environments(
    foundation: &Foundation,
    column: &SealedColumn<access_keys::Entity>,
) -> Result<u64, RotationError> {
    let ring = &foundation.key_encryption_key;
    let owners: Vec<Uuid> = column
        .waiting(ring)
        .select_only()
        .column(access_keys::Column::EnvironmentId)
        .distinct()
        .into_tuple()
        .all(foundation.database.writer())
        .await?;
    let mut count = 0;
    for id in owners {
        let transaction = foundation.database.begin().await?;
        product_environments::Entity::find_by_id(id).lock_exclusive().one(&transaction).await?;
        let mine = column.waiting(ring).filter(access_keys::Column::EnvironmentId.eq(id));
        count += column.seal_anew(ring, &transaction, mine).await?;
        transaction.commit().await?;
    }
    Ok(count)
}

/// The provisioning keys, account by account.
async fn of_accounts(foundation: &Foundation) -> Result<u64, RotationError> {
    let ring = &foundation.key_encryption_key;
    let owners: Vec<Uuid> = PROVISIONING_KEYS
        .waiting(ring)
        .select_only()
        .column(provisioning_keys::Column::AccountId)
        .distinct()
        .into_tuple()
        .all(foundation.database.writer())
        .await?;
    let mut count = 0;
    for id in owners {
        let transaction = foundation.database.begin().await?;
        accounts::Entity::find_by_id(id).lock_exclusive().one(&transaction).await?;
        let mine = PROVISIONING_KEYS.waiting(ring).filter(provisioning_keys::Column::AccountId.eq(id));
        count += PROVISIONING_KEYS.seal_anew(ring, &transaction, mine).await?;
        transaction.commit().await?;
    }
    Ok(count)
}

/// The few rows that nobody writes back whole: each is replaced by a statement of its own.
async fn of_rows<E: EntityTrait>(foundation: &Foundation, column: &SealedColumn<E>) -> Result<u64, RotationError> {
    let ring = &foundation.key_encryption_key;
    column.seal_anew(ring, foundation.database.writer(), column.waiting(ring)).await
}

impl<E: EntityTrait> SealedColumn<E> {
    /// The rows whose text another key than the present one has sealed.
    fn waiting(&self, ring: &SealingRing) -> Select<E> {
        E::find().filter(self.sealed.is_not_null()).filter(self.sealed.not_like(sealed_by(ring.present().id())))
    }

    /// Seals the texts of these rows anew. A row that changed since it was read is left as it is.
    async fn seal_anew<C: ConnectionTrait>(
        &self,
        ring: &SealingRing,
        connection: &C,
        rows: Select<E>,
    ) -> Result<u64, RotationError> {
        let found: Vec<(String, String)> = rows
            .select_only()
            .column(self.key)
            .column(self.sealed)
            .order_by_asc(self.key)
            .into_tuple()
            .all(connection)
            .await?;
        let mut count = 0;
        for (row, sealed) in found {
            let secret = ring.open(&sealed).map_err(|source| RotationError::Seal {
                column: self.name,
                row: row.clone(),
                source,
            })?;
            let replaced = E::update_many()
                .col_expr(self.sealed, Expr::val(ring.seal(&secret)))
                .filter(self.key.eq(row))
                .filter(self.sealed.eq(sealed))
                .exec(connection)
                .await?;
            count += replaced.rows_affected;
        }
        Ok(count)
    }

    /// How many texts of the column a key has sealed.
    async fn count<C: ConnectionTrait>(&self, connection: &C, id: &str) -> Result<u64, DbErr> {
        let found: Option<i64> = E::find()
            .filter(self.sealed.like(sealed_by(id)))
            .select_only()
            .column_as(self.sealed.count(), "count")
            .into_tuple()
            .one(connection)
            .await?;
        Ok(found.unwrap_or_default().unsigned_abs())
    }
}

/// The pattern of what a key has sealed. An id is hexadecimal, so nothing in it needs an escape.
fn sealed_by(id: &str) -> String {
    format!("{id}.%")
}

#[cfg(test)]
mod tests {
    use sea_orm::{IdenStatic, Iterable};

    use super::*;

    /// The sealed columns of a table, as its entity names them.
    fn columns<E: EntityTrait>(table: &str) -> Vec<String> {
        let names = E::Column::iter().map(|column| column.as_str().to_owned());
        names.filter(|name| name.contains("sealed")).map(|name| format!("{table}.{name}")).collect()
    }

    #[test]
    fn every_sealed_column_is_rotated() {
        let sealed = [
            columns::<access_keys::Entity>("access_keys"),
            columns::<provisioning_keys::Entity>("provisioning_keys"),
            columns::<regions::Entity>("regions"),
            columns::<installation::Entity>("installation"),
        ];
        let rotated = [ACCESS_KEYS.name, NEXT_SECRETS.name, PROVISIONING_KEYS.name, REGIONS.name, INSTALLATION.name];
        assert_eq!(sealed.concat(), rotated);
    }
}
