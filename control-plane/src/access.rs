//! Who may do what here: the gates of the Provisioning API, of the regions and of the operator, with their permissions.

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{HttpRequest, http::header::AUTHORIZATION, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use plane_kit::{
    audit::Origin,
    error::{ApiError, ErrorCode},
    http::{
        access::{Gate, Permission, Reason},
        routes::operation_of,
    },
    ids::AccountId,
    policy::{Explanation, Place, Principal, provisioning_subject},
    secret::Secret,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    audit::OPERATOR,
    foundation::Foundation,
    permissions::enforcement,
    regions,
    tables::{accounts, provisioning_keys},
};

/// The header in which a data plane names its region.
const REGION_HEADER: &str = "x-safelight-region";

macro_rules! permissions {
    ($($(#[$doc:meta])* $permission:ident: $gate:ident = $name:literal),* $(,)?) => {$(
        $(#[$doc])*
        pub(crate) struct $permission;

        impl Permission for $permission {
            type Gate = $gate;
            const NAME: &'static str = $name;
        }
    )*};
}

permissions! {
    /// See product environments, and with them their keys.
    ReadEnvironments: ProvisioningGate = "environments:read",
    /// Make and change product environments.
    WriteEnvironments: ProvisioningGate = "environments:write",
    /// Delete product environments.
    DestroyEnvironments: ProvisioningGate = "environments:destroy",
    /// See access keys with their secrets.
    ReadAccessKeys: ProvisioningGate = "access_keys:read",
    /// Make and change access keys, and what they may do.
    WriteAccessKeys: ProvisioningGate = "access_keys:write",
    /// Delete access keys.
    DestroyAccessKeys: ProvisioningGate = "access_keys:destroy",
    /// See roles, policies and who has them, and ask what is permitted and why.
    ReadPermissions: ProvisioningGate = "permissions:read",
    /// Make and change roles and policies, and give and take roles.
    WritePermissions: ProvisioningGate = "permissions:write",
    /// Delete roles and policies.
    DestroyPermissions: ProvisioningGate = "permissions:destroy",
    /// See users, the groups they are in and the product environments they have.
    ReadUsers: ProvisioningGate = "users:read",
    /// Make and change users.
    WriteUsers: ProvisioningGate = "users:write",
    /// Delete users.
    DestroyUsers: ProvisioningGate = "users:destroy",
    /// See groups of users and who is in them.
    ReadGroups: ProvisioningGate = "user_groups:read",
    /// Make and change groups of users, and put users into them.
    WriteGroups: ProvisioningGate = "user_groups:write",
    /// Delete groups of users, and take users out of them.
    DestroyGroups: ProvisioningGate = "user_groups:destroy",
    /// See who changed what, and what was called.
    ReadAudit: ProvisioningGate = "audit:read",
    /// Purge call records.
    DestroyAudit: ProvisioningGate = "audit:destroy",
    /// See what is billed.
    ReadBilling: ProvisioningGate = "billing:read",
    /// See provisioning keys, without their secrets.
    ReadProvisioningKeys: ProvisioningGate = "provisioning_keys:read",
    /// Make and change provisioning keys.
    WriteProvisioningKeys: ProvisioningGate = "provisioning_keys:write",
    /// Delete provisioning keys.
    DestroyProvisioningKeys: ProvisioningGate = "provisioning_keys:destroy",
    /// Follow the snapshots of a region, and read the sums of its environments.
    ReadRegion: RegionGate = "region:read",
    /// Hand a region's usage, audit and call records over.
    WriteRegion: RegionGate = "region:write",
    /// See the accounts of the installation.
    ReadAccounts: OperatorGate = "accounts:read",
    /// Make, suspend and resume accounts.
    WriteAccounts: OperatorGate = "accounts:write",
    /// Close accounts.
    DestroyAccounts: OperatorGate = "accounts:destroy",
}

/// The words of policies are the same for everybody.
pub(crate) struct Vocabulary;

impl Reason for Vocabulary {
    const NAME: &'static str = "vocabulary";
    const WHY: &'static str = "It says what policies can be written with, which is the same for every account.";
}

/// Lets a provisioning key into the account that the path names.
pub(crate) struct ProvisioningGate;

/// The right to work within one account. Made only by the gate, and by the operator's own commands.
pub(crate) struct AccountGrant {
    foundation: Arc<Foundation>,
    account: accounts::Model,
    origin: Origin,
}

impl AccountGrant {
    /// What the stores stand on.
    pub(crate) fn foundation(&self) -> &Foundation {
        &self.foundation
    }

    /// The account.
    pub(crate) fn account(&self) -> &accounts::Model {
        &self.account
    }

    /// Takes the creation of one key from the account's rate class, or answers 429.
    pub(crate) fn take_key_creation(&self) -> Result<(), ApiError> {
        self.foundation.rates.take_key_creation(AccountId(self.account.id))
    }

    /// Who works, and from where.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// A caller without valid credentials. One text for every reason, so that nobody learns which part was wrong.
fn invalid_credentials() -> ApiError {
    ApiError::unauthorized("Invalid credentials")
}

/// What a caller is answered whose credentials do not hold: the refusal, until too many came from the address.
fn failed(foundation: &Foundation, request: &HttpRequest, refusal: ApiError) -> ApiError {
    foundation.rates.failed_attempts.answer(request.peer_addr().map(|peer| peer.ip()), refusal)
}

fn foundation(request: &HttpRequest) -> Result<Arc<Foundation>, ApiError> {
    let foundation = request.app_data::<web::Data<Foundation>>().cloned().map(web::Data::into_inner);
    foundation.ok_or_else(|| {
        ApiError::new(ErrorCode::Internal, "General Error")
            .with_operator_text("the control plane is not among the application's data")
    })
}

fn authorization<'a>(request: &'a HttpRequest, scheme: &str) -> Option<&'a str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (found, value) = header.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| value.trim())
}

fn basic_credentials(request: &HttpRequest) -> Option<(String, String)> {
    let decoded = STANDARD.decode(authorization(request, "basic")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (key, secret) = text.split_once(':')?;
    // Keys are digits; anything else need not be looked for.
    key.bytes().all(|b| b.is_ascii_digit()).then(|| (key.to_owned(), secret.to_owned()))
}

impl Gate for ProvisioningGate {
    type Grant = AccountGrant;

    fn admit(request: HttpRequest, _: &'static str) -> Pin<Box<dyn Future<Output = Result<AccountGrant, ApiError>>>> {
        Box::pin(async move {
            let foundation = foundation(&request)?;
            let known = known_caller(&foundation, &request).await;
            let (account, key) = known.map_err(|refusal| failed(&foundation, &request, refusal))?;
            let account_id = AccountId(account.id);
            foundation.rates.take_call(account_id)?;
            if !account.enabled {
                return Err(ApiError::new(ErrorCode::Disabled, format!("Account {account_id} is disabled")));
            }
            permit(&foundation, &account, &key, &request).await?;
            let origin = Origin::of(provisioning_subject(&key.api_key), &request);
            Ok(AccountGrant { foundation, account, origin })
        })
    }
}

/// The account that the path names and its key, if the credentials hold.
async fn known_caller(
    foundation: &Foundation,
    request: &HttpRequest,
) -> Result<(accounts::Model, provisioning_keys::Model), ApiError> {
    let account_id: AccountId = request.match_info().query("account_id").parse().map_err(|_| invalid_credentials())?;
    let (api_key, secret) = basic_credentials(request).ok_or_else(invalid_credentials)?;
    // The account first: what is decided is remembered under its version, so what the key may do must not be older.
    let account = accounts::Entity::find_by_id(account_id.0).one(foundation.database.reader()).await?;
    let key = authenticate(foundation, account_id, &api_key, &secret).await?;
    Ok((account.ok_or_else(invalid_credentials)?, key))
}

/// The enabled provisioning key of the account, if the secret is its secret.
async fn authenticate(
    foundation: &Foundation,
    account: AccountId,
    api_key: &str,
    secret: &str,
) -> Result<provisioning_keys::Model, ApiError> {
    let key = provisioning_keys::Entity::find_by_id(api_key)
        .filter(provisioning_keys::Column::AccountId.eq(account.0))
        .filter(provisioning_keys::Column::Enabled.eq(true))
        .one(foundation.database.reader())
        .await?
        .ok_or_else(invalid_credentials)?;
    let expected =
        foundation.key_encryption_key.open(&key.sealed_secret).map_err(|error| ApiError::internal(&error))?;
    if expected.matches(secret) { Ok(key) } else { Err(invalid_credentials()) }
}

/// Asks the account's policy.
async fn permit(
    foundation: &Foundation,
    account: &accounts::Model,
    key: &provisioning_keys::Model,
    request: &HttpRequest,
) -> Result<(), ApiError> {
    let Some(operation) = operation_of(request) else {
        // A test keeps such a route from landing.
        return Err(ApiError::new(ErrorCode::Forbidden, "Not permitted")
            .with_operator_text("the route stands in no row of the table of operations"));
    };
    let subject = provisioning_subject(&key.api_key);
    let reader = foundation.database.reader();
    let book = enforcement::of_account(reader, AccountId(account.id), std::slice::from_ref(key)).await;
    let book = book.map_err(|error| ApiError::internal(&error))?;
    let principal = Principal { owner: account.id, version: account.version, subject: &subject, book: &book };
    let decision = foundation.policies.permits(&principal, operation, Place::None).await;
    match decision.map_err(|error| ApiError::internal(&error))? {
        true => Ok(()),
        false => Err(Explanation::of(&principal, operation, Place::None).refusal()),
    }
}

/// Lets a data plane in that holds the token of its region.
pub(crate) struct RegionGate;

/// The right to speak for one region. Made only by the gate, and by the in-process carrier.
pub(crate) struct RegionGrant {
    foundation: Arc<Foundation>,
    region: String,
}

impl RegionGrant {
    /// The grant of a data plane that lives in this process, which proves itself by being here.
    pub(crate) fn in_process(foundation: Arc<Foundation>, region: &str) -> Self {
        Self { foundation, region: region.to_owned() }
    }

    /// What the rooms stand on.
    pub(crate) fn foundation(&self) -> &Foundation {
        &self.foundation
    }

    /// The region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

impl Gate for RegionGate {
    type Grant = RegionGrant;

    fn admit(request: HttpRequest, _: &'static str) -> Pin<Box<dyn Future<Output = Result<RegionGrant, ApiError>>>> {
        Box::pin(async move {
            let foundation = foundation(&request)?;
            let known = known_region(&foundation, &request).await;
            let region = known.map_err(|refusal| failed(&foundation, &request, refusal))?;
            // A valid token of one region opens nothing of another.
            if request.match_info().get("region").is_some_and(|asked| asked != region) {
                return Err(ApiError::new(ErrorCode::Forbidden, "The token is another region's"));
            }
            Ok(RegionGrant { foundation, region })
        })
    }
}

/// The region that the request names, if the token is its token.
async fn known_region(foundation: &Foundation, request: &HttpRequest) -> Result<String, ApiError> {
    let token = authorization(request, "bearer").ok_or_else(invalid_credentials)?;
    let header = request.headers().get(REGION_HEADER).and_then(|value| value.to_str().ok());
    let region = header.ok_or_else(invalid_credentials)?.to_owned();
    let matches = regions::token_matches(foundation, &region, token).await;
    if matches.map_err(|error| ApiError::internal(&error))? { Ok(region) } else { Err(invalid_credentials()) }
}

/// Lets the operator in, who holds the token of the settings.
pub(crate) struct OperatorGate;

/// The right to run the accounts of the installation. Made only by the gate.
pub(crate) struct OperatorGrant {
    foundation: Arc<Foundation>,
    origin: Origin,
}

impl OperatorGrant {
    /// What the rooms stand on.
    pub(crate) fn foundation(&self) -> &Foundation {
        &self.foundation
    }

    /// The operator, and from where.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Gate for OperatorGate {
    type Grant = OperatorGrant;

    fn admit(request: HttpRequest, _: &'static str) -> Pin<Box<dyn Future<Output = Result<OperatorGrant, ApiError>>>> {
        Box::pin(async move {
            let foundation = foundation(&request)?;
            let token = &foundation.config.operator_token;
            if token.is_empty() {
                let text = "The operator's API is switched off; the setting control.operator_token switches it on";
                return Err(ApiError::new(ErrorCode::Forbidden, text));
            }
            let expected = Secret::new(token.as_str());
            if !authorization(&request, "bearer").is_some_and(|given| expected.matches(given)) {
                return Err(failed(&foundation, &request, invalid_credentials()));
            }
            let origin = Origin::of(OPERATOR.actor.clone(), &request);
            Ok(OperatorGrant { foundation, origin })
        })
    }
}
