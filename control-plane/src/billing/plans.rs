//! Price plans: what an account is allowed before it pays more or is warned.

/// A price plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PricePlan {
    /// 25 credits in 30 days, 25 product environments.
    Free,
    /// 225 credits in 30 days, 225 product environments.
    Plus,
    /// Nothing is limited; what one's own installation usually runs on.
    Unlimited,
}

impl PricePlan {
    const ALL: [Self; 3] = [Self::Free, Self::Plus, Self::Unlimited];

    /// The name that is stored and shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Free => "Free",
            Self::Plus => "Plus",
            Self::Unlimited => "Unlimited",
        }
    }

    /// The plan of that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plan| plan.name().eq_ignore_ascii_case(name))
    }

    /// Credits in 30 days, if they are limited.
    pub(crate) fn credits(self) -> Option<f64> {
        match self {
            Self::Free => Some(25.0),
            Self::Plus => Some(225.0),
            Self::Unlimited => None,
        }
    }

    /// Product environments of an account, if they are limited. What the vendor allows is not in its API's description; one for each
    /// credit is our reading.
    pub(crate) fn environments(self) -> Option<u64> {
        match self {
            Self::Free => Some(25),
            Self::Plus => Some(225),
            Self::Unlimited => None,
        }
    }
}
