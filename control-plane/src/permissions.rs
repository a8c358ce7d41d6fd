//! What principals may do beside the rules of their own: system and custom policies, roles, and who has them.
//!
//! A principal is permitted what some role or policy permits and none forbids. A key that nobody has given roles has the mightiest
//! role of its scope; from the first change of its roles on it has those that it was given, even if that is none.

pub(crate) mod assignments;
pub(crate) mod cedar;
pub(crate) mod custom_policies;
pub(crate) mod effective;
pub(crate) mod enforcement;
pub(crate) mod error;
pub(crate) mod held;
mod lockout;
pub(crate) mod principals;
pub(crate) mod roles;
pub(crate) mod system;
pub(crate) mod vocabulary;
