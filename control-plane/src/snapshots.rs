//! Snapshots: everything a region has to know of one product environment, built and signed in the transaction of the change.

use plane_kit::{
    ids::{AccountId, EnvironmentId},
    policy::{PolicyLine, RoleLink, rule::RuleError},
    seal::{SealError, SealingKey, SealingRing},
    seam::snapshot::{KeySnapshot, Standing, TenantSnapshot},
    settings::FolderMode,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};

use crate::{
    access_keys::purpose::Purpose,
    follow::Issued,
    foundation::Foundation,
    key_bounds::KeyPermissions,
    permissions::enforcement::{self, EnforcementError},
    regions as region_keys,
    tables::{access_keys, product_environments, regions, snapshots},
};

/// Why a snapshot could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The environment names a region that is not there.
    #[error("there is no region `{0}`")]
    UnknownRegion(String),
    /// The database does not answer.
    #[error("the snapshot cannot be written to the database")]
    Database(#[from] DbErr),
    /// A secret was sealed under another key-encryption key.
    #[error("a stored secret does not open")]
    Seal(#[from] SealError),
    /// Stored rules cannot be read.
    #[error("the stored rules of a key cannot be read")]
    Rules(#[from] RuleError),
    /// A stored policy cannot be read.
    #[error("a stored policy cannot be read: {0}")]
    Policy(String),
    /// Stored limits or settings cannot be read, or the snapshot not be written as text.
    #[error("the snapshot cannot be put into words")]
    Text(#[from] serde_json::Error),
}

impl From<EnforcementError> for IssueError {
    fn from(error: EnforcementError) -> Self {
        match error {
            EnforcementError::Database(source) => Self::Database(source),
            EnforcementError::Rules(source) => Self::Rules(source),
            EnforcementError::Policy(source) => Self::Policy(source.to_string()),
        }
    }
}

/// Issues the snapshot of an environment as it is within `transaction`. Raising the region's sequence number is also the lock
/// that makes numbers become visible in their order: the next change of the region waits for this one to end.
pub(crate) async fn issue(
    foundation: &Foundation,
    transaction: &DatabaseTransaction,
    account_enabled: bool,
    environment: &product_environments::Model,
) -> Result<Issued, IssueError> {
    let region = take_next(transaction, &environment.region).await?;
    let keys = access_keys::Entity::find()
        .filter(access_keys::Column::EnvironmentId.eq(environment.id))
        .order_by_asc(access_keys::Column::CreatedAt)
        .order_by_asc(access_keys::Column::ApiKey)
        .all(transaction)
        .await?;
    let region_key = region_keys::open_key(foundation, &region)?;
    let (account, id) = (AccountId(environment.account_id), EnvironmentId(environment.id));
    let policy = enforcement::of_environment(transaction, account, id, &keys).await?;
    let snapshot = build(&foundation.key_encryption_key, &region_key, account_enabled, environment, &keys, policy)?;
    let signed = foundation.signer.sign(&region.name, region.seq, &snapshot)?;
    let row = snapshots::ActiveModel {
        region: Set(region.name.clone()),
        environment_id: Set(environment.id),
        seq: Set(signed.seq),
        payload: Set(signed.payload),
        signature: Set(signed.signature),
    };
    let newest = OnConflict::columns([snapshots::Column::Region, snapshots::Column::EnvironmentId])
        .update_columns([snapshots::Column::Seq, snapshots::Column::Payload, snapshots::Column::Signature])
        .to_owned();
    snapshots::Entity::insert(row).on_conflict(newest).exec_without_returning(transaction).await?;
    Ok(Issued { region: region.name, seq: region.seq })
}

/// Takes the next sequence number of a region and its row lock.
async fn take_next(transaction: &DatabaseTransaction, name: &str) -> Result<regions::Model, IssueError> {
    regions::Entity::update_many()
        .col_expr(regions::Column::Seq, Expr::col(regions::Column::Seq).add(1))
        .filter(regions::Column::Name.eq(name))
        .exec(transaction)
        .await?;
    let row = regions::Entity::find_by_id(name).one(transaction).await?;
    row.ok_or_else(|| IssueError::UnknownRegion(name.to_owned()))
}

/// Puts a snapshot together. Secrets are opened here and sealed again for the region at once.
fn build(
    key_encryption_key: &SealingRing,
    region_key: &SealingKey,
    account_enabled: bool,
    environment: &product_environments::Model,
    keys: &[access_keys::Model],
    (policies, roles): (Vec<PolicyLine>, Vec<RoleLink>),
) -> Result<TenantSnapshot, IssueError> {
    let standing = match environment.deleted_at {
        Some(_) => Standing::Deleted,
        None if environment.enabled && account_enabled => Standing::Active,
        None => Standing::Disabled,
    };
    let sealed_keys = keys
        .iter()
        .map(|key| {
            let reseal = |sealed: &str| Ok::<_, SealError>(region_key.seal(&key_encryption_key.open(sealed)?));
            Ok(KeySnapshot {
                api_key: key.api_key.clone(),
                sealed_secret: reseal(&key.sealed_secret)?,
                enabled: key.enabled,
                signs_delivery: KeyPermissions::told(key).signs_delivery(),
                next_sealed_secret: key.next_sealed_secret.as_deref().map(reseal).transpose()?,
                expires_at: key.expires_at,
                signs_notifications: key.dedicated_for.as_deref() == Some(Purpose::Webhooks.name()),
            })
        })
        .collect::<Result<_, IssueError>>()?;
    Ok(TenantSnapshot {
        environment: EnvironmentId(environment.id),
        account: AccountId(environment.account_id),
        cloud_name: environment.cloud_name.clone(),
        version: environment.version,
        standing,
        limits: serde_json::from_value(environment.limits.clone())?,
        folder_mode: FolderMode::from_name(&environment.folder_mode).unwrap_or(FolderMode::Dynamic),
        settings: serde_json::from_value(environment.settings.clone())?,
        hosts: Vec::new(),
        keys: sealed_keys,
        policies,
        roles,
        created_at: environment.created_at,
    })
}
