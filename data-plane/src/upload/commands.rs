//! Commands on assets that are there: tags, context, another name.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Public,
        params::{Params, invalid_value, missing},
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    CredentialsInBody,
    authorize::AuthorizedUpload,
    calls::call_without_file,
    context::read_context,
    parameters::{check_public_id, uploaded_type},
};
use crate::{
    DataPlane,
    assets::{
        ActsFor, AssetStore,
        change::AssetChanges,
        labels::{ContextChange, TagChange, check_context, check_tags},
        record::{AssetName, DeliveryType, ResourceType},
        rename::RenameOutcome,
    },
    metadata,
    views::UploadResult,
};

/// How many assets a command may name.
const MOST_IDS: usize = 1000;
/// How many tags times how many assets a command may touch.
const MOST_PAIRS: usize = 10_000;

/// Which assets a command touched.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommandResult {
    /// Public ids of the assets that there are.
    #[schema(example = json!(["cats/tom"]))]
    pub public_ids: Vec<String>,
    /// For a key that may not do it in every folder: the public ids that were passed over, because they lie elsewhere or nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Vec<String>>,
}

/// Parameters of [`update_tags`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct TagsRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// `add`, `remove`, `replace`, `remove_all` or `set_exclusive`.
    #[schema(example = "add")]
    command: String,
    /// Tags, joined by commas; not for `remove_all`.
    #[schema(example = "cat,garden")]
    tag: Option<String>,
    /// Public ids, at most 1000.
    public_ids: Vec<String>,
    /// `upload`, `private`, `authenticated` or `fetch`; `upload` when absent.
    r#type: Option<String>,
}

/// Change the tags of assets
///
/// `set_exclusive` gives the tags to these assets and takes them from all others of the kind.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/tags",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = TagsRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "Which assets there were", body = CommandResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_tags(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let names = named(&call, &request)?;
    let command = call.params().required_text("command")?;
    let tags = |call: &AuthorizedUpload| -> Result<Vec<String>, ApiError> {
        let given = match call.params().list("tag")? {
            Some(tags) => Some(tags),
            None => call.params().list("tags")?,
        };
        let tags = check_tags(given.ok_or_else(|| missing("tag"))?)?;
        if tags.is_empty() {
            return Err(missing("tag"));
        }
        if tags.len() * names.len() > MOST_PAIRS {
            let text = format!("Invalid value for parameter tag: at most {MOST_PAIRS} tags times assets in one call");
            return Err(ApiError::invalid(text));
        }
        Ok(tags)
    };
    let (change, others) = match command.as_str() {
        "add" => (TagChange::Add(tags(&call)?), None),
        "remove" => (TagChange::Remove(tags(&call)?), None),
        "replace" => (TagChange::Replace(tags(&call)?), None),
        "remove_all" => (TagChange::Replace(Vec::new()), None),
        "set_exclusive" => {
            let tags = tags(&call)?;
            (TagChange::Add(tags.clone()), Some(tags))
        }
        other => return Err(unknown_command(other, "add, remove, replace, remove_all, set_exclusive")),
    };
    let others = match others {
        None => None,
        Some(tags) => {
            let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
            let others = assets.others_with(&tags, &names, MOST_IDS).await?;
            let others = others.ok_or_else(|| {
                ApiError::invalid(format!(
                    "More than {MOST_IDS} other assets have these tags; remove them from those first"
                ))
            })?;
            Some((tags, others))
        }
    };
    let touched = change_all(&plane, &call, names.clone(), "update_tags", tags_only(change)).await?;
    if let Some((tags, others)) = others {
        change_all(&plane, &call, others, "update_tags", tags_only(TagChange::Remove(tags))).await?;
    }
    Ok(HttpResponse::Ok().json(result(&call, &names, touched)))
}

/// Parameters of [`update_context`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct ContextRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// `add` or `remove_all`.
    #[schema(example = "add")]
    command: String,
    /// `key=value` pairs joined by `|`; for `add`.
    #[schema(example = "alt=A cat|caption=Tom")]
    context: Option<String>,
    /// Public ids, at most 1000.
    public_ids: Vec<String>,
    /// `upload`, `private`, `authenticated` or `fetch`; `upload` when absent.
    r#type: Option<String>,
}

/// Change the context of assets
///
/// `add` merges: of one key the new value stays.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/context",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = ContextRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "Which assets there were", body = CommandResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_context(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let names = named(&call, &request)?;
    let change = match call.params().required_text("command")?.as_str() {
        "add" if call.params().get("context").is_none() => return Err(missing("context")),
        "add" => ContextChange::Merge(check_context(read_context(call.params())?)?),
        "remove_all" => ContextChange::Replace(Map::new()),
        other => return Err(unknown_command(other, "add, remove_all")),
    };
    let changes = AssetChanges { context: Some(change), ..AssetChanges::default() };
    let touched = change_all(&plane, &call, names.clone(), "update_context", changes).await?;
    Ok(HttpResponse::Ok().json(result(&call, &names, touched)))
}

/// Parameters of [`update_metadata`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct MetadataRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// `id=value` pairs joined by `|`, or a JSON object. An empty value goes; what is not named stays.
    #[schema(example = "colour=red|sizes=[\"s\",\"m\"]")]
    metadata: String,
    /// Whether values go that their fields do not permit any more.
    clear_invalid: Option<bool>,
    /// Public ids, at most 1000.
    public_ids: Vec<String>,
    /// `upload`, `private`, `authenticated` or `fetch`; `upload` when absent.
    r#type: Option<String>,
}

/// Change the values of metadata fields of assets
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/metadata",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = MetadataRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "Which assets there were", body = CommandResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_metadata(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let names = named(&call, &request)?;
    if call.params().get("metadata").is_none() {
        return Err(missing("metadata"));
    }
    let metadata = metadata::of_change(&plane, call.tenant().id(), call.params()).await?;
    let changes = AssetChanges { metadata, ..AssetChanges::default() };
    let touched = change_all(&plane, &call, names.clone(), "update_metadata", changes).await?;
    Ok(HttpResponse::Ok().json(result(&call, &names, touched)))
}

/// Parameters of [`rename`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct RenameRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// Its present name.
    #[schema(example = "cats/tom")]
    from_public_id: String,
    /// Its new name.
    #[schema(example = "cats/tommy")]
    to_public_id: String,
    /// Its present delivery type; `upload` when absent.
    r#type: Option<String>,
    /// Its new delivery type; the present one when absent.
    to_type: Option<String>,
    /// Whether another asset of that name is replaced; no when absent.
    overwrite: Option<bool>,
    /// Accepted; the old name is not delivered any more in any case.
    invalidate: Option<bool>,
    /// Whether the answer has context, which it has anyway.
    context: Option<bool>,
}

/// Rename an asset
///
/// Its bytes, and what was derived from them, stay. What depends on the delivery type changes with `to_type`.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/rename",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = RenameRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "The asset under its new name", body = UploadResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn rename(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let params = call.params();
    let resource_type = ResourceType::parse(request.match_info().get("resource_type").unwrap_or_default())?;
    let (from_id, to_id) = (params.required_text("from_public_id")?, params.required_text("to_public_id")?);
    let from_type = delivery_type(params)?;
    let to_type = match params.text("to_type")? {
        Some(name) => uploaded_type("to_type", &name)?,
        None => from_type,
    };
    if from_type == DeliveryType::Fetch {
        return Err(ApiError::invalid(
            "Invalid value fetch for parameter type: the name of what was fetched is its address",
        ));
    }
    check_public_id("from_public_id", &from_id)?;
    check_public_id("to_public_id", &to_id)?;
    let from = AssetName { resource_type, delivery_type: from_type, public_id: from_id };
    let to = AssetName { resource_type, delivery_type: to_type, public_id: to_id };
    let tenant = call.tenant();
    let folder = tenant.folder_of(&to.public_id).map(str::to_owned);
    let permitted = match &folder {
        Some(folder) => call.permit(from.clone(), folder)?,
        None => call.permit_within_reach(from.clone()),
    };
    let overwrite = params.boolean("overwrite")?.unwrap_or(false);
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let outcome =
        assets.rename(permitted, to.clone(), overwrite, folder.as_deref(), "rename", plane.clock.now()).await?;
    match outcome {
        RenameOutcome::Renamed(asset, orphans) => {
            plane.shipper.wake();
            plane.located.forget_all_of(tenant.id(), [from, to].into_iter());
            plane.remove_objects(orphans);
            Ok(HttpResponse::Ok().json(UploadResult::new(&plane.links, tenant, &asset, call.access_key())))
        }
        RenameOutcome::NotFound => {
            let not_found = ApiError::not_found(format!("Resource not found - {}", from.public_id));
            Err(call.not_within_reach(tenant.folder_of(&from.public_id), not_found))
        }
        RenameOutcome::Taken => Err(ApiError::invalid(format!("to_public_id {} already exists", to.public_id))),
        RenameOutcome::OutOfScope => Err(call.beyond_reach()),
    }
}

fn tags_only(change: TagChange) -> AssetChanges {
    AssetChanges { tags: Some(change), ..AssetChanges::default() }
}

fn unknown_command(command: &str, known: &str) -> ApiError {
    ApiError::invalid(format!("Invalid command - {command}. Must be one of: {known}"))
}

fn delivery_type(params: &Params) -> Result<DeliveryType, ApiError> {
    params.text("type")?.map_or(Ok(DeliveryType::Upload), |name| DeliveryType::parse(&name))
}

/// The names that a command is about, each once.
fn named(call: &AuthorizedUpload, request: &HttpRequest) -> Result<Vec<AssetName>, ApiError> {
    let resource_type = ResourceType::parse(request.match_info().get("resource_type").unwrap_or_default())?;
    let delivery_type = delivery_type(call.params())?;
    let ids = call.params().texts("public_ids")?.ok_or_else(|| missing("public_ids"))?;
    if ids.len() > MOST_IDS {
        return Err(ApiError::invalid(format!("Invalid value for parameter public_ids: at most {MOST_IDS}")));
    }
    let mut names: Vec<AssetName> = Vec::with_capacity(ids.len());
    for public_id in ids {
        if public_id.is_empty() {
            return Err(invalid_value("public_ids", &Value::String(public_id)));
        }
        let name = AssetName { resource_type, delivery_type, public_id };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

async fn change_all(
    plane: &DataPlane,
    call: &AuthorizedUpload,
    names: Vec<AssetName>,
    operation: &'static str,
    changes: AssetChanges,
) -> Result<Vec<AssetName>, ApiError> {
    let assets = AssetStore::of(call, &plane.database, &plane.settings.region.name);
    let permitted = call.permit_within_reach(names);
    let changed = assets.change(permitted, None, operation, &changes, plane.clock.now()).await?;
    let names: Vec<AssetName> = changed.into_iter().map(|asset| asset.name).collect();
    plane.located.forget_all_of(call.tenant().id(), names.iter().cloned());
    Ok(names)
}

/// What a command answers: the assets in the order in which they were named.
fn result(call: &AuthorizedUpload, names: &[AssetName], touched: Vec<AssetName>) -> CommandResult {
    let (there, elsewhere): (Vec<_>, Vec<_>) = names.iter().partition(|name| touched.contains(name));
    let ids = |names: Vec<&AssetName>| names.into_iter().map(|name| name.public_id.clone()).collect();
    CommandResult {
        public_ids: ids(there),
        skipped: (!call.scope().is_everywhere() && !elsewhere.is_empty()).then(|| ids(elsewhere)),
    }
}
