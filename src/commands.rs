//! One file a command.

pub mod account;
pub mod audit;
pub mod config;
pub mod control_plane;
pub mod data_plane;
pub mod dev;
pub mod doctor;
pub mod environment;
pub mod explain;
pub mod kek;
pub mod key;
pub mod migrate;
pub mod openapi;
pub mod policy;
pub mod region;
pub mod user;

use std::fmt;

/// Why a command failed, as it is told to whoever called it.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(plane_kit::error::chain(&error))
    }
}

/// The outcome of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Prints a command's answer. Everything else goes to standard error.
pub fn print(text: impl fmt::Display) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // A closed pipe is the reader's business.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
