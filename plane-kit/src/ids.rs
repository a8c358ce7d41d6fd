//! Identifiers. UUIDv7 underneath, 32 lower-case hexadecimal digits on the wire, native uuids in tables.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{NoContext, Timestamp, Uuid};

use crate::secret::Secret;

/// The text is no identifier of 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of 32 hexadecimal digits")]
pub struct InvalidId;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier that sorts by the given time.
            pub fn generate(now: DateTime<Utc>) -> Self {
                Self(uuid_at(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let is_simple = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                if !is_simple {
                    return Err(InvalidId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

uuid_ids! {
    /// An account: who pays, and what provisioning keys belong to.
    AccountId,
    /// A product environment: the tenant of the data planes.
    EnvironmentId,
    /// A user: the membership of a person in an account.
    UserId,
    /// A group of users of an account.
    GroupId,
    /// A policy that an account wrote.
    PolicyId,
    /// An asset, the same through all its versions.
    AssetId,
    /// One stored version of an asset; objects are keyed by it.
    VersionId,
    /// One spelling of a derived asset.
    DerivedId,
    /// A data plane process's place in its region, kept in its counter folder.
    NodeId,
    /// One run of a node, from start to stop.
    BootId,
}

/// A UUIDv7 that carries the given time.
pub fn uuid_at(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// The public half of a credential: 15 decimal digits, the first not zero.
pub fn generate_api_key() -> String {
    rand::rng().random_range(100_000_000_000_000_u64..1_000_000_000_000_000).to_string()
}

/// The secret half of a credential: 32 characters of `[A-Za-z0-9_-]`, 192 bits.
pub fn generate_api_secret() -> Secret {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let mut rng = rand::rng();
    let text: String = (0..32).map(|_| char::from(ALPHABET[rng.random_range(0..64)])).collect();
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print_and_nothing_else() {
        let id = AssetId::generate(DateTime::UNIX_EPOCH);
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        let hyphenated = id.0.hyphenated().to_string();
        assert_eq!(hyphenated.parse::<AssetId>(), Err(InvalidId));
        assert_eq!("zz".parse::<AssetId>(), Err(InvalidId));
    }

    #[test]
    fn credentials_have_the_shapes_that_clients_expect() {
        let key = generate_api_key();
        assert_eq!(key.len(), 15);
        assert!(key.bytes().all(|b| b.is_ascii_digit()));
        let secret = generate_api_secret();
        assert!(secret.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    }
}
