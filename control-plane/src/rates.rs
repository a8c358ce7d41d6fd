//! Rate classes of the control plane: calls and key creations by account, failed authentication by address.

use plane_kit::{
    error::ApiError,
    http::rate::{AddressRate, FailedAttempts, RateClass},
    ids::AccountId,
};
use serde::{Deserialize, Serialize};

/// How much is let through. In each class, 0 of either figure switches it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RatesConfig {
    /// Provisioning calls of one account in a second.
    pub calls_per_second: u32,
    /// Provisioning calls of one account at once.
    pub calls_burst: u32,
    /// Keys that one account makes in a second.
    pub key_creations_per_second: u32,
    /// Keys that one account makes at once.
    pub key_creations_burst: u32,
    /// Wrong credentials from one address in a second; right ones are never counted.
    pub failed_attempts_per_second: u32,
    /// Wrong credentials from one address at once.
    pub failed_attempts_burst: u32,
    /// Seconds after which an address may sign up once more.
    pub signups_seconds: u32,
    /// Accounts that an address signs up at once.
    pub signups_burst: u32,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            calls_per_second: 50,
            calls_burst: 200,
            key_creations_per_second: 5,
            key_creations_burst: 50,
            failed_attempts_per_second: 1,
            failed_attempts_burst: 20,
            signups_seconds: 10,
            signups_burst: 5,
        }
    }
}

/// The classes of one process.
pub(crate) struct Rates {
    calls: RateClass<AccountId>,
    key_creations: RateClass<AccountId>,
    /// Wrong credentials.
    pub failed_attempts: FailedAttempts,
    /// Accounts that strangers make.
    pub signups: AddressRate,
}

impl Rates {
    /// Fresh classes.
    pub(crate) fn new(config: &RatesConfig) -> Self {
        Self {
            calls: RateClass::new(config.calls_per_second, config.calls_burst),
            key_creations: RateClass::new(config.key_creations_per_second, config.key_creations_burst),
            failed_attempts: FailedAttempts::new(config.failed_attempts_per_second, config.failed_attempts_burst),
            signups: AddressRate::new(config.signups_seconds, config.signups_burst),
        }
    }

    /// Takes one call of an account, or answers 429.
    pub(crate) fn take_call(&self, account: AccountId) -> Result<(), ApiError> {
        self.calls.admit(&account, "calls of this account")
    }

    /// Takes the creation of one key by an account, or answers 429.
    pub(crate) fn take_key_creation(&self, account: AccountId) -> Result<(), ApiError> {
        self.key_creations.admit(&account, "new keys of this account")
    }
}
