//! Product environments on the wire (`sub_accounts`).

use actix_web::{
    HttpResponse,
    http::header::HeaderName,
    web::{Json, Path},
};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value},
        routes::Routes,
    },
    routes,
    settings::FolderMode,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Done, LAST_ENVIRONMENT_PAGE, filter_list, page_up_to, wire_time};
use crate::{
    access::{DestroyEnvironments, ReadEnvironments, WriteEnvironments},
    environments::{Environment, EnvironmentChanges, EnvironmentFilter, Environments, NewEnvironment},
};

/// How many environments pass the filter, on whichever page. A header, because the members of the answer are the vendor's.
const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_product_environments,
        create_product_environment,
        get_product_environment,
        update_product_environment,
        delete_product_environment,
    );
    routes
}

/// A product environment.
#[derive(Debug, Serialize, ToSchema)]
struct ProductEnvironment {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What people call it.
    #[schema(example = "Product3 Application")]
    name: String,
    /// The name in URLs, lower case, unique over the installation.
    #[schema(example = "product3")]
    cloud_name: String,
    /// Whether it may be used.
    enabled: bool,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    created_at: String,
    /// When its own fields last changed, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    updated_at: String,
    /// The caller's own attributes.
    #[schema(value_type = Object)]
    custom_attributes: Value,
    /// Its access keys, oldest first.
    api_access_keys: Vec<ApiAccessKey>,
}

/// An access key in brief.
#[derive(Debug, Serialize, ToSchema)]
struct ApiAccessKey {
    /// The public half, 15 digits.
    #[schema(example = "814814814814814")]
    key: String,
    /// The secret half.
    #[schema(format = Password)]
    secret: String,
    /// Whether it is accepted.
    enabled: bool,
}

/// Product environments.
#[derive(Debug, Serialize, ToSchema)]
struct ProductEnvironmentsResponse {
    /// The environments, oldest first.
    sub_accounts: Vec<ProductEnvironment>,
}

/// What a new product environment is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ProductEnvironmentRequest {
    /// What people call it, at most 255 characters.
    #[schema(example = "Product3 Application")]
    name: String,
    /// The name in URLs: 1 to 63 letters, digits, `_` and `-`; kept in lower case. Made up when absent.
    #[schema(example = "product3")]
    cloud_name: Option<String>,
    /// The product environment of the same account whose attributes, limits and folder mode are copied.
    base_sub_account_id: Option<String>,
    /// The caller's own attributes.
    custom_attributes: Option<Map<String, Value>>,
    /// Whether it may be used from the start. Default: true.
    enabled: Option<bool>,
    /// The region that serves it; an extension of this server. Default: the installation's default region.
    region: Option<String>,
    /// `dynamic` or `fixed`, where the folder is part of the public id; an extension of this server. Default: as in the base, else `dynamic`.
    folder_mode: Option<String>,
}

/// What changes about a product environment; what is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ProductEnvironmentUpdateRequest {
    /// What people call it, at most 255 characters.
    #[schema(example = "Product3 Application")]
    name: Option<String>,
    /// The name in URLs. URLs with the old name stop working.
    #[schema(example = "product3")]
    cloud_name: Option<String>,
    /// The caller's own attributes, in the place of all old ones.
    custom_attributes: Option<Map<String, Value>>,
    /// Switches it on or off. Switched off, it delivers nothing and accepts nothing.
    enabled: Option<bool>,
}

impl From<&Environment> for ProductEnvironment {
    fn from(environment: &Environment) -> Self {
        let brief = |key: &crate::access_keys::AccessKey| ApiAccessKey {
            key: key.api_key().to_owned(),
            secret: key.secret().expose().to_owned(),
            enabled: key.enabled(),
        };
        Self {
            id: environment.id().to_string(),
            name: environment.name().to_owned(),
            cloud_name: environment.cloud_name().to_owned(),
            enabled: environment.enabled(),
            created_at: wire_time(environment.created_at()),
            updated_at: wire_time(environment.updated_at()),
            custom_attributes: environment.custom_attributes().clone(),
            api_access_keys: environment.keys().iter().map(brief).collect(),
        }
    }
}

/// Get product environments.
///
/// All product environments of the account, or those that pass the filters; all of them, or a page.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("enabled" = Option<bool>, Query, description = "Only enabled ones (true) or only disabled ones (false)."),
        ("ids" = Option<Vec<String>>, Query, description = "Up to 100 ids. All other filters are ignored then."),
        ("cloud_names" = Option<Vec<String>>, Query, description = "Up to 100 cloud names."),
        ("prefix" = Option<String>, Query, description = "Only those whose name begins so, in any case.", example = "product"),
        ("page_size" = Option<i64>, Query, description = "Entries of a page, 1 to 500; an extension of this server."),
        ("page" = Option<i64>, Query, description = "Which page, 1 to 100000; an extension of this server. Without page and page_size all product environments are returned."),
    ),
    responses(
        (
            status = 200,
            description = "The product environments.",
            body = ProductEnvironmentsResponse,
            headers(("X-Total-Count" = u64, description = "How many pass the filters, on whichever page.")),
        ),
    ),
)]
async fn get_product_environments(allow: Allow<ReadEnvironments>, params: Params) -> Result<HttpResponse, ApiError> {
    let page = page_up_to(&params, LAST_ENVIRONMENT_PAGE)?;
    let filter = EnvironmentFilter {
        enabled: params.boolean("enabled")?,
        ids: filter_list(&params, "ids")?,
        cloud_names: filter_list(&params, "cloud_names")?,
        prefix: params.text("prefix")?,
    };
    let (found, total) = Environments::of(allow.grant()).list_page(&filter, page).await?;
    let answer = ProductEnvironmentsResponse { sub_accounts: found.iter().map(ProductEnvironment::from).collect() };
    Ok(HttpResponse::Ok().insert_header((X_TOTAL_COUNT, total)).json(answer))
}

/// Create product environment.
///
/// Makes a product environment with its first access key, usable at once.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts",
    tag = "Product Environments",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = ProductEnvironmentRequest, description = "The product environment; JSON or a form."),
    responses(
        (status = 200, description = "The product environment.", body = ProductEnvironment),
        (status = 403, description = "The plan allows no more product environments.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "The base product environment is not there.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The cloud name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_product_environment(
    allow: Allow<WriteEnvironments>,
    params: Params,
) -> Result<Json<ProductEnvironment>, ApiError> {
    let folder_mode = match params.text("folder_mode")? {
        None => None,
        Some(name) => Some(FolderMode::from_name(&name).ok_or_else(|| invalid_value("folder_mode", &name.into()))?),
    };
    let new = NewEnvironment {
        name: params.required_text("name")?,
        cloud_name: params.text("cloud_name")?,
        base: params.text("base_sub_account_id")?,
        custom_attributes: params.object("custom_attributes")?,
        enabled: params.boolean("enabled")?,
        region: params.text("region")?,
        folder_mode,
    };
    let environment = Environments::of(allow.grant()).create(new).await?;
    Ok(Json(ProductEnvironment::from(&environment)))
}

/// Get product environment.
///
/// One product environment with its access keys.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    responses(
        (status = 200, description = "The product environment.", body = ProductEnvironment),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_product_environment(
    allow: Allow<ReadEnvironments>,
    path: Path<(String, String)>,
) -> Result<Json<ProductEnvironment>, ApiError> {
    let environment = Environments::of(allow.grant()).find(&path.1).await?;
    Ok(Json(ProductEnvironment::from(&environment)))
}

/// Update product environment.
///
/// Changes what the body names and leaves the rest.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    request_body(content = ProductEnvironmentUpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The product environment.", body = ProductEnvironment),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The cloud name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_product_environment(
    allow: Allow<WriteEnvironments>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<ProductEnvironment>, ApiError> {
    let changes = EnvironmentChanges {
        name: params.text("name")?,
        cloud_name: params.text("cloud_name")?,
        custom_attributes: params.object("custom_attributes")?,
        enabled: params.boolean("enabled")?,
    };
    let environments = Environments::of(allow.grant());
    let environment = environments.find(&path.1).await?;
    let environment = environments.update(&environment, changes).await?;
    Ok(Json(ProductEnvironment::from(&environment)))
}

/// Delete product environment.
///
/// Deletes a product environment with its access keys. Its cloud name may be used again; a new product environment of that
/// name inherits nothing.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    responses(
        (status = 200, description = "Deleted.", body = Done),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_product_environment(
    allow: Allow<DestroyEnvironments>,
    path: Path<(String, String)>,
) -> Result<Json<Done>, ApiError> {
    let environments = Environments::of(allow.grant());
    let environment = environments.find(&path.1).await?;
    environments.delete(&environment).await?;
    Ok(Json(Done::OK))
}
