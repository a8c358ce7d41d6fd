//! What a key can be designated for.

/// Purposes that a key can be designated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its secret signs the notifications that are sent out.
    Webhooks,
}

impl Purpose {
    /// The name on the wire and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
        }
    }
}
