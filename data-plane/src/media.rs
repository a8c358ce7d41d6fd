//! Sound and moving pictures: what a file is, by its first bytes and by what ffprobe says of it.

pub mod facts;
pub mod probe;
pub mod sniff;

/// The media type of a container.
pub fn content_type(format: &str) -> &'static str {
    mime_guess::from_ext(format).first_raw().unwrap_or("application/octet-stream")
}
