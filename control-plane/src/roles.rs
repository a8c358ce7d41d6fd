//! The roles that a user can have in an account. Pure.

/// What a user may do in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountRole {
    /// Everything, in every product environment; restrictions to some of them do not concern this role.
    MasterAdmin,
    /// Everything in the product environments that the user has, except what concerns the account as a whole.
    Admin,
    /// Plans, invoices and what is used; no assets.
    Billing,
    /// Settings and credentials of the product environments that the user has, for those who integrate them.
    TechnicalAdmin,
    /// Reports on what is used and delivered, to read.
    Reports,
    /// All assets of the product environments that the user has, and who may see which of them.
    MediaLibraryAdmin,
    /// The assets that were shared with the user.
    MediaLibraryUser,
}

impl AccountRole {
    /// All roles, the mightiest first.
    pub(crate) const ALL: [Self; 7] = [
        Self::MasterAdmin,
        Self::Admin,
        Self::Billing,
        Self::TechnicalAdmin,
        Self::Reports,
        Self::MediaLibraryAdmin,
        Self::MediaLibraryUser,
    ];
    /// The role of a user that was made without one. The vendor's description names no default; this is the role that gives
    /// least.
    pub(crate) const WHEN_ABSENT: Self = Self::MediaLibraryUser;

    /// The name on the wire and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MasterAdmin => "master_admin",
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::TechnicalAdmin => "technical_admin",
            Self::Reports => "reports",
            Self::MediaLibraryAdmin => "media_library_admin",
            Self::MediaLibraryUser => "media_library_user",
        }
    }

    /// The role of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_by_their_names_and_no_others() {
        for role in AccountRole::ALL {
            assert_eq!(AccountRole::parse(role.name()), Some(role));
        }
        for other in ["", "Admin", "owner", " admin"] {
            assert_eq!(AccountRole::parse(other), None, "{other}");
        }
    }
}
