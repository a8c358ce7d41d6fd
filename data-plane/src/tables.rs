//! The rows of a regional database.

#![allow(missing_docs, reason = "the columns are described by the rooms that own them")]

macro_rules! table {
    ($(#[$doc:meta])* $module:ident, $table:literal { $($body:tt)* }) => {
        $(#[$doc])*
        pub mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($body)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

table! {
    /// The highest version that a name ever had; outlives the asset.
    asset_names, "asset_names" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub resource_type: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub delivery_type: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub public_id: String,
        pub last_version: i64,
    }
}

table! {
    /// An asset under its name, pointing at its current version.
    assets, "assets" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub resource_type: String,
        pub delivery_type: String,
        pub public_id: String,
        pub display_name: String,
        pub asset_folder: String,
        pub original_filename: String,
        pub version_id: Uuid,
        pub tags: Json,
        pub context: Json,
        pub metadata: Json,
        pub moderation_kind: Option<String>,
        pub moderation_status: Option<String>,
        pub moderation_updated_at: Option<DateTimeUtc>,
        pub coordinates: Json,
        pub access: Json,
        pub backup: bool,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A field of structured metadata.
    metadata_fields, "metadata_fields" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub external_id: String,
        pub definition: Json,
        pub position: i32,
        pub created_at: DateTimeUtc,
        pub deleted_at: Option<DateTimeUtc>,
    }
}

table! {
    /// A rule of structured metadata.
    metadata_rules, "metadata_rules" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub external_id: String,
        pub definition: Json,
        pub position: i32,
        pub created_at: DateTimeUtc,
        pub deleted_at: Option<DateTimeUtc>,
    }
}

table! {
    /// One direction of a relation between two assets.
    related_assets, "related_assets" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub related_id: Uuid,
        pub environment_id: Uuid,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A tag of an asset, to find it by.
    asset_tags, "asset_tags" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag: String,
        pub environment_id: Uuid,
        pub resource_type: String,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A pair of an asset's context, to find it by.
    asset_context, "asset_context" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        #[sea_orm(column_type = "Text")]
        pub value: String,
        pub value_start: String,
        pub environment_id: Uuid,
        pub resource_type: String,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// An upload that arrives in chunks.
    chunked_uploads, "chunked_uploads" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub subject: String,
        pub client_id: String,
        pub public_id: String,
        pub said_id: Option<String>,
        pub said: String,
        pub by_part: bool,
        pub total: Option<i64>,
        pub version_id: Option<Uuid>,
        pub touched_at: DateTimeUtc,
    }
}

table! {
    /// A chunk of an upload; its id names its object.
    upload_chunks, "upload_chunks" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub upload_id: Uuid,
        pub position: i64,
        pub bytes: i64,
        pub sha256: String,
    }
}

table! {
    /// A folder whose assets are fetched from elsewhere when they are first asked for.
    upload_mappings, "upload_mappings" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub folder: String,
        #[sea_orm(column_type = "Text")]
        pub template: String,
        pub external_id: Uuid,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// The remote file that a fetched asset is a copy of.
    fetched_sources, "fetched_sources" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub asset_id: Uuid,
        pub environment_id: Uuid,
        #[sea_orm(column_type = "Text", nullable)]
        pub etag: Option<String>,
        #[sea_orm(column_type = "Text", nullable)]
        pub last_modified: Option<String>,
        pub checked_at: DateTimeUtc,
        pub times_missing: i32,
    }
}

table! {
    /// Stored bytes and what is known of them.
    asset_versions, "asset_versions" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub asset_id: Uuid,
        pub version: i64,
        pub format: String,
        pub bytes: i64,
        pub md5: String,
        /// Empty: nothing ever asked for it. The column stays while nodes may run that write it.
        pub sha256: String,
        pub source: Option<Json>,
        pub media: Option<Json>,
        pub origin: String,
        pub epoch: i64,
        pub uploaded_at: DateTimeUtc,
    }
}

table! {
    /// A made picture.
    renditions, "renditions" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub environment_id: Uuid,
        pub version_id: Uuid,
        pub format: String,
        pub width: i64,
        pub height: i64,
        pub bytes: i64,
        pub generation: i32,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// One spelling under which a rendition was asked for.
    derived_assets, "derived_assets" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub version_id: Uuid,
        pub rendition_key: String,
        pub transformation: String,
        pub extension: String,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A transformation that has a name, or that something was made by.
    transformations, "transformations" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub is_named: bool,
        pub definition: Option<String>,
        pub allowed_for_strict: bool,
        pub deliveries: i64,
        pub created_at: DateTimeUtc,
        pub last_used_at: Option<DateTimeUtc>,
    }
}

table! {
    /// A streaming profile of an environment's own, or what it has in the place of a predefined one.
    streaming_profiles, "streaming_profiles" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub display_name: Option<String>,
        pub representations: Json,
        pub external_id: Uuid,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// How many calls of the Admin API are claimed in an hour.
    admin_calls, "admin_calls" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        pub hour: DateTimeUtc,
        pub calls: i64,
    }
}

table! {
    /// A folder that assets were put into.
    folders, "folders" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub path: String,
        pub external_id: Option<Uuid>,
        pub parent: Option<String>,
        pub name: Option<String>,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A named set of upload parameters.
    upload_presets, "upload_presets" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub external_id: Option<Uuid>,
        pub unsigned: bool,
        pub settings: Json,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// Usage records that are not in the ledger yet.
    usage_outbox, "usage_outbox" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub natural_key: String,
        pub at: DateTimeUtc,
        pub record: String,
    }
}

table! {
    /// Usage records that the ledger refused, kept for whoever looks into it.
    usage_set_aside, "usage_set_aside" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub natural_key: String,
        pub record: String,
        pub reason: String,
        pub refused_at: DateTimeUtc,
    }
}

table! {
    /// Closed windows that the ledger does not know yet.
    window_outbox, "window_outbox" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub node: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub boot: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub idx: i64,
        pub opened_at: DateTimeUtc,
        pub closed_at: DateTimeUtc,
        pub is_last: bool,
    }
}

table! {
    /// Audit and call records that the control plane does not know yet.
    audit_outbox, "audit_outbox" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub at: DateTimeUtc,
        pub record: String,
    }
}

table! {
    /// Audit and call records that the control plane refused, kept for whoever looks into it.
    audit_set_aside, "audit_set_aside" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub record: String,
        pub reason: String,
        pub refused_at: DateTimeUtc,
    }
}

table! {
    /// The last good snapshot of each tenant.
    tenant_snapshots, "tenant_snapshots" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: Uuid,
        pub seq: i64,
        pub version: i64,
        pub payload: String,
        pub signature: String,
    }
}

table! {
    /// Something that is carried out later; given up when it is never due.
    jobs, "jobs" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub lane: String,
        pub kind: String,
        #[sea_orm(column_type = "Text")]
        pub payload: String,
        pub attempts: i32,
        pub losses: i32,
        pub due_at: Option<DateTimeUtc>,
        pub lease: Option<Uuid>,
        pub node: Option<Uuid>,
        #[sea_orm(column_type = "Text", nullable)]
        pub error: Option<String>,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// What is to be told, or was, and how that went.
    notifications, "notifications" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub event_type: String,
        #[sea_orm(column_type = "Text")]
        pub uri: String,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub request_id: String,
        pub batch_id: Option<String>,
        pub attempts: i32,
        pub last_status: Option<i32>,
        #[sea_orm(column_type = "Text", nullable)]
        pub last_error: Option<String>,
        pub last_attempt_at: Option<DateTimeUtc>,
        pub delivered_at: Option<DateTimeUtc>,
        pub given_up_at: Option<DateTimeUtc>,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// A notification that waits until somebody asks for it.
    poll_messages, "poll_messages" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub channel: String,
        pub batch_id: Option<String>,
        #[sea_orm(column_type = "Text")]
        pub body: String,
        pub receipt: Option<Uuid>,
        pub visible_at: DateTimeUtc,
        pub created_at: DateTimeUtc,
    }
}

table! {
    /// Who wants to be told of what.
    triggers, "triggers" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub environment_id: Uuid,
        pub event_type: String,
        pub uri_type: String,
        pub uri: String,
        pub created_at: DateTimeUtc,
        pub updated_at: DateTimeUtc,
    }
}

table! {
    /// What a version of a picture shows.
    asset_analyses, "asset_analyses" {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version_id: Uuid,
        pub environment_id: Uuid,
        pub facts: Json,
    }
}
