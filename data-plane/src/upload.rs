//! The Upload API.
//!
//! ```text
//! raw body → UploadForm → AuthorizedUpload → ResolvedUpload → Staged → Probed → CommittedAsset
//! ```
//!
//! The credentials are in the form, so the first argument of these handlers is [`CredentialsInBody`], and all it leads to is an
//! [`authorize::AuthorizedUpload`] or a refusal.

pub mod ahead;
pub mod authorize;
pub mod calls;
pub mod changes;
pub mod chunks;
pub mod commands;
pub mod context;
pub mod delete_token;
pub mod destroy;
pub mod download;
pub mod explicit;
pub mod form;
pub mod handlers;
pub mod incoming;
pub mod keep;
pub mod later;
pub mod parameters;
pub mod redirect;
pub mod remote;
pub mod stage;
pub mod store;
pub mod trust;

use plane_kit::http::access::Reason;

/// Signed and unsigned uploads carry their credentials among the form's fields.
pub struct CredentialsInBody;

impl Reason for CredentialsInBody {
    const NAME: &'static str = "credentials_in_body";
    const WHY: &'static str =
        "The credentials are fields of the form; reading it yields an authorised call or a refusal and nothing else.";
}
