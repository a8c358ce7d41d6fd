//! The types of notifications.

use plane_kit::error::ApiError;

/// Every type that a trigger may name. Those without an [`Event`] never happen here yet.
pub const TYPES: [&str; 28] = [
    "all",
    "access_control_changed",
    "bulk_refresh_auto_fetch",
    "create_folder",
    "delete",
    "delete_by_token",
    "delete_folder",
    "eager",
    "error",
    "explode",
    "generate_archive",
    "info",
    "invalidate_custom_cdn",
    "moderation",
    "moderation_summary",
    "move",
    "move_or_rename_asset_folder",
    "multi",
    "publish",
    "rename",
    "report",
    "resource_context_changed",
    "resource_display_name_changed",
    "resource_metadata_changed",
    "resource_tags_changed",
    "restore_asset_version",
    "sprite",
    "upload",
];

/// What happens here and is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// An asset was uploaded or replaced.
    Upload,
    /// Eager transformations are done.
    Eager,
    /// Assets were taken away.
    Delete,
    /// An asset was taken away by its token.
    DeleteByToken,
    /// An asset has another name.
    Rename,
    /// An asset is of the delivery type `upload` now.
    Publish,
    /// Assets lie in another folder.
    Move,
    /// Tags changed.
    TagsChanged,
    /// Context changed.
    ContextChanged,
    /// Values of metadata fields changed.
    MetadataChanged,
    /// Other people may have assets.
    AccessChanged,
    /// People have said something of an asset.
    Moderation,
    /// Names shown to people changed.
    DisplayNameChanged,
    /// A folder was made.
    CreateFolder,
    /// A folder was taken away.
    DeleteFolder,
    /// A folder has another path.
    MoveFolder,
    /// Something that was to happen later did not.
    Error,
}

impl Event {
    /// All.
    pub const ALL: [Self; 17] = [
        Self::Upload,
        Self::Eager,
        Self::Delete,
        Self::DeleteByToken,
        Self::Rename,
        Self::Move,
        Self::TagsChanged,
        Self::ContextChanged,
        Self::MetadataChanged,
        Self::AccessChanged,
        Self::Publish,
        Self::Moderation,
        Self::DisplayNameChanged,
        Self::CreateFolder,
        Self::DeleteFolder,
        Self::MoveFolder,
        Self::Error,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Eager => "eager",
            Self::Delete => "delete",
            Self::DeleteByToken => "delete_by_token",
            Self::Rename => "rename",
            Self::Move => "move",
            Self::TagsChanged => "resource_tags_changed",
            Self::ContextChanged => "resource_context_changed",
            Self::MetadataChanged => "resource_metadata_changed",
            Self::AccessChanged => "access_control_changed",
            Self::Publish => "publish",
            Self::Moderation => "moderation",
            Self::DisplayNameChanged => "resource_display_name_changed",
            Self::CreateFolder => "create_folder",
            Self::DeleteFolder => "delete_folder",
            Self::MoveFolder => "move_or_rename_asset_folder",
            Self::Error => "error",
        }
    }
}

/// Reads a type that a trigger names.
pub fn check_type(text: &str) -> Result<(), ApiError> {
    if TYPES.contains(&text) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid value {text} for parameter event_type: {}", TYPES.join(", "))))
}

/// Reads the type of a new trigger. One that never happens here would wait for nothing, and is refused by name.
pub fn check_told(text: &str) -> Result<(), ApiError> {
    check_type(text)?;
    match text == "all" || Event::ALL.iter().any(|event| event.name() == text) {
        true => Ok(()),
        false => Err(ApiError::not_built(format!("The event_type {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_a_type_that_triggers_may_name() {
        for event in Event::ALL {
            assert!(check_type(event.name()).is_ok(), "{event:?}");
        }
        assert!(check_type("a").unwrap_err().message().contains("Invalid value a for parameter event_type"));
    }
}
