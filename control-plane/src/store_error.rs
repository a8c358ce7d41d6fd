//! What may go wrong in the stores of accounts, people, environments and keys, and how the caller reads it.

use plane_kit::{
    error::{ApiError, ErrorCode},
    ids::{AccountId, GroupId, UserId},
    policy::rule::RuleError,
    seal::SealError,
};
use sea_orm::{DbErr, SqlErr};

use crate::{
    names::NameError,
    passwords::{PasswordError, PasswordFlaw},
    snapshots::IssueError,
};

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such account.
    #[error("Cannot find account with id {0}")]
    AccountNotFound(AccountId),
    /// The account was closed.
    #[error("Account {0} is closed, and a closed account is not taken back")]
    AccountClosed(AccountId),
    /// The plan has no such name.
    #[error("There is no plan `{0}`; plans are Free, Plus and Unlimited")]
    UnknownPlan(String),
    /// There is no such environment, or it is another account's.
    #[error("Cannot find sub account with id {0}")]
    EnvironmentNotFound(String),
    /// There is no such access key in the environment.
    #[error("Cannot find access key {0}")]
    AccessKeyNotFound(String),
    /// There is no such provisioning key in the account.
    #[error("Cannot find provisioning key {0}")]
    ProvisioningKeyNotFound(String),
    /// Another provisioning key of the account has the name.
    #[error("Provisioning key with name {0} already exists")]
    ProvisioningKeyNameTaken(String),
    /// Without this key nobody could provision the account.
    #[error("Provisioning key {0} is the last enabled key of the account; enable another one first")]
    LastEnabledProvisioningKey(String),
    /// A provisioning key cannot have this role.
    #[error("Invalid value {0} for parameter role: a provisioning key can be account_admin")]
    UnknownKeyRole(String),
    /// Another environment of the installation has the cloud name.
    #[error("Cloud name {0} is already taken")]
    CloudNameTaken(String),
    /// The cloud name is a word that paths need.
    #[error("Invalid value {0} for parameter cloud_name: the name is reserved")]
    CloudNameReserved(String),
    /// The cloud name has another shape.
    #[error("Invalid value {0} for parameter cloud_name: use 1 to 63 letters, digits, _ and -")]
    InvalidCloudName(String),
    /// A display name is too long, or holds what nobody can see (PostgreSQL would not even keep a zero byte).
    #[error("Invalid value for parameter name: at most 255 characters, none of them a control character")]
    InvalidName,
    /// The caller's own attributes hold a zero byte.
    #[error("Invalid value for parameter custom_attributes: a zero byte cannot be kept")]
    InvalidAttributes,
    /// Another key of the environment has the name.
    #[error("Access key with name {0} already exists")]
    KeyNameTaken(String),
    /// Without this key nobody could use the environment, now or later.
    #[error(
        "Access key {0} is the last enabled key of the product environment that never expires; enable another one that \
         never expires first"
    )]
    LastEnabledKey(String),
    /// A key of the installation has the public half.
    #[error("Access key {0} is already taken")]
    AccessKeyTaken(String),
    /// The public half of an imported key has another shape.
    #[error("Invalid value {0} for parameter api_key: use 1 to 32 digits")]
    InvalidApiKey(String),
    /// The secret half of an imported key has another shape. It is not shown.
    #[error("Invalid value for parameter api_secret: use 8 to 128 letters, digits, _ and -")]
    InvalidApiSecret,
    /// The owner of a key is too long, or holds what nobody can see.
    #[error("Invalid value for parameter owner: at most 255 characters, none of them a control character")]
    InvalidOwner,
    /// The note of a key is too long, or holds what nobody can see.
    #[error("Invalid value for parameter note: at most 1000 characters, no control characters but line ends and tabs")]
    InvalidNote,
    /// A key would have expired already.
    #[error("Invalid value {0} for parameter expires_at: it is not in the future")]
    ExpiryPassed(String),
    /// The first secret of a rotation waits for the second one to be confirmed.
    #[error("A rotation of access key {0} is under way; confirm it or give it up first")]
    RotationUnderWay(String),
    /// The key has one secret.
    #[error("Access key {0} has no rotation under way")]
    NoRotation(String),
    /// The account has no environment of that name.
    #[error("Cannot find a product environment with cloud name {0} in the account")]
    CloudNotFound(String),
    /// The plan allows no more environments.
    #[error("Plan {plan} allows {limit} product environments; delete one or choose another plan")]
    TooManyEnvironments {
        /// Name of the plan.
        plan: &'static str,
        /// How many it allows.
        limit: u64,
    },
    /// The caller's rules are none.
    #[error("Invalid value for parameter rules: {0}")]
    InvalidRules(RuleError),
    /// A stored rule cannot be read any more.
    #[error("the stored rules of a key cannot be read")]
    StoredRules(#[source] RuleError),
    /// There is no such user in the account.
    #[error("Cannot find user with id {0}")]
    UserNotFound(String),
    /// There is no such group in the account.
    #[error("Cannot find user group with id {0}")]
    GroupNotFound(String),
    /// The user and the group are there, but the one is not in the other.
    #[error("Cannot find user {user} in user group {group}")]
    NotInGroup {
        /// The user.
        user: UserId,
        /// The group.
        group: GroupId,
    },
    /// The user is in the group already.
    #[error("User {user} already exists in user group {group}")]
    AlreadyInGroup {
        /// The user.
        user: UserId,
        /// The group.
        group: GroupId,
    },
    /// Another user of the account has the address.
    #[error("User with email {0} already exists")]
    EmailTaken(String),
    /// Another group of the account has the name.
    #[error("User group with name {0} already exists")]
    GroupNameTaken(String),
    /// The text is no email address.
    #[error("Invalid value {0} for parameter email: use one address like name@example.com, at most 254 bytes")]
    InvalidEmail(String),
    /// Without this user nobody could administer the account.
    #[error("User {0} is the last enabled master_admin of the account; make another one first")]
    LastMasterAdmin(UserId),
    /// The caller named a region that is not there.
    #[error("Invalid value {0} for parameter region: there is no such region")]
    UnknownRegion(String),
    /// The database does not answer.
    #[error("the control database failed")]
    Database(#[from] DbErr),
    /// A secret was sealed under another key-encryption key.
    #[error("a stored secret does not open")]
    Seal(#[from] SealError),
    /// The change could not be told to the region, so it was not made.
    #[error("the snapshot of a change could not be issued")]
    Issue(#[from] IssueError),
    /// No invitation of the token can be accepted. One text for every reason.
    #[error("Cannot find the invitation: it was used or revoked, has expired, or never was one")]
    InvitationNotFound,
    /// There is no invitation to be taken away.
    #[error("User {0} has no open invitation")]
    NoInvitation(UserId),
    /// The user needs no invitation any more.
    #[error("User {0} has accepted already")]
    AlreadyAccepted(UserId),
    /// There is no such role of users.
    #[error(
        "Invalid value {0} for parameter role: one of master_admin, admin, billing, technical_admin, reports, \
         media_library_admin, media_library_user"
    )]
    UnknownUserRole(String),
    /// The password is too short or too long. It is not shown.
    #[error("Invalid value for parameter password: use 12 to 1024 characters")]
    PasswordLength,
    /// The password is the person's address. It is not shown.
    #[error("Invalid value for parameter password: it is the email address")]
    PasswordIsEmail,
    /// The password is one character over and over. It is not shown.
    #[error("Invalid value for parameter password: it is one character over and over")]
    PasswordOfOneCharacter,
    /// The person has a password, and it is another one.
    #[error("The person has a password already, and this is not it")]
    WrongPassword,
    /// A password could be neither hashed nor compared.
    #[error("a password could not be hashed")]
    Password(#[from] PasswordError),
}

impl StoreError {
    /// Turns the breach of a unique index into what it means; leaves every other failure as it is.
    pub(crate) fn or_taken(error: DbErr, taken: Self) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => taken,
            _ => Self::Database(error),
        }
    }
}

impl From<NameError> for StoreError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Display => Self::InvalidName,
            NameError::Cloud(shown) => Self::InvalidCloudName(shown),
            NameError::CloudReserved(name) => Self::CloudNameReserved(name),
            NameError::Email(shown) => Self::InvalidEmail(shown),
            NameError::Owner => Self::InvalidOwner,
            NameError::Note => Self::InvalidNote,
            NameError::ApiKey(shown) => Self::InvalidApiKey(shown),
            NameError::ApiSecret => Self::InvalidApiSecret,
        }
    }
}

impl From<PasswordFlaw> for StoreError {
    fn from(flaw: PasswordFlaw) -> Self {
        match flaw {
            PasswordFlaw::Length => Self::PasswordLength,
            PasswordFlaw::IsEmail => Self::PasswordIsEmail,
            PasswordFlaw::OneCharacter => Self::PasswordOfOneCharacter,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        use StoreError as E;
        let code = match error {
            E::Database(source) => return source.into(),
            E::Seal(_) | E::Issue(_) | E::StoredRules(_) | E::Password(_) => return Self::internal(&error),
            E::AccountNotFound(_)
            | E::EnvironmentNotFound(_)
            | E::AccessKeyNotFound(_)
            | E::NoRotation(_)
            | E::CloudNotFound(_)
            | E::ProvisioningKeyNotFound(_)
            | E::UserNotFound(_)
            | E::GroupNotFound(_)
            | E::NotInGroup { .. }
            | E::InvitationNotFound
            | E::NoInvitation(_) => ErrorCode::NotFound,
            E::CloudNameTaken(_)
            | E::KeyNameTaken(_)
            | E::AccessKeyTaken(_)
            | E::RotationUnderWay(_)
            | E::AccountClosed(_)
            | E::ProvisioningKeyNameTaken(_)
            | E::EmailTaken(_)
            | E::GroupNameTaken(_)
            | E::AlreadyInGroup { .. }
            | E::AlreadyAccepted(_) => ErrorCode::Conflict,
            E::WrongPassword => ErrorCode::Unauthorized,
            E::LastEnabledKey(_)
            | E::LastMasterAdmin(_)
            | E::LastEnabledProvisioningKey(_)
            | E::TooManyEnvironments { .. } => ErrorCode::Forbidden,
            E::UnknownPlan(_)
            | E::UnknownKeyRole(_)
            | E::CloudNameReserved(_)
            | E::InvalidCloudName(_)
            | E::InvalidName
            | E::InvalidAttributes
            | E::InvalidApiKey(_)
            | E::InvalidApiSecret
            | E::InvalidOwner
            | E::InvalidNote
            | E::ExpiryPassed(_)
            | E::InvalidRules(_)
            | E::InvalidEmail(_)
            | E::UnknownRegion(_)
            | E::UnknownUserRole(_)
            | E::PasswordLength
            | E::PasswordIsEmail
            | E::PasswordOfOneCharacter => ErrorCode::InvalidRequest,
        };
        Self::new(code, error.to_string())
    }
}
