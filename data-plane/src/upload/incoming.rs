//! Incoming transformations: what is stored is what they make of the file.

use bytes::Bytes;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::params::{Params, invalid_value},
    ids::VersionId,
};
use serde_json::json;
use transform::{
    hints::ClientHints,
    source::{Format, SourceMeta},
};

use super::{keep, stage::Staged};
use crate::{
    DataPlane,
    assets::said::Said,
    delivery::{
        measure::FileOf,
        prepare::{Prepared, Wish, of_version},
    },
    render::{RenderError, SourceFile},
    tenants::Tenant,
    transformations::stored::StoredTransformation,
};

/// How many frames of an animation, or pages, a file may have that is changed before it is stored.
const FRAMES: u32 = 1000;

/// What is made of a file before it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    item: StoredTransformation,
    /// Whether it is said what format comes out of it.
    pub converts: bool,
}

impl Incoming {
    /// Reads `transformation` and `format`. Nothing where neither is said.
    pub fn read(params: &Params) -> Result<Option<Self>, ApiError> {
        let format = params.text("format")?.filter(|format| !format.is_empty());
        if let Some(format) = &format
            && Format::from_name(format).is_none()
        {
            return Err(invalid_value("format", &json!(format)));
        }
        let chain = params.text("transformation")?.filter(|chain| !chain.is_empty());
        let item = match (&chain, &format) {
            (None, None) => return Ok(None),
            (Some(chain), None) => StoredTransformation::parse("transformation", chain)?,
            (chain, Some(format)) => {
                let chain = chain.as_deref().unwrap_or_default().trim_end_matches('/');
                StoredTransformation::parse("transformation", &format!("{chain}/{format}"))?
            }
        };
        if let Some(part) = item.transformation.depends_on_client() {
            let text = format!(
                "Invalid value for parameter transformation: {part} depends on who asks, and nobody has asked yet"
            );
            return Err(ApiError::new(ErrorCode::InvalidTransformation, text));
        }
        Ok(Some(Self { item, converts: format.is_some() }))
    }

    /// What becomes of a staged picture. Nothing where it stays as it is.
    pub(super) async fn of(
        &self,
        plane: &DataPlane,
        tenant: &Tenant,
        staged: &Staged,
        source: &SourceMeta,
        said: &Said,
    ) -> Result<Option<Staged>, ApiError> {
        if source.pages > FRAMES {
            let text = format!(
                "Too many frames or pages for an incoming transformation. Got {}. Maximum is {FRAMES}.",
                source.pages
            );
            return Err(ApiError::new(ErrorCode::InvalidFile, text));
        }
        let spelling = self.item.spelling(source.format.name());
        let transformation = self.item.transformation.clone();
        let expanded = plane.definitions.expand(&plane.database, tenant.id(), transformation).await?;
        let wish = Wish {
            tenant,
            // What is stored is made from again; what it loses here it has lost for good.
            default_quality: None,
            transformation: &expanded,
            spelling: &spelling,
            version: VersionId::generate(plane.clock.now()),
            epoch: 0,
            source,
            said,
            frames: FRAMES,
            file: FileOf::Staged(staged.file()),
        };
        let derived = match of_version(plane, &wish, &ClientHints::default()).await? {
            Prepared::Original => return Ok(None),
            Prepared::Derived(derived) => derived,
        };
        let file = SourceFile::from_file(staged.file()).map_err(|error| ApiError::internal(&error))?;
        let tag = tenant.id().0.as_u128().into();
        let made = plane.render.render(tag, derived.cost, derived.plan.clone(), file).await;
        let made = made.map_err(|error| match error {
            RenderError::Refused(refused) => ApiError::new(ErrorCode::InvalidTransformation, refused.message),
            error => keep::refused_file(error),
        })?;
        let mut staging = plane.scratch.begin()?;
        staging.write(&Bytes::copy_from_slice(&made.bytes))?;
        Ok(Some(staging.finish()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_formats_come_alone_and_together() {
        for (form, expected) in [
            ("transformation=w_100", Some(("w_100", false))),
            ("transformation=w_100/png", Some(("w_100/png", false))),
            ("transformation=w_100%2Fa_10&format=webp", Some(("w_100/a_10/webp", true))),
            ("format=jpg", Some(("/jpg", true))),
            ("transformation=&format=", None),
            ("", None),
        ] {
            let read = Incoming::read(&Params::from_urlencoded(form)).unwrap();
            let shown = read.map(|incoming| (incoming.item.print(), incoming.converts));
            assert_eq!(shown, expected.map(|(text, converts)| (text.to_owned(), converts)), "{form}");
        }
        for (form, part) in
            [("format=mp4", "format"), ("transformation=w_many", "width"), ("transformation=w_10%2Cf_auto", "f_auto")]
        {
            let error = Incoming::read(&Params::from_urlencoded(form)).unwrap_err();
            assert!(error.message().contains(part), "{form}: {error}");
        }
    }
}
