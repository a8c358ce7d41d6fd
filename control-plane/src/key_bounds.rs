//! What bounds an access key: its rules as they are stored, and whether it signs deliveries although it has some.

use plane_kit::policy::rule::{KeyRules, RuleError};

use crate::tables::access_keys as rows;

/// What bounds a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyPermissions {
    /// The rules; with none the key may do everything in its environment.
    pub rules: KeyRules,
    /// Whether it signs delivery URLs although it has rules.
    pub sign_delivery: bool,
}

/// What changes about the bounds of a key; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct PermissionChanges {
    /// Rules in the place of all old ones.
    pub rules: Option<KeyRules>,
    /// Whether it signs delivery URLs although it has rules.
    pub sign_delivery: Option<bool>,
}

impl KeyPermissions {
    /// What a stored key is bound by.
    pub(crate) fn of(row: &rows::Model) -> Result<Self, RuleError> {
        let texts = row.rules.as_array().map(Vec::as_slice).unwrap_or_default();
        // What is no text was not written by this program; as an empty rule it is refused rather than passed over.
        let rules = KeyRules::parse(texts.iter().map(|text| text.as_str().unwrap_or_default()))?;
        Ok(Self { rules, sign_delivery: row.sign_delivery })
    }

    /// What a region is told that a stored key is bound by. Rules that cannot be read any more bind it to nothing at all: a change
    /// that switches something off must not fail for them, and what they forbade must not be open.
    pub(crate) fn told(row: &rows::Model) -> Self {
        Self::of(row).unwrap_or_else(|error| {
            tracing::error!(%error, api_key = row.api_key, "the rules of a key cannot be read; it may do nothing");
            Self { rules: KeyRules::nothing(), sign_delivery: false }
        })
    }

    /// Whether the key's secret validates delivery signatures.
    pub(crate) fn signs_delivery(&self) -> bool {
        self.rules.is_empty() || self.sign_delivery
    }
}
