//! System policies and system roles as data. Their ids and areas are the vendor's; their texts are ours, in Cedar, and compile by
//! the one compiler.

use std::{collections::HashMap, sync::OnceLock};

use super::cedar::{Statement, compile};

/// When the system's own policies and roles were made, in seconds since 1970: 23 November 2026.
pub(crate) const SYSTEM_SINCE: i64 = 1_795_392_000;
/// What stands in the text of a policy for the folder that an assignment names.
pub(crate) const FOLDER_PLACEHOLDER: &str = "<folder_id>";
/// The parameter that an assignment of a folder's role needs.
pub(crate) const FOLDER_PARAMETER: &str = "folder_id";
/// The role of an access key, at its product environment, until somebody changes its roles.
pub(crate) const ENVIRONMENT_MASTER: &str = "cld::role::prodenv::master_admin";
/// The role of a provisioning key until somebody changes its roles.
pub(crate) const ACCOUNT_MASTER: &str = "cld::role::account::master_admin";
/// What begins the id of everything that is the system's own.
pub(crate) const SYSTEM_PREFIX: &str = "cld::";

/// Where permissions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeType {
    /// In the account as a whole.
    Account,
    /// In one or all product environments.
    Environment,
}

impl ScopeType {
    /// The name on the wire and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Environment => "prodenv",
        }
    }

    /// The scope of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Account, Self::Environment].into_iter().find(|scope| scope.name() == name)
    }
}

/// What permissions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PermissionType {
    /// Everything in the scope.
    Global,
    /// One folder, named when a role is assigned.
    Content,
}

impl PermissionType {
    /// The name on the wire and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Content => "content",
        }
    }

    /// The type of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Global, Self::Content].into_iter().find(|kind| kind.name() == name)
    }
}

/// A policy of the system.
#[derive(Debug)]
pub(crate) struct SystemPolicy {
    /// Its id, as in `cld::policy::global::api_keys::view`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Where the console lists it.
    pub category: &'static str,
    /// The same, one level down.
    pub sub_category: &'static str,
    /// Global or of a folder.
    pub permission_type: PermissionType,
    /// Of the account or of product environments.
    pub scope_type: ScopeType,
    /// The text, in Cedar; a content policy holds [`FOLDER_PLACEHOLDER`].
    pub statement: &'static str,
}

impl SystemPolicy {
    /// The parameters that its text has.
    pub(crate) fn parameters(&self) -> &'static [&'static str] {
        match self.permission_type {
            PermissionType::Global => &[],
            PermissionType::Content => &[FOLDER_PARAMETER],
        }
    }

    /// The compiled text; a test compiles them all.
    pub(crate) fn statements(&self) -> &'static [Statement] {
        static COMPILED: OnceLock<HashMap<&'static str, Vec<Statement>>> = OnceLock::new();
        let compiled = COMPILED.get_or_init(|| {
            SYSTEM_POLICIES.iter().filter_map(|policy| Some((policy.id, compile(policy.statement).ok()?))).collect()
        });
        compiled.get(self.id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A role of the system.
#[derive(Debug)]
pub(crate) struct SystemRole {
    /// Its id, as in `cld::role::prodenv::reports`.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Global or of a folder.
    pub permission_type: PermissionType,
    /// Of the account or of product environments.
    pub scope_type: ScopeType,
    /// The ids of its policies.
    pub policies: &'static [&'static str],
}

/// The policy of that id.
pub(crate) fn policy(id: &str) -> Option<&'static SystemPolicy> {
    SYSTEM_POLICIES.iter().find(|policy| policy.id == id)
}

/// The role of that id.
pub(crate) fn role(id: &str) -> Option<&'static SystemRole> {
    SYSTEM_ROLES.iter().find(|role| role.id == id)
}

macro_rules! policies {
    ($($scope:ident $kind:ident $id:literal $name:literal $description:literal in $category:literal / $sub:literal: $($text:literal)+;)*) => {
        /// All policies of the system, in the order in which they are listed.
        pub(crate) const SYSTEM_POLICIES: &[SystemPolicy] = &[$(SystemPolicy {
            id: $id,
            name: $name,
            description: $description,
            category: $category,
            sub_category: $sub,
            permission_type: PermissionType::$kind,
            scope_type: ScopeType::$scope,
            statement: concat!($($text),+),
        },)*];
    };
}

policies! {
    Account Global "cld::policy::global::account::all" "Administer the account"
        "Everything that can be done in the account, roles and permissions among it." in "Settings" / "Account":
        "permit(principal, action, resource);";
    Account Global "cld::policy::global::users_and_groups::view" "View users and groups"
        "View users and groups of the account." in "Settings" / "User Management":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::User);"# "\n"
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Group);"#;
    Account Global "cld::policy::global::users_and_groups::manage" "Manage users and groups"
        "View, add, and remove users and groups in the account, and manage group memberships." in "Settings" / "User Management":
        "permit(principal, action, resource is Cloudinary::User);\n"
        "permit(principal, action, resource is Cloudinary::Group);\n"
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::users::view");"# "\n"
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::groups::view");"#;
    Account Global "cld::policy::global::roles::view" "View roles and permissions"
        "View roles, policies and who has them." in "Settings" / "User Management":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::roles::view");"#;
    Account Global "cld::policy::global::roles::manage" "Manage roles and permissions"
        "View, create, modify and delete roles and policies, and assign them." in "Settings" / "User Management":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::roles::manage");"#;
    Account Global "cld::policy::global::product_environments::view" "View product environments"
        "View the product environments of the account." in "Settings" / "Product Environments":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::ProductEnvironment);"#;
    Account Global "cld::policy::global::product_environments::manage" "Manage product environments"
        "View, create, modify and delete the product environments of the account." in "Settings" / "Product Environments":
        "permit(principal, action, resource is Cloudinary::ProductEnvironment);";
    Account Global "cld::policy::global::account_api_keys::manage" "Manage access keys"
        "View, create, modify and delete the access keys of all product environments." in "Settings" / "Product Environments":
        "permit(principal, action, resource is Cloudinary::APIKey);";
    Account Global "cld::policy::global::account_security::manage" "Manage account security settings"
        "Define account-wide security settings related to authentication, access control, and user privacy." in "Settings" / "Account Security":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::account::view");"# "\n"
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::account::update");"# "\n"
        "permit(principal, action, resource is Cloudinary::Account);";
    Account Global "cld::policy::global::account_reports::view" "View account reports"
        "View what the account used and is billed." in "Reports" / "Account":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Report) when { resource.type == "account_usage" };"#;
    Environment Global "cld::policy::global::prodenv::all" "Administer the product environment"
        "Everything that can be done in the product environment." in "Settings" / "Product Environment":
        "permit(principal, action, resource);";
    Environment Global "cld::policy::global::prodenv::view" "View the product environment"
        "View the settings of the product environment, and whether it answers." in "Settings" / "Product Environment":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::ProductEnvironment);"#;
    Environment Global "cld::policy::global::ml::access" "Access the Media Library"
        "Access the Media Library within the Console." in "Management" / "General operations":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::ml::access");"#;
    Environment Global "cld::policy::global::api_keys::view" "View API keys"
        "View the access keys of the product environment." in "Settings" / "API Keys":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::api_keys::view");"#;
    Environment Global "cld::policy::global::api_keys::manage" "Manage API keys"
        "View, create, modify and delete the access keys of the product environment." in "Settings" / "API Keys":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::api_keys::manage");"#;
    Environment Global "cld::policy::global::upload_presets::view" "View upload settings"
        "View upload settings, such as upload presets and upload mappings." in "Settings" / "Upload Settings":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::upload_settings::access");"#;
    Environment Global "cld::policy::global::upload_presets::manage" "Manage upload settings"
        "View, create, modify, or delete upload settings, such as upload presets, upload mappings, and upload defaults." in "Settings" / "Upload Settings":
        "permit(principal, action, resource is Cloudinary::UploadPreset);\n"
        "permit(principal, action, resource is Cloudinary::UploadMapping);\n"
        r#"permit(principal, action == Cloudinary::Action::"update_settings", resource is Cloudinary::ProductEnvironment);"# "\n"
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::upload_settings::manage");"# "\n"
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::upload_settings::access");"#;
    Environment Global "cld::policy::global::transformations::view" "View transformations"
        "View named transformations and streaming profiles." in "Settings" / "Transformations":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::transformations::view");"#;
    Environment Global "cld::policy::global::transformations::manage" "Manage transformations"
        "View, create, modify and delete named transformations and streaming profiles." in "Settings" / "Transformations":
        "permit(principal, action, resource is Cloudinary::Transformation);\n"
        "permit(principal, action, resource is Cloudinary::StreamingProfile);";
    Environment Global "cld::policy::global::metadata::manage" "Manage structured metadata"
        "View, create, modify and delete metadata fields and their rules." in "Settings" / "Structured Metadata":
        "permit(principal, action, resource is Cloudinary::MetadataField);";
    Environment Global "cld::policy::global::webhooks::manage" "Manage notifications"
        "View, create, modify and delete where notifications are sent." in "Settings" / "Webhook Notifications":
        "permit(principal, action, resource is Cloudinary::Trigger);";
    Environment Global "cld::policy::global::folder_and_asset_management::view" "View all folders and assets"
        "View and download all assets in all folders." in "Management" / "Folder and asset management":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Folder);"# "\n"
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Asset);"#;
    Environment Global "cld::policy::global::folder_and_asset_management::create_asset" "Upload assets"
        "Upload assets to any folder, including the root, without requiring specific folder permissions." in "Management" / "Folder and asset management":
        r#"permit(principal, action in [Cloudinary::Action::"create"], resource is Cloudinary::Asset);"#;
    Environment Global "cld::policy::global::folder_and_asset_management::create_folder" "Create folders"
        "Create folders anywhere." in "Management" / "Folder and asset management":
        r#"permit(principal, action == Cloudinary::Action::"create", resource is Cloudinary::Folder);"#;
    Environment Global "cld::policy::global::folder_and_asset_management::manage" "Manage all folders and assets"
        "View, upload, change, move and delete all assets and folders." in "Management" / "Folder and asset management":
        "permit(principal, action, resource is Cloudinary::Folder);\n"
        "permit(principal, action, resource is Cloudinary::Asset);";
    Environment Global "cld::policy::global::assets::moderate" "Moderate all assets"
        "Approve and reject all assets in moderation." in "Management" / "Moderation":
        r#"permit(principal, action == Cloudinary::Action::"moderate", resource is Cloudinary::Asset);"#;
    Environment Global "cld::policy::global::reports::usage::view" "View usage reports"
        "View what the product environment used." in "Reports" / "Usage":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::reports::usage::view");"# "\n"
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Report) when { resource.type == "env_usage" };"#;
    Environment Global "cld::policy::global::reports::delivery::view" "View delivery reports"
        "View reports on what was delivered." in "Reports" / "Delivery":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::reports::delivery::view");"# "\n"
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Report) when { resource.type == "delivery" };"#;
    Environment Global "cld::policy::global::reports::errors::view" "View error reports"
        "View reports on errors." in "Reports" / "Errors":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::reports::errors::view");"#;
    Environment Global "cld::policy::global::reports::video::view" "View video analytics"
        "View how videos were watched." in "Reports" / "Video":
        r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::reports::video::view");"#;
    Environment Content "cld::policy::content::folder::view_download" "View all assets"
        "View all assets in the folder and its nested subfolders." in "Folder" / "View and download":
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Folder) when { resource.ancestor_ids.contains("<folder_id>") };"# "\n"
        r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::download_public_assets" "Download public assets"
        "Download the assets of the folder." in "Folder" / "View and download":
        r#"permit(principal, action == Cloudinary::Action::"download", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::add_assets" "Add assets"
        "Add assets to the folder by uploading new files." in "Folder" / "Contribute":
        r#"permit(principal, action == Cloudinary::Action::"create", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::edit_assets" "Edit assets"
        "Change the assets of the folder, their tags and their metadata." in "Folder" / "Edit":
        r#"permit(principal, action in [Cloudinary::Action::"update", Cloudinary::Action::"move"], resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::delete_assets" "Delete assets"
        "Delete assets of the folder." in "Folder" / "Manage":
        r#"permit(principal, action == Cloudinary::Action::"delete", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::create_subfolders" "Create subfolders"
        "Create folders in the folder." in "Folder" / "Contribute":
        r#"permit(principal, action == Cloudinary::Action::"create", resource is Cloudinary::Folder) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    Environment Content "cld::policy::content::folder::manage_folder" "Manage the folder"
        "Rename, move, share and delete the folder and its subfolders." in "Folder" / "Manage":
        r#"permit(principal, action in [Cloudinary::Action::"update", Cloudinary::Action::"move", Cloudinary::Action::"delete", Cloudinary::Action::"share"], resource is Cloudinary::Folder) when { resource.ancestor_ids.contains("<folder_id>") };"#;
}

const VIEW_DOWNLOAD: &str = "cld::policy::content::folder::view_download";
const DOWNLOAD: &str = "cld::policy::content::folder::download_public_assets";
const ADD: &str = "cld::policy::content::folder::add_assets";
const SUBFOLDERS: &str = "cld::policy::content::folder::create_subfolders";
const EDIT: &str = "cld::policy::content::folder::edit_assets";

const fn of(
    scope_type: ScopeType,
    permission_type: PermissionType,
    id: &'static str,
    name: &'static str,
    description: &'static str,
    policies: &'static [&'static str],
) -> SystemRole {
    SystemRole { id, name, description, permission_type, scope_type, policies }
}

/// All roles of the system, in the order in which they are listed.
pub(crate) const SYSTEM_ROLES: &[SystemRole] = &[
    of(
        ScopeType::Account,
        PermissionType::Global,
        ACCOUNT_MASTER,
        "Master Admin",
        "Manage all account-level settings and features.",
        &["cld::policy::global::account::all"],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::admin",
        "Admin",
        "Manage roles, users, and groups, and the product environments of the account.",
        &[
            "cld::policy::global::users_and_groups::manage",
            "cld::policy::global::roles::manage",
            "cld::policy::global::product_environments::manage",
            "cld::policy::global::account_api_keys::manage",
        ],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::billing",
        "Billing",
        "View what is used and billed.",
        &["cld::policy::global::account_reports::view", "cld::policy::global::product_environments::view"],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::technical_admin",
        "Technical Admin",
        "Manage product environments and their access keys.",
        &["cld::policy::global::product_environments::manage", "cld::policy::global::account_api_keys::manage"],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::reports",
        "Reports",
        "View account reports.",
        &["cld::policy::global::account_reports::view"],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::media_library_admin",
        "Media Library Admin",
        "See the product environments of the account; what may be done in them is assigned there.",
        &["cld::policy::global::product_environments::view"],
    ),
    of(
        ScopeType::Account,
        PermissionType::Global,
        "cld::role::account::media_library_user",
        "Media Library User",
        "Nothing in the account; what may be done in product environments is assigned there.",
        &[],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Global,
        ENVIRONMENT_MASTER,
        "Master Admin",
        "Fully manage the product environment, including settings, product features, dashboards, and reports.",
        &["cld::policy::global::prodenv::all"],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Global,
        "cld::role::prodenv::technical_admin",
        "Technical Admin",
        "Manage the settings and the access keys of the product environment.",
        &[
            "cld::policy::global::prodenv::view",
            "cld::policy::global::api_keys::manage",
            "cld::policy::global::upload_presets::manage",
            "cld::policy::global::transformations::manage",
            "cld::policy::global::metadata::manage",
            "cld::policy::global::webhooks::manage",
            "cld::policy::global::reports::usage::view",
        ],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Global,
        "cld::role::prodenv::ml_admin",
        "Media Library Admin",
        "Manage all folders and assets of the product environment.",
        &[
            "cld::policy::global::prodenv::view",
            "cld::policy::global::ml::access",
            "cld::policy::global::folder_and_asset_management::manage",
            "cld::policy::global::assets::moderate",
            "cld::policy::global::metadata::manage",
            "cld::policy::global::transformations::view",
            "cld::policy::global::upload_presets::view",
        ],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Global,
        "cld::role::prodenv::ml_user",
        "Media Library User",
        "Access specific folders according to assigned permissions.",
        &["cld::policy::global::prodenv::view", "cld::policy::global::ml::access"],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Global,
        "cld::role::prodenv::reports",
        "Reports",
        "View product environment reports and usage metrics.",
        &[
            "cld::policy::global::prodenv::view",
            "cld::policy::global::reports::usage::view",
            "cld::policy::global::reports::delivery::view",
            "cld::policy::global::reports::errors::view",
            "cld::policy::global::reports::video::view",
        ],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Content,
        "cld::role::folder::viewer",
        "Viewer",
        "View and download the assets of the folder.",
        &[VIEW_DOWNLOAD, DOWNLOAD],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Content,
        "cld::role::folder::contributor",
        "Contributor",
        "View the folder, add assets to it and make folders in it.",
        &[VIEW_DOWNLOAD, DOWNLOAD, ADD, SUBFOLDERS],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Content,
        "cld::role::folder::editor",
        "Editor",
        "View the folder, add assets to it and change them.",
        &[VIEW_DOWNLOAD, DOWNLOAD, ADD, SUBFOLDERS, EDIT],
    ),
    of(
        ScopeType::Environment,
        PermissionType::Content,
        "cld::role::folder::manager",
        "Manager",
        "Everything in the folder, deleting and sharing among it.",
        &[
            VIEW_DOWNLOAD,
            DOWNLOAD,
            ADD,
            SUBFOLDERS,
            EDIT,
            "cld::policy::content::folder::delete_assets",
            "cld::policy::content::folder::manage_folder",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use plane_kit::{operations::operations, policy::Effect};

    use super::{super::cedar::check, *};

    /// Policies that concern only the console: they permit no operation here.
    const OF_THE_CONSOLE: [&str; 5] = [
        "cld::policy::global::account_security::manage",
        "cld::policy::global::ml::access",
        "cld::policy::global::assets::moderate",
        "cld::policy::global::reports::delivery::view",
        "cld::policy::global::reports::errors::view",
    ];

    #[test]
    fn every_policy_compiles_and_covers_something() {
        for policy in SYSTEM_POLICIES {
            let statements = check(policy.statement).unwrap_or_else(|wrong| panic!("{}: {wrong}", policy.id));
            assert_eq!(policy.statements(), statements);
            let grants: Vec<_> = statements.iter().flat_map(|statement| &statement.grants).collect();
            let covers = grants.iter().any(|grant| {
                let line = grant.line("role", Effect::Allow, &[]);
                operations().iter().any(|operation| line.covers(operation))
            });
            assert_eq!(covers, !OF_THE_CONSOLE.contains(&policy.id), "{}", policy.id);
            assert!(statements.iter().all(|statement| statement.effect == Effect::Allow), "{} forbids", policy.id);
            let is_of_a_folder = grants.iter().any(|grant| grant.folder.as_deref() == Some(FOLDER_PLACEHOLDER));
            assert_eq!(is_of_a_folder, policy.permission_type == PermissionType::Content, "{}", policy.id);
        }
    }

    #[test]
    fn roles_are_made_of_policies_of_their_own_scope_and_type() {
        for role in SYSTEM_ROLES {
            for id in role.policies {
                let policy = policy(id).unwrap_or_else(|| panic!("{}: there is no {id}", role.id));
                assert_eq!(
                    (policy.scope_type, policy.permission_type),
                    (role.scope_type, role.permission_type),
                    "{} {id}",
                    role.id
                );
            }
        }
    }

    #[test]
    fn every_role_of_a_user_is_a_role_of_the_account() {
        for name in crate::roles::AccountRole::ALL.map(crate::roles::AccountRole::name) {
            assert!(role(&format!("cld::role::account::{name}")).is_some(), "{name}");
        }
    }
}
