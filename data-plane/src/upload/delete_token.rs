//! Delete tokens: whoever has just uploaded something may take it away again, for a few minutes and without a key.
//!
//! A token names a version, so it does not reach what is stored under the name later, and it is nowhere kept: it says until when it
//! holds, under a digest with a secret of the environment.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    audit::Origin,
    error::ApiError,
    http::{
        access::{Public, Reason},
        params::Params,
    },
    ids::{EnvironmentId, VersionId},
    policy::Scope,
    secret::Secret,
    signature::{sign_token, verify_token},
};
use utoipa::ToSchema;

use super::{calls::tenant_of, destroy::DestroyResult};
use crate::{
    DataPlane,
    assets::{ActsFor, AssetStore, commit::DestroyOutcome},
    notifications::notice::{Notice, Wishes},
    permitted::Permitted,
    tenants::Tenant,
};

/// How long a token holds.
const HOLDS: TimeDelta = TimeDelta::minutes(10);
/// Who uses one, as the audit log names him.
const ACTOR: &str = "delete_token";

/// The token is the credential.
pub struct TokenInBody;

impl Reason for TokenInBody {
    const NAME: &'static str = "token_in_body";
    const WHY: &'static str =
        "The body holds a token that names one version and says until when it holds; nothing else is reached.";
}

/// A tenant on whose behalf a token was read.
struct Holder(EnvironmentId);

impl ActsFor for Holder {
    fn environment(&self) -> EnvironmentId {
        self.0
    }

    fn scope(&self) -> Scope {
        Scope::everywhere()
    }
}

/// A token for a version that was uploaded at `now`. None while the environment has no key whose secret could vouch for it.
pub fn issue(tenant: &Tenant, version: VersionId, now: DateTime<Utc>) -> Option<String> {
    let secret = tenant.result_secret(now)?;
    let until = (now + HOLDS).timestamp();
    Some(format!("{until}.{version}.{}", sign_token(&said(tenant.id(), version, until), secret)))
}

/// The version that a token names.
fn read(tenant: &Tenant, token: &str, now: DateTime<Utc>) -> Result<VersionId, ApiError> {
    let invalid = || ApiError::invalid("Invalid token");
    let mut pieces = token.splitn(3, '.');
    let (Some(until), Some(version), Some(digest)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(invalid());
    };
    let until: i64 = until.parse().map_err(|_| invalid())?;
    let version: VersionId = version.parse().map_err(|_| invalid())?;
    let text = said(tenant.id(), version, until);
    let mut secrets = tenant.usable_secrets(now);
    if !secrets.any(|secret: &Secret| verify_token(&text, secret, digest)) {
        return Err(invalid());
    }
    if until < now.timestamp() {
        return Err(ApiError::invalid("The token has expired"));
    }
    Ok(version)
}

fn said(environment: EnvironmentId, version: VersionId, until: i64) -> String {
    format!("delete_token {environment} {version} {until}")
}

/// The token, for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct DeleteByTokenRequest {
    /// What an upload with `return_delete_token` answered as `delete_token`.
    token: String,
}

/// Destroy an asset by its delete token
///
/// For ten minutes after its upload, and only while it has not been replaced.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/delete_by_token",
    tag = "Upload",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = DeleteByTokenRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "Whether it was there", body = DestroyResult),
    )
)]
pub async fn delete_by_token(
    _: Public<TokenInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let tenant = tenant_of(&request, &plane).await?;
    let now = plane.clock.now();
    let version = read(&tenant, &params.required_text("token")?, now)?;
    crate::access::usable(&tenant, None, now)?;
    let assets = AssetStore::of(&Holder(tenant.id()), &plane.database, &plane.settings.region.name);
    let asset = assets.find_by_version(version.0).await?;
    let outcome = match asset {
        None => DestroyOutcome::NotFound,
        Some(asset) => {
            let told = Notice::new(&plane, &tenant, None, Wishes::default()).by_token().told();
            let permitted = Permitted::by_decision(asset.name.clone(), Origin::of(ACTOR, &request), told);
            let outcome = assets.destroy(permitted, Some(version), now).await?;
            plane.located.forget(tenant.id(), &asset.name);
            outcome
        }
    };
    let result = match outcome {
        DestroyOutcome::Gone(orphans) => {
            plane.shipper.wake();
            plane.remove_objects(orphans);
            "ok"
        }
        DestroyOutcome::NotFound => "not found",
    };
    Ok(HttpResponse::Ok().json(DestroyResult { result: result.into() }))
}
