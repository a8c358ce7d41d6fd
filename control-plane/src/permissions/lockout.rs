//! Keeps the last administrator from being locked out.

use plane_kit::{
    ids::AccountId,
    operations::operations,
    policy::{Explanation, Place, Principal, provisioning_subject},
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

use super::{enforcement::of_account, error::PermissionsError};
use crate::tables::provisioning_keys;

/// The operation without which nobody could give roles back.
const CHANGES_ROLES: &str = "update_principal_roles";

/// Refuses a change after which no enabled provisioning key could change roles any more. Called within the change, behind it.
pub(crate) async fn guard_last_administrator(
    transaction: &DatabaseTransaction,
    account: AccountId,
) -> Result<(), PermissionsError> {
    let keys = provisioning_keys::Entity::find()
        .filter(provisioning_keys::Column::AccountId.eq(account.0))
        .filter(provisioning_keys::Column::Enabled.eq(true))
        .all(transaction)
        .await?;
    let book = of_account(transaction, account, &keys).await?;
    let Some(operation) = operations().find(CHANGES_ROLES) else {
        return Err(PermissionsError::LastAdministrator);
    };
    let may = |key: &provisioning_keys::Model| {
        let subject = provisioning_subject(&key.api_key);
        Explanation::of(&Principal::unversioned(&subject, &book), operation, Place::None).permitted()
    };
    if keys.iter().any(may) { Ok(()) } else { Err(PermissionsError::LastAdministrator) }
}
