//! The proof that a caller may change something. Stores take it and nothing less.

use plane_kit::audit::Origin;

/// A thing that a caller was allowed to change, and who that is: the audit log has it from here.
pub struct Permitted<T> {
    pub(crate) thing: T,
    pub(crate) by: Origin,
}

impl<T> Permitted<T> {
    /// Called by the doors of the plane, after they decided.
    pub(crate) fn by_decision(thing: T, by: Origin) -> Self {
        Self { thing, by }
    }
}
