//! Folders: listed, made, moved and taken away.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
    policy::{Place, Scope},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{paging::cursor, resources};
use crate::{
    DataPlane,
    access::{DestroyFolders, ReadFolders, TenantGrant, WriteFolders},
    assets::{
        list::{Cursor, fingerprint},
        remove::{Extent, Selection},
    },
    folders::{Content, Folder, FolderError, FolderStore},
    upload::parameters::clean_folder,
    views::wire_time,
};

/// How many folders below a folder are told at once.
const MOST_DESCENDANTS: u64 = 2000;
/// How many passes of assets a deletion takes away before it asks to be called again.
const MOST_PASSES: usize = 10;

/// A folder.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderView {
    /// The last piece of its path.
    #[schema(example = "acme")]
    pub name: String,
    /// Its path.
    #[schema(example = "clients/acme")]
    pub path: String,
    /// Its id.
    #[schema(example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa")]
    pub external_id: String,
    /// When it was made.
    #[schema(example = "2026-11-27T10:00:00Z")]
    pub created_at: String,
}

/// A page of folders.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderPage {
    /// The folders, by their names.
    pub folders: Vec<FolderView>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many there are on all pages.
    pub total_count: u64,
}

/// A folder that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedFolder {
    /// Always true.
    pub success: bool,
    /// Its path.
    #[schema(example = "clients/acme")]
    pub path: String,
    /// The last piece of its path.
    #[schema(example = "acme")]
    pub name: String,
    /// Its id.
    pub external_id: String,
}

/// A folder by name and path.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedFolder {
    /// The last piece of its path.
    #[schema(example = "acme")]
    pub name: String,
    /// Its path.
    #[schema(example = "clients/acme")]
    pub path: String,
}

/// A folder that was moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedFolder {
    /// What it was.
    pub from: NamedFolder,
    /// What it is.
    pub to: NamedFolder,
}

/// Folders that were taken away.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedFolders {
    /// Their paths.
    #[schema(example = json!(["clients/acme"]))]
    pub deleted: Vec<String>,
}

/// A folder with what lies in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderDetail {
    /// The folder.
    #[serde(flatten)]
    pub folder: FolderView,
    /// How many assets lie in it.
    pub resource_count: u64,
    /// Their bytes.
    pub total_bytes: u64,
    /// When the last of them was uploaded; null when there is none.
    pub last_uploaded_at: Option<String>,
    /// The folders above it, the nearest last.
    pub ancestors: Vec<FolderView>,
}

/// Folders without pages.
#[derive(Debug, Serialize, ToSchema)]
pub struct FolderList {
    /// The folders, by their paths.
    pub folders: Vec<FolderView>,
}

/// Where a folder is to go, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct MoveRequest {
    /// Its new path.
    #[schema(example = "customers/acme")]
    to_folder: String,
}

/// Which folder's descendants, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct DescendantsRequest {
    /// Id of the folder.
    id: String,
    /// Only those of these ids.
    filter_ids: Option<Vec<String>>,
    /// Whether the folder itself is among them.
    inclusive: Option<bool>,
}

impl From<Folder> for FolderView {
    fn from(folder: Folder) -> Self {
        Self {
            name: folder.name,
            path: folder.path,
            external_id: folder.external_id.as_simple().to_string(),
            created_at: wire_time(folder.created_at),
        }
    }
}

/// List the root folders
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/folders",
    tag = "Folders",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses((status = 200, description = "A page", body = FolderPage))
)]
pub async fn list_root_folders(
    access: Allow<ReadFolders>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    page(&plane, access.grant(), "", &params).await
}

/// List the folders in a folder
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/folders/{folder_path}",
    tag = "Folders",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder_path" = String, Path, description = "Path of the folder, slashes included", example = "clients"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses(
        (status = 200, description = "A page", body = FolderPage),
        (status = 404, description = "No such folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_folder(
    access: Allow<ReadFolders>,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let path = path.1.trim_matches('/');
    if path.is_empty() {
        return page(&plane, access.grant(), path, &params).await;
    }
    check_readable(access.grant(), path)?;
    let exists = !holds_zero(path) && store(&plane, access.grant()).exists(path).await?;
    if !exists {
        return Err(not_found(path));
    }
    page(&plane, access.grant(), path, &params).await
}

/// A folder by its path, with what lies in it.
pub async fn read_folder_by_path(
    access: Allow<ReadFolders>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let path = params.required_text("path")?.trim_matches('/').to_owned();
    check_readable(access.grant(), &path)?;
    let store = store(&plane, access.grant());
    let folder = store.find(&path).await.map_err(|error| refused(error, &path, ""))?;
    detail(&store, folder).await
}

/// A folder by its id, with what lies in it.
pub async fn read_folder_by_id(
    access: Allow<ReadFolders>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (store, folder) = by_id(&plane, access.grant(), &params).await?;
    detail(&store, folder).await
}

/// List the folders below a folder
///
/// At any depth, by their paths, at most 2000.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/folders/descendants",
    tag = "Folders",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = DescendantsRequest, description = "Which folder; JSON or a form."),
    responses(
        (status = 200, description = "The folders", body = FolderList),
        (status = 404, description = "No such folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn list_descendant_folders(
    access: Allow<ReadFolders>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (store, folder) = by_id(&plane, access.grant(), &params).await?;
    let among = params.list("filter_ids")?;
    let mut found = store.descendants(&folder.path, MOST_DESCENDANTS).await?;
    if params.boolean("inclusive")? == Some(true) {
        found.insert(0, folder);
    }
    let is_asked = |folder: &FolderView| among.as_ref().is_none_or(|ids| ids.contains(&folder.external_id));
    let folders = found.into_iter().map(FolderView::from).filter(is_asked).collect();
    Ok(HttpResponse::Ok().json(FolderList { folders }))
}

/// Create a folder
///
/// With those above it. One that is there already stays as it is.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/folders/{folder_path}",
    tag = "Folders",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder_path" = String, Path, description = "Path of the folder, slashes included", example = "clients/acme"),
    ),
    responses((status = 200, description = "The folder", body = CreatedFolder))
)]
pub async fn create_folder(
    access: Allow<WriteFolders>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let path = clean_folder("path", &path.1)?;
    if path.is_empty() {
        return Err(invalid_value("path", &Value::String("/".into())));
    }
    let permitted = access.grant().permit(path.clone(), &path, &request)?;
    let made = store(&plane, access.grant()).create(permitted, plane.clock.now()).await;
    let made = made.map_err(|error| refused(error, &path, ""))?;
    let external_id = made.external_id.as_simple().to_string();
    Ok(HttpResponse::Ok().json(CreatedFolder { success: true, path: made.path, name: made.name, external_id }))
}

/// Move a folder
///
/// With all folders and assets below it, to another path. Not in fixed folder mode, where public ids would change with it.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/folders/{folder_path}",
    tag = "Folders",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder_path" = String, Path, description = "Path of the folder, slashes included", example = "clients/acme"),
    ),
    request_body(content = MoveRequest, description = "Where to; JSON or a form."),
    responses(
        (status = 200, description = "Where it was and is", body = MovedFolder),
        (status = 404, description = "No such folder", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "There is a folder of the new path", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_folder(
    access: Allow<WriteFolders>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let from = clean_folder("path", &path.1)?;
    let to = clean_folder("to_folder", &params.required_text("to_folder")?)?;
    let grant = access.grant();
    if !grant.tenant().folders_are_free() {
        return Err(ApiError::invalid(
            "In fixed folder mode a folder cannot be moved: public ids would change with it",
        ));
    }
    if from.is_empty() || to.is_empty() {
        return Err(ApiError::invalid(
            "Invalid value for parameter to_folder: the root is no folder that can be moved",
        ));
    }
    if to == from || to.strip_prefix(&from).is_some_and(|rest| rest.starts_with('/')) {
        return Err(ApiError::invalid(format!(
            "Invalid value {to} for parameter to_folder: it lies in the folder itself"
        )));
    }
    check_all_below(grant, &from)?;
    check_all_below(grant, &to)?;
    let permitted = grant.permit_within_reach(from.clone(), &request);
    let moved = store(&plane, grant).rename(permitted, &to, plane.clock.now()).await;
    moved.map_err(|error| refused(error, &from, &to))?;
    let named = |path: String| NamedFolder { name: path.rsplit('/').next().unwrap_or_default().to_owned(), path };
    Ok(HttpResponse::Ok().json(MovedFolder { from: named(from), to: named(to) }))
}

/// Delete a folder
///
/// With all folders below it and, where folders do not follow from public ids, with all assets in them; else only a folder without assets.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/folders/{folder_path}",
    tag = "Folders",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder_path" = String, Path, description = "Path of the folder, slashes included", example = "clients/acme"),
    ),
    responses(
        (status = 200, description = "Which folders went", body = DeletedFolders),
        (status = 404, description = "No such folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_folder(
    access: Allow<DestroyFolders>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let path = clean_folder("path", &path.1)?;
    let grant = access.grant();
    check_all_below(grant, &path)?;
    let folders = store(&plane, grant);
    if path.is_empty() || !folders.exists(&path).await? {
        return Err(not_found(&path));
    }
    if grant.tenant().folders_are_free() && folders.holds_assets(&path).await? {
        // With the folder go its assets, so whoever may not take those away does not do it this way.
        grant.check_also(&plane, "delete_resources", &path).await?;
        remove_assets(&plane, grant, &request, &path).await?;
    }
    let permitted = grant.permit_within_reach(path.clone(), &request);
    let deleted = folders.delete(permitted, plane.clock.now()).await.map_err(|error| refused(error, &path, ""))?;
    Ok(HttpResponse::Ok().json(DeletedFolders { deleted }))
}

async fn remove_assets(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    path: &str,
) -> Result<(), ApiError> {
    let assets = resources::store(plane, grant);
    let mut after = None;
    for _ in 0..MOST_PASSES {
        let selection = grant.permit_within_reach(Selection::InFolder(path.to_owned()), request);
        let pass = assets.remove(selection, &Extent::default(), after, plane.clock.now()).await?;
        plane.shipper.wake();
        for removed in &pass.removed {
            plane.located.forget(grant.tenant().id(), &removed.name);
        }
        plane.remove_objects(pass.orphans);
        after = pass.next;
        if after.is_none() {
            return Ok(());
        }
    }
    let text = format!("Folder {path} holds more assets than one call takes away; call again to go on");
    Err(ApiError::new(ErrorCode::Busy, text).with_retry_after(1))
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> FolderStore<'a> {
    FolderStore::of(grant, &plane.database, &plane.settings.region.name)
}

/// A folder that the key may look into, or that leads to one.
fn check_readable(grant: &TenantGrant, path: &str) -> Result<(), ApiError> {
    let scope: &Scope = grant.authority().scope();
    grant.authority().note_folder(path);
    if scope.permits(path) || scope.leads_from(path) {
        return Ok(());
    }
    Err(grant.authority().refusal(Place::In(path)))
}

/// Refuses a folder below which there is any that the key may not touch.
fn check_all_below(grant: &TenantGrant, path: &str) -> Result<(), ApiError> {
    grant.authority().note_folder(path);
    match grant.authority().scope().forbidden_within(path) {
        None => Ok(()),
        Some(forbidden) => {
            let forbidden = forbidden.to_owned();
            Err(grant.authority().refusal(Place::In(&forbidden)))
        }
    }
}

async fn by_id<'a>(
    plane: &'a DataPlane,
    grant: &TenantGrant,
    params: &Params,
) -> Result<(FolderStore<'a>, Folder), ApiError> {
    let text = params.required_text("id")?;
    let absent = || ApiError::not_found(format!("Can't find folder with id {text}"));
    let store = store(plane, grant);
    let folder = match text.parse::<Uuid>() {
        Ok(id) => match store.find_by_id(id).await {
            Ok(folder) => Some(folder),
            Err(FolderError::Database(error)) => return Err(error.into()),
            Err(_) => None,
        },
        Err(_) => None,
    };
    let reach = |folder: &Folder| {
        let scope = grant.authority().scope();
        scope.permits(&folder.path) || scope.leads_from(&folder.path)
    };
    let folder = folder.filter(reach).ok_or_else(|| grant.authority().not_within_reach(None, absent()))?;
    Ok((store, folder))
}

async fn detail(store: &FolderStore<'_>, folder: Folder) -> Result<HttpResponse, ApiError> {
    let Content { assets, bytes, last_uploaded_at } = store.content(&folder.path).await?;
    let ancestors = store.ancestors(&folder.path).await?.into_iter().map(FolderView::from).collect();
    Ok(HttpResponse::Ok().json(FolderDetail {
        folder: folder.into(),
        resource_count: assets,
        total_bytes: bytes,
        last_uploaded_at: last_uploaded_at.map(wire_time),
        ancestors,
    }))
}

async fn page(plane: &DataPlane, grant: &TenantGrant, parent: &str, params: &Params) -> Result<HttpResponse, ApiError> {
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let listing = fingerprint(&format!("folders {parent}"));
    let after = match cursor(params, "next_cursor", listing)? {
        Some(Cursor::Name { public_id: name, .. }) => Some(name),
        Some(Cursor::Moment { .. }) | None => None,
    };
    let (mut folders, total_count) = store(plane, grant).children(parent, after.as_deref(), limit + 1).await?;
    let has_more = folders.len() as u64 > limit;
    folders.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = folders.last().filter(|_| has_more);
    let next = last.map(|last| Cursor::Name { public_id: last.name.clone(), id: last.external_id }.print(listing));
    let folders = folders.into_iter().map(FolderView::from).collect();
    Ok(HttpResponse::Ok().json(FolderPage { folders, next_cursor: next, total_count }))
}

fn holds_zero(path: &str) -> bool {
    path.contains('\0')
}

fn not_found(path: &str) -> ApiError {
    ApiError::not_found(format!("Can't find folder with path {path}"))
}

fn refused(error: FolderError, path: &str, to: &str) -> ApiError {
    match error {
        FolderError::NotFound => not_found(path),
        FolderError::Taken => ApiError::new(ErrorCode::Conflict, format!("Folder {to} already exists")),
        FolderError::NotEmpty => ApiError::invalid(format!("Folder {path} is not empty: there are assets in it")),
        FolderError::Database(error) => error.into(),
    }
}
