//! What the administrators of a product environment set.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::signature::Algorithm;

/// How folders and public ids relate in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderMode {
    /// The folder is part of the public id.
    Fixed,
    /// Folders are independent of public ids.
    Dynamic,
}

impl FolderMode {
    /// Its name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Dynamic => "dynamic",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fixed, Self::Dynamic].into_iter().find(|mode| mode.name() == name)
    }
}

/// Settings that are kept and have no effect yet.
pub const WITHOUT_EFFECT: [&str; 1] = ["backup"];

/// What the administrators of an environment set. What is absent was never set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EnvironmentSettings {
    /// Hosts that remote files may come from, with all below them; `*.example.com` is only what lies below. All when empty.
    #[schema(example = json!(["example.com", "*.media.example"]))]
    pub allowed_fetch_domains: Vec<String>,
    /// What needs a signature although it is open by itself: the delivery type `fetch`, and the formats `pdf` and `zip`.
    #[schema(example = json!(["pdf", "zip"]))]
    pub restricted_types: Vec<String>,
    /// Kinds of assets of which strangers get only those transformations that are allowed, or were made before: `image`.
    #[schema(example = json!(["image"]))]
    pub strict_transformations: Vec<String>,
    /// Hosts whose pages may ask for any transformation all the same.
    #[schema(example = json!(["www.example.com"]))]
    pub strict_referral_domains: Vec<String>,
    /// Hosts whose pages may show what is delivered. All when empty.
    #[schema(example = json!(["example.com"]))]
    pub referral_domains: Vec<String>,
    /// Whether what is asked for from no page at all is refused, too, where pages are restricted.
    #[schema(example = false)]
    pub refuse_empty_referrer: bool,
    /// Who is told of everything that happens, beside the triggers.
    #[schema(example = "https://www.example.com/hooks/media")]
    pub notification_url: Option<String>,
    /// The preset of signed uploads of images that name none.
    #[schema(example = "pictures")]
    pub default_image_preset: Option<String>,
    /// The preset of signed uploads of raw files that name none.
    #[schema(example = "documents")]
    pub default_raw_preset: Option<String>,
    /// The preset of signed uploads of videos that name none.
    #[schema(example = "films")]
    pub default_video_preset: Option<String>,
    /// The quality of images whose transformation says none, as behind `q_`.
    #[schema(example = "auto:eco")]
    pub default_image_quality: Option<String>,
    /// The one digest that signs calls, results and notifications. Either signs calls when absent, and SHA-1 the others.
    #[schema(value_type = Option<String>, example = "sha256")]
    pub api_signature_algorithm: Option<Algorithm>,
    /// The one digest that signs delivery URLs; either when absent.
    #[schema(value_type = Option<String>, example = "sha1")]
    pub url_signature_algorithm: Option<Algorithm>,
    /// The largest file that is taken, in bytes, where the plan allows more.
    #[schema(example = 10485760)]
    pub max_upload_bytes: Option<u64>,
    /// The largest picture that is taken, in pixels of all frames, where the plan allows more.
    #[schema(example = 25000000)]
    pub max_image_pixels: Option<u64>,
    /// How many calls of the Admin API may be made in an hour, where the plan allows more.
    #[schema(example = 5000)]
    pub max_admin_calls_per_hour: Option<u32>,
    /// Whether old versions are kept where a call does not say.
    #[schema(example = false)]
    pub backup: bool,
}

/// All settings of a product environment, those that were never set at their defaults.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingsView {
    /// `dynamic`: folders are independent of public ids; or `fixed`: the folder is part of the public id.
    #[schema(example = "dynamic")]
    pub folder_mode: &'static str,
    /// The others.
    #[serde(flatten)]
    pub settings: EnvironmentSettings,
    /// Settings that are kept and have no effect yet.
    #[schema(example = json!(["backup"]))]
    pub without_effect: [&'static str; WITHOUT_EFFECT.len()],
}

impl SettingsView {
    /// Shows settings.
    pub fn new(folder_mode: FolderMode, settings: EnvironmentSettings) -> Self {
        Self { folder_mode: folder_mode.name(), settings, without_effect: WITHOUT_EFFECT }
    }
}
