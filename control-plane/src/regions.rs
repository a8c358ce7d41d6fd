//! Regions: their names, their tokens, and the keys under which they get secrets.

use plane_kit::{
    audit::Entry,
    ids::generate_api_secret,
    seal::{SealError, SealingKey},
    secret::{Secret, constant_time_eq},
};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, QueryOrder, SqlErr};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{audit, foundation::Foundation, names, tables::regions};

/// Why a region cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The name has another shape.
    #[error("a region's name is 1 to 40 characters of a-z, 0-9, _ and -, beginning with a letter")]
    InvalidName,
    /// There is a region of that name.
    #[error("there is a region `{0}` already")]
    NameTaken(String),
    /// The database does not answer.
    #[error("the regions cannot be read from the database")]
    Database(#[from] DbErr),
    /// The region's key was sealed under another key-encryption key.
    #[error("the region's key does not open")]
    Seal(#[from] SealError),
}

/// What a data plane needs to follow the control plane.
#[derive(Debug, Clone)]
pub struct RegionCredentials {
    /// The name of the region.
    pub name: String,
    /// The bearer token for `/internal`. Only its digest is kept, so it is there only when the region has just been added.
    pub token: Option<Secret>,
    /// The key under which the region gets secrets, 64 hexadecimal digits.
    pub region_key: Secret,
    /// The key that signs snapshots, to be pinned, 64 hexadecimal digits.
    pub trusted_key: String,
}

/// Adds a region. The token in the answer is shown this once.
pub(crate) async fn add(foundation: &Foundation, name: &str) -> Result<RegionCredentials, RegionError> {
    if !names::is_region_name(name) {
        return Err(RegionError::InvalidName);
    }
    let token = generate_api_secret();
    let region_key = SealingKey::generate();
    let row = regions::ActiveModel {
        name: Set(name.to_owned()),
        token_sha256: Set(digest(token.expose())),
        sealed_region_key: Set(foundation.key_encryption_key.seal(&region_key.export())),
        seq: Set(0),
        acknowledged_seq: Set(0),
        polled_at: Set(None),
        created_at: Set(foundation.clock.now()),
    };
    let transaction = foundation.database.begin().await?;
    match regions::Entity::insert(row).exec_without_returning(&transaction).await {
        Ok(_) => {}
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Err(RegionError::NameTaken(name.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    let entry = Entry::made(audit::ADD_REGION, format!("region {name}"), json!({"name": name}));
    audit::write_of_installation(foundation, &transaction, &audit::OPERATOR, entry).await?;
    transaction.commit().await?;
    Ok(credentials(foundation, name, Some(token), &region_key))
}

/// The region of that name, added if there is none. The token is in the answer only in that case.
pub(crate) async fn ensure(foundation: &Foundation, name: &str) -> Result<RegionCredentials, RegionError> {
    if let Some(row) = find(foundation, name).await? {
        let region_key = open_key(foundation, &row)?;
        return Ok(credentials(foundation, name, None, &region_key));
    }
    match add(foundation, name).await {
        // Somebody else added it between the look and the insertion.
        Err(RegionError::NameTaken(_)) => match find(foundation, name).await? {
            Some(row) => Ok(credentials(foundation, name, None, &open_key(foundation, &row)?)),
            None => Err(RegionError::NameTaken(name.to_owned())),
        },
        outcome => outcome,
    }
}

/// The names of all regions, sorted.
pub(crate) async fn names(foundation: &Foundation) -> Result<Vec<String>, RegionError> {
    let rows = regions::Entity::find().order_by_asc(regions::Column::Name).all(foundation.database.reader()).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Whether `token` is the token of the region. An unknown region takes the same way as a wrong token.
pub(crate) async fn token_matches(foundation: &Foundation, name: &str, token: &str) -> Result<bool, RegionError> {
    let row = find(foundation, name).await?;
    let expected = row.map(|row| row.token_sha256).unwrap_or_default();
    Ok(constant_time_eq(expected.as_bytes(), digest(token).as_bytes()))
}

/// Opens the key under which the region gets secrets.
pub(crate) fn open_key(foundation: &Foundation, row: &regions::Model) -> Result<SealingKey, SealError> {
    let text = foundation.key_encryption_key.open(&row.sealed_region_key)?;
    SealingKey::parse(text.expose())
}

/// The region's row, if there is such a region.
pub(crate) async fn find(foundation: &Foundation, name: &str) -> Result<Option<regions::Model>, DbErr> {
    regions::Entity::find_by_id(name).one(foundation.database.reader()).await
}

fn credentials(
    foundation: &Foundation,
    name: &str,
    token: Option<Secret>,
    region_key: &SealingKey,
) -> RegionCredentials {
    RegionCredentials {
        name: name.to_owned(),
        token,
        region_key: region_key.export(),
        trusted_key: foundation.signer.trusted().export(),
    }
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
