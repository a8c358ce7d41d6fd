//! What an authorised upload asks for, concretely.

use image::ImageFormat;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::params::Params,
    settings::FolderMode,
};
use rand::Rng;
use serde_json::{Map, Value};

use super::{authorize::AuthorizedUpload, context::read_context, incoming::Incoming};
use crate::{
    assets::{
        access_control::AccessChange,
        analyses::Questions,
        coordinates::{Coordinates, CoordinatesChange},
        labels::{check_context, check_tags},
        moderation::is_wanted,
        record::{AssetName, DeliveryType, ResourceType},
    },
    eager::ask::{Eager, not_a_picture},
    media::sniff::is_media,
};

/// Longest public id in characters.
const PUBLIC_ID_LIMIT: usize = 255;
/// Characters that a public id may not hold.
const PUBLIC_ID_FORBIDDEN: &[char] = &['?', '&', '#', '\\', '%', '<', '>', '+'];

/// Parameters of the wire that are not built yet. Saying them at a value other than their default is refused by name.
pub const NOT_BUILT: [&str; 29] = [
    "responsive_breakpoints",
    "raw_convert",
    "quality_override",
    "proxy",
    "regions",
    "headers",
    "faces",
    "quality_analysis",
    "accessibility_analysis",
    "cinemagraph_analysis",
    "detection",
    "categorization",
    "auto_tagging",
    "ocr",
    "background_removal",
    "similarity_search",
    "visual_search",
    "auto_transcription",
    "auto_chaptering",
    "eval",
    "on_success",
    "unique_display_name",
    "live",
    "upload_chunk",
    "page",
    "concat",
    "multi",
    "sprite",
    "allow_missing",
];

/// Everything that the rows of the new version will say of it, before its bytes were looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedUpload {
    /// Under which name.
    pub name: AssetName,
    /// Name shown to people.
    pub display_name: String,
    /// Folder.
    pub asset_folder: String,
    /// Base name of the file.
    pub original_filename: String,
    /// Whether an asset that is replaced keeps its folder: the call says nothing of one.
    pub keeps_folder: bool,
    /// The same of its name shown to people.
    pub keeps_display_name: bool,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Key and value pairs.
    pub context: Map<String, Value>,
    /// What happens when the name is taken.
    pub overwrite: bool,
    /// Formats that are accepted; all when empty.
    pub allowed_formats: Vec<String>,
    /// Extension of the uploaded file's name, lower case.
    pub extension: Option<String>,
    /// What people have marked in it.
    pub coordinates: Coordinates,
    /// Who may have it delivered, as far as the call says so.
    pub access: AccessChange,
    /// Whether its versions are to be kept; as before where nothing is said.
    pub backup: Option<bool>,
    /// Whether people are to look at it.
    pub is_moderated: bool,
    /// What is made of the file before it is stored.
    pub incoming: Option<Incoming>,
    /// What is made of it before anybody asks for it.
    pub eager: Option<Eager>,
    /// What the call wants to know of it.
    pub analyses: Questions,
}

/// What is known of the file before its bytes were looked into.
#[derive(Debug, Clone, Copy)]
pub struct FileFacts<'a> {
    /// Kind.
    pub resource_type: ResourceType,
    /// The name that the client gave.
    pub filename: Option<&'a str>,
    /// The public id, if an earlier chunk of the same upload has settled it.
    pub settled_id: Option<&'a str>,
}

/// Resolves an upload.
pub fn resolve(upload: &AuthorizedUpload, file: FileFacts<'_>) -> Result<ResolvedUpload, ApiError> {
    let params = upload.params();
    refuse_not_built(params)?;
    upload.check_given_id(file.settled_id)?;
    let resource_type = file.resource_type;
    params.boolean("return_delete_token")?;
    let delivery_type = match params.text("type")? {
        Some(name) => uploaded_type("type", &name)?,
        None => DeliveryType::Upload,
    };
    let filename = params.text("filename_override")?.or_else(|| file.filename.map(str::to_owned));
    let (base, extension) = split_filename(filename.as_deref().unwrap_or("file"));
    let folder = params.text("folder")?.map(|folder| clean_folder("folder", &folder)).transpose()?;
    let asset_folder = params.text("asset_folder")?.map(|folder| clean_folder("asset_folder", &folder)).transpose()?;
    let public_id = match file.settled_id {
        Some(id) => id.to_owned(),
        None => {
            public_id(params, resource_type, &base, extension.as_deref(), folder.as_deref(), asset_folder.as_deref())?
        }
    };
    let has_folder = asset_folder.is_some() || folder.is_some();
    let is_dynamic = upload.tenant().snapshot.folder_mode == FolderMode::Dynamic;
    let asset_folder = match (is_dynamic, asset_folder, folder) {
        (true, Some(folder), _) | (true, None, Some(folder)) => folder,
        (true, None, None) => String::new(),
        (false, ..) => public_id.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned()),
    };
    let has_display_name =
        params.get("display_name").is_some() || params.boolean("use_filename_as_display_name")? == Some(true);
    let display_name = match params.text("display_name")? {
        Some(name) => name,
        None if params.boolean("use_filename_as_display_name")? == Some(true) => base.clone(),
        None => public_id.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let eager = Eager::read(params)?;
    if eager.is_some() && resource_type != ResourceType::Image {
        return Err(not_a_picture("eager", resource_type));
    }
    let incoming = Incoming::read(params)?;
    if incoming.is_some() && resource_type != ResourceType::Image {
        return Err(not_a_picture("transformation or format", resource_type));
    }
    params.boolean("async")?;
    let tags = check_tags(params.list("tags")?.unwrap_or_default())?;
    let keeps_filename = params.boolean("discard_original_filename")? != Some(true);
    Ok(ResolvedUpload {
        name: AssetName { resource_type, delivery_type, public_id },
        display_name,
        asset_folder,
        keeps_folder: is_dynamic && !has_folder,
        keeps_display_name: !has_display_name,
        original_filename: if keeps_filename { base } else { String::new() },
        tags,
        context: check_context(read_context(params)?)?,
        overwrite: upload.is_signed() && params.boolean("overwrite")?.unwrap_or(true),
        allowed_formats: params.list("allowed_formats")?.unwrap_or_default(),
        extension,
        coordinates: CoordinatesChange::read(params)?.applied_to(&Coordinates::default()),
        access: AccessChange::read(params)?,
        backup: params.boolean("backup")?.or_else(|| upload.tenant().snapshot.settings.backup.then_some(true)),
        is_moderated: is_wanted(params)?,
        incoming,
        eager,
        analyses: Questions::read(params)?,
    })
}

/// The delivery type of something that is uploaded. What is fetched comes into being when it is asked for.
pub fn uploaded_type(parameter: &str, name: &str) -> Result<DeliveryType, ApiError> {
    match DeliveryType::parse(name)? {
        DeliveryType::Fetch => Err(ApiError::invalid(format!(
            "Invalid value fetch for parameter {parameter}: upload, private or authenticated"
        ))),
        delivery_type => Ok(delivery_type),
    }
}

/// Refuses what would silently not happen.
pub fn refuse_not_built(params: &Params) -> Result<(), ApiError> {
    let asked = NOT_BUILT.into_iter().find(|name| {
        params.get(name).is_some_and(|value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            !matches!(text.as_str(), "0" | "false" | "[]" | "{}")
        })
    });
    match asked {
        Some(name) => Err(ApiError::not_built(format!("The upload parameter {name}"))),
        None => Ok(()),
    }
}

/// The kind of a file. `asked` is that of the path, `auto` among them, which goes by the first bytes.
pub fn resource_type(asked: &str, head: &[u8]) -> Result<ResourceType, ApiError> {
    match asked {
        "auto" if is_media(head) => Ok(ResourceType::Video),
        "auto" if is_picture(head) => Ok(ResourceType::Image),
        "auto" => Ok(ResourceType::Raw),
        "video" => Ok(ResourceType::Video),
        "image" => Ok(ResourceType::Image),
        "raw" => Ok(ResourceType::Raw),
        other => Err(ApiError::invalid(format!(
            "Invalid value {other} for parameter resource_type: image, video, raw or auto"
        ))),
    }
}

/// Whether the first bytes are those of a picture format that the probe may know.
fn is_picture(head: &[u8]) -> bool {
    let known = matches!(
        image::guess_format(head),
        Ok(ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::Gif
            | ImageFormat::WebP
            | ImageFormat::Tiff
            | ImageFormat::Avif)
    );
    let brand = head.get(4..12).unwrap_or_default();
    let is_heif =
        brand.starts_with(b"ftyp") && [b"heic", b"heix", b"mif1", b"avif", b"avis"].iter().any(|b| brand.ends_with(*b));
    // What a worker can read and the line above does not know, as SVG and PDF.
    known
        || transform::container::sniff(head).is_some()
        || is_heif
        || head.starts_with(&[0xff, 0x0a])
        || head.starts_with(b"\0\0\0\x0cJXL ")
}

fn split_filename(filename: &str) -> (String, Option<String>) {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((base, extension)) if !base.is_empty() && !extension.is_empty() => {
            (base.to_owned(), Some(extension.to_ascii_lowercase()))
        }
        _ => (name.to_owned(), None),
    }
}

fn public_id(
    params: &Params,
    resource_type: ResourceType,
    base: &str,
    extension: Option<&str>,
    folder: Option<&str>,
    asset_folder: Option<&str>,
) -> Result<String, ApiError> {
    let given = params.text("public_id")?;
    let is_given = given.is_some();
    let mut id = match given {
        Some(id) => id,
        None if params.boolean("use_filename")? == Some(true) => {
            let base: String = base.chars().map(|c| if PUBLIC_ID_FORBIDDEN.contains(&c) { '_' } else { c }).collect();
            let base = base.trim().replace(' ', "_");
            match params.boolean("unique_filename")? {
                Some(false) => base,
                _ => format!("{base}_{}", random_text(6)),
            }
        }
        None => random_text(20),
    };
    // The name of a raw file keeps its extension, because there is no format to deliver it in.
    if !is_given
        && resource_type == ResourceType::Raw
        && let Some(extension) = extension
    {
        id = format!("{id}.{extension}");
    }
    let prefix = match params.text("public_id_prefix")? {
        Some(prefix) => Some(prefix),
        None if params.boolean("use_asset_folder_as_public_id_prefix")? == Some(true) => {
            asset_folder.map(str::to_owned)
        }
        None => folder.map(str::to_owned),
    };
    if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
        id = format!("{}/{id}", prefix.trim_matches('/'));
    }
    check_public_id("public_id", &id)?;
    Ok(id)
}

/// Refuses a public id that a delivery URL could not carry.
pub fn check_public_id(parameter: &str, id: &str) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::invalid(format!("Invalid value {id} for parameter {parameter}: {why}")));
    if id.chars().count() > PUBLIC_ID_LIMIT {
        return Err(ApiError::invalid(format!(
            "Invalid value for parameter {parameter}: longer than {PUBLIC_ID_LIMIT} characters"
        )));
    }
    if let Some(c) = id.chars().find(|c| PUBLIC_ID_FORBIDDEN.contains(c) || c.is_control()) {
        return refuse(format!("it may not hold {}", c.escape_default()));
    }
    if id.trim() != id || id.is_empty() {
        return refuse("it may not begin or end with a space".into());
    }
    if id.split('/').any(|piece| piece.is_empty() || piece == "." || piece == "..") {
        return refuse("it may not hold an empty piece, `.` or `..`".into());
    }
    let (folders, _) = id.rsplit_once('/').unwrap_or_default();
    let is_version = |piece: &str| {
        piece.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    if let Some(piece) = folders.split('/').find(|piece| is_version(piece)) {
        return refuse(format!("the folder {piece} reads as a version"));
    }
    Ok(())
}

/// A folder as it is kept, without slashes around it.
pub fn clean_folder(name: &str, folder: &str) -> Result<String, ApiError> {
    let folder = folder.trim_matches('/');
    if folder.is_empty() {
        return Ok(String::new());
    }
    if folder.chars().count() > PUBLIC_ID_LIMIT {
        return Err(ApiError::invalid(format!(
            "Invalid value for parameter {name}: longer than {PUBLIC_ID_LIMIT} characters"
        )));
    }
    let is_bad = folder.split('/').any(|piece| piece.trim().is_empty() || piece == "." || piece == "..")
        || folder.chars().any(|c| PUBLIC_ID_FORBIDDEN.contains(&c) || c.is_control());
    if is_bad {
        return Err(ApiError::invalid(format!("Invalid value {folder} for parameter {name}")));
    }
    Ok(folder.to_owned())
}

fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[rng.random_range(0..36)])).collect()
}

/// Refuses a format that the upload does not allow.
pub fn check_format(resolved: &ResolvedUpload, format: &str) -> Result<(), ApiError> {
    let allowed = &resolved.allowed_formats;
    let is_allowed = allowed.is_empty()
        || allowed.iter().any(|name| {
            let canonical = transform::source::Format::from_name(name).map_or(name.as_str(), |known| known.name());
            canonical.eq_ignore_ascii_case(format)
        });
    if is_allowed {
        return Ok(());
    }
    let kind = match resolved.name.resource_type {
        ResourceType::Image => "Image",
        ResourceType::Video => "Video",
        ResourceType::Raw => "Raw",
    };
    Err(ApiError::new(ErrorCode::InvalidFile, format!("{kind} file format {format} not allowed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_that_urls_cannot_carry_are_refused() {
        for id in ["cats/tom", "a b", "ümläut", "w_300", "v1", "v12x/a"] {
            assert!(check_public_id("public_id", id).is_ok(), "{id}");
        }
        for id in ["", " a", "a ", "a?b", "a//b", "../a", "a/..", "v12/a", "a%20b", "a\u{7}"] {
            assert!(check_public_id("public_id", id).is_err(), "{id}");
        }
        assert!(check_public_id("public_id", &"x".repeat(256)).is_err());
    }

    #[test]
    fn parameters_that_are_not_built_are_refused_by_name_unless_at_their_default() {
        for text in ["ocr=0", "faces=false", "unknown=1", "invalidate=1"] {
            assert!(refuse_not_built(&Params::from_urlencoded(text)).is_ok(), "{text}");
        }
        let refused = refuse_not_built(&Params::from_urlencoded("ocr=adv_ocr")).unwrap_err();
        assert!(refused.message().contains("ocr"), "{refused}");
    }

    #[test]
    fn kinds_are_told_by_bytes() {
        let mp4 = b"\0\0\0\x20ftypisom\0\0\0\0";
        let avif = b"\0\0\0\x20ftypavif\0\0\0\0";
        assert_eq!(resource_type("auto", mp4).unwrap(), ResourceType::Video);
        assert_eq!(resource_type("auto", avif).unwrap(), ResourceType::Image);
        assert_eq!(resource_type("auto", b"hello").unwrap(), ResourceType::Raw);
        assert_eq!(resource_type("auto", &[0xff, 0xd8, 0xff, 0xe0]).unwrap(), ResourceType::Image);
    }
}
