//! The roles that a user can have in an account. Pure.

/// A line of the table of roles.
struct Facts {
    name: &'static str,
    sees_secrets: bool,
    does_everything: bool,
}

/// The role of a provisioning key that may do everything within its account.
pub(crate) const ACCOUNT_ADMIN: &str = "account_admin";

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

    /// What there is to know of each role, one a line.
    fn facts(self) -> Facts {
        let facts = |name, sees_secrets, does_everything| Facts { name, sees_secrets, does_everything };
        match self {
            Self::MasterAdmin => facts("master_admin", true, true),
            Self::Admin => facts("admin", true, true),
            Self::Billing => facts("billing", false, false),
            Self::TechnicalAdmin => facts("technical_admin", true, false),
            Self::Reports => facts("reports", false, false),
            Self::MediaLibraryAdmin => facts("media_library_admin", false, false),
            Self::MediaLibraryUser => facts("media_library_user", false, false),
        }
    }

    /// The name on the wire and in the table.
    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    /// Whether it may read the access keys of the product environments that the user has, and with them their secrets.
    pub(crate) fn sees_secrets(self) -> bool {
        self.facts().sees_secrets
    }

    /// Whether it may do everything in the product environments that the user has, so that no secret of theirs gives it more.
    pub(crate) fn does_everything(self) -> bool {
        self.facts().does_everything
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
    fn whoever_does_everything_sees_secrets_and_one_more() {
        let named = |has: fn(AccountRole) -> bool| -> Vec<_> {
            AccountRole::ALL.into_iter().filter(|role| has(*role)).map(AccountRole::name).collect()
        };
        assert_eq!(named(AccountRole::sees_secrets), ["master_admin", "admin", "technical_admin"]);
        assert_eq!(named(AccountRole::does_everything), ["master_admin", "admin"]);
    }

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
