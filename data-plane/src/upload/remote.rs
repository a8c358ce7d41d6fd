//! Files that are fetched instead of sent: the address of one stands where its bytes would.

use percent_encoding::percent_decode_str;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::edge::RequestId,
};
use reqwest::header::HeaderMap;

use super::stage::{Staged, StagingError};
use crate::{
    DataPlane, Plane,
    delivery::inside,
    outbound::{Asker, OutboundError, Purpose, Reached, Remote},
    tenants::Tenant,
};

/// The file that an address names, staged, and what it would be called. An address of this installation is answered from inside.
pub async fn take(
    url: &str,
    plane: &DataPlane,
    tenant: &Tenant,
    request: RequestId,
) -> Result<(Staged, Option<String>), ApiError> {
    let limit = tenant.most_bytes();
    let domains = &tenant.snapshot.settings.allowed_fetch_domains;
    let asker = Asker { environment: tenant.id(), purpose: Purpose::Upload, domains };
    let reached = plane.outbound.get(url, asker, HeaderMap::new()).await.map_err(|error| error.about(url))?;
    let staged = match reached {
        Reached::Inside(path, _slot) => inside::stage(plane, tenant, &path, limit, request).await.map_err(|error| {
            // Whatever status its delivery would have: of this call the parameter is wrong, unless the fault is ours.
            let is_ours = error.code() == ErrorCode::Busy || error.code().status().is_server_error();
            let text = format!("Error in loading {url} - {}", error.message());
            if is_ours { error } else { ApiError::new(ErrorCode::InvalidFile, text) }
        })?,
        Reached::Remote(mut remote) => stage(plane, &mut remote, limit).await.map_err(|error| match error {
            NotStaged::Remote(error) => error.about(url),
            NotStaged::Ours(error) => error,
        })?,
    };
    Ok((staged, filename(url)))
}

/// Why the body of a remote answer was not staged.
#[derive(Debug)]
pub enum NotStaged {
    /// The remote side.
    Remote(OutboundError),
    /// Our own.
    Ours(ApiError),
}

impl From<OutboundError> for NotStaged {
    fn from(error: OutboundError) -> Self {
        Self::Remote(error)
    }
}

impl From<StagingError> for NotStaged {
    fn from(error: StagingError) -> Self {
        Self::Ours(error.into())
    }
}

/// Stages the body of a remote answer, up to `limit` bytes.
pub async fn stage(plane: &Plane, remote: &mut Remote, limit: u64) -> Result<Staged, NotStaged> {
    remote.check_length(limit)?;
    let mut staging = plane.scratch.begin()?;
    while let Some(chunk) = remote.chunk(limit).await? {
        staging.write(&chunk)?;
    }
    Ok(staging.finish()?)
}

/// The last piece of an address's path, as a file would be called.
pub fn filename(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let last = url.path_segments()?.next_back()?.to_owned();
    let name = percent_decode_str(&last).decode_utf8().ok()?.into_owned();
    let is_fit = !name.is_empty() && !name.chars().any(char::is_control);
    is_fit.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_the_last_piece_of_their_address() {
        for (url, expected) in [
            ("http://a.test/b/photo.jpg", Some("photo.jpg")),
            ("http://a.test/b/ph%20oto.jpg?x=y.png#z", Some("ph oto.jpg")),
            ("http://a.test/b/", None),
            ("http://a.test", None),
            ("http://a.test/%ff", None),
            ("http://a.test/a%00.png", None),
        ] {
            assert_eq!(filename(url).as_deref(), expected, "{url}");
        }
    }
}
