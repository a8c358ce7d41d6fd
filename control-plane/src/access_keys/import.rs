//! Keys that were made elsewhere: taken over with their secrets, so that what was signed with them in the past stays valid.

use plane_kit::{audit::Entry, secret::Secret};

use super::{AccessKey, AccessKeys, NewKey, insert, shown, target};
use crate::{
    audit,
    changes::Change,
    names::{check_api_key, check_api_secret, check_display_name},
    store_error::StoreError,
};

impl AccessKeys<'_> {
    /// Takes a key over, enabled and without rules. Its public half must be free over the whole installation.
    pub(crate) async fn import(&self, name: &str, api_key: &str, secret: Secret) -> Result<AccessKey, StoreError> {
        check_display_name(name)?;
        check_api_key(api_key)?;
        check_api_secret(secret.expose())?;
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let new = NewKey { api_key: api_key.to_owned(), secret, name: name.to_owned(), enabled: true, root: false };
        let key = insert(self.foundation, &change, new).await?;
        let entry = Entry::made(audit::IMPORT_ACCESS_KEY, target(&key.row), shown(&key.row));
        change.commit(self.origin, entry).await?;
        Ok(key)
    }
}
