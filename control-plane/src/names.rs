//! What may be a name: of things that people see, of clouds in URLs, of regions; and what may be an email address, a note, or a
//! credential that was made elsewhere. Pure.

use rand::Rng;

/// Why a text is no name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// A display name is too long, or holds what nobody can see.
    Display,
    /// A cloud name has another shape; the beginning of it, to be shown.
    Cloud(String),
    /// Paths need this cloud name for themselves.
    CloudReserved(String),
    /// An email address has another shape; the beginning of it, to be shown.
    Email(String),
    /// The owner of a key is too long, or holds what nobody can see.
    Owner,
    /// A note is too long, or holds what nobody can see.
    Note,
    /// The public half of a credential has another shape; the beginning of it, to be shown.
    ApiKey(String),
    /// The secret half of a credential has another shape. It is not shown.
    ApiSecret,
}

/// An email address that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email {
    /// As it was written.
    pub text: String,
    /// In lower case: two addresses that fold to one are one.
    pub folded: String,
}

/// Cloud names that paths need for themselves.
const RESERVED_CLOUD_NAMES: [&str; 15] = [
    "provisioning",
    "v1_1",
    "v2",
    "internal",
    "healthz",
    "readyz",
    "metrics",
    "docs",
    "console",
    "login",
    "res",
    "files",
    "search",
    "oauth2",
    "static",
];
/// A cloud name may become a label of a host name.
const LONGEST_CLOUD_NAME: usize = 63;
/// Display names may be this long, in characters.
const LONGEST_NAME: usize = 255;
/// An email address may be this long, in bytes: the longest that mail is carried to.
const LONGEST_EMAIL: usize = 254;
/// What stands before the `@` may be this long, in characters.
const LONGEST_LOCAL_PART: usize = 64;
/// A note may be this long, in characters.
const LONGEST_NOTE: usize = 1000;
/// The public half of a credential may have this many digits.
const LONGEST_API_KEY: usize = 32;
/// The secret half of a credential has at least and at most this many characters.
const API_SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 8..=128;
/// Region names may be this long.
const LONGEST_REGION_NAME: usize = 40;

/// Whether a text can be, or begin, a display name. What cannot is not looked for: the database might choke on it.
pub(crate) fn can_be_a_name(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Checks a display name.
pub(crate) fn check_display_name(name: &str) -> Result<(), NameError> {
    if can_be_a_name(name) && name.chars().count() <= LONGEST_NAME { Ok(()) } else { Err(NameError::Display) }
}

/// Checks who answers for a key.
pub(crate) fn check_owner(owner: &str) -> Result<(), NameError> {
    if can_be_a_name(owner) && owner.chars().count() <= LONGEST_NAME { Ok(()) } else { Err(NameError::Owner) }
}

/// Checks a note, which may have several lines.
pub(crate) fn check_note(note: &str) -> Result<(), NameError> {
    let is_visible = note.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    if is_visible && note.chars().count() <= LONGEST_NOTE { Ok(()) } else { Err(NameError::Note) }
}

/// Checks the public half of a credential that was made elsewhere. Keys are digits wherever they are recognised.
pub(crate) fn check_api_key(api_key: &str) -> Result<(), NameError> {
    let is_key = api_key.bytes().all(|b| b.is_ascii_digit()) && (1..=LONGEST_API_KEY).contains(&api_key.len());
    if is_key {
        return Ok(());
    }
    Err(NameError::ApiKey(api_key.chars().filter(|c| !c.is_control()).take(LONGEST_API_KEY).collect()))
}

/// Checks the secret half of a credential that was made elsewhere: the characters that stand in an environment URL as they are.
pub(crate) fn check_api_secret(secret: &str) -> Result<(), NameError> {
    let is_plain = secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_plain && API_SECRET_LENGTHS.contains(&secret.len()) { Ok(()) } else { Err(NameError::ApiSecret) }
}

/// Checks a cloud name and brings it into lower case.
pub(crate) fn check_cloud_name(name: &str) -> Result<String, NameError> {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !is_plain || name.is_empty() || name.len() > LONGEST_CLOUD_NAME {
        let shown: String = name.chars().take(LONGEST_CLOUD_NAME).collect();
        return Err(NameError::Cloud(shown));
    }
    let name = name.to_ascii_lowercase();
    if RESERVED_CLOUD_NAMES.contains(&name.as_str()) { Err(NameError::CloudReserved(name)) } else { Ok(name) }
}

/// Checks an email address: one `@`, something before it, and behind it a domain of at least two labels. Whether mail arrives
/// there only mail can tell.
pub(crate) fn check_email(text: &str) -> Result<Email, NameError> {
    let is_address = match text.split_once('@') {
        Some((local, domain)) => is_local_part(local) && is_domain(domain),
        None => false,
    };
    if !is_address || text.len() > LONGEST_EMAIL {
        let shown = text.chars().filter(|c| !c.is_control()).take(LONGEST_EMAIL).collect();
        return Err(NameError::Email(shown));
    }
    Ok(Email { text: text.to_owned(), folded: text.to_lowercase() })
}

fn is_local_part(text: &str) -> bool {
    let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    is_plain && (1..=LONGEST_LOCAL_PART).contains(&text.chars().count())
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.contains('.') && text.split('.').all(is_label)
}

/// A cloud name nobody has chosen: a letter and ten characters of 36, too many for two to meet.
pub(crate) fn generate_cloud_name() -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    let tail = (0..10).map(|_| char::from(ALPHABET[rng.random_range(0..36)]));
    std::iter::once('d').chain(tail).collect()
}

/// Whether a region can have this name: `a-z`, `0-9`, `_` and `-`, beginning with a letter.
pub(crate) fn is_region_name(name: &str) -> bool {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    is_plain && begins_well && name.len() <= LONGEST_REGION_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_names_are_plain_lower_case_and_not_reserved() {
        for (name, expected) in
            [("Demo", Some("demo")), ("a_b-9", Some("a_b-9")), ("", None), ("a b", None), ("ü", None)]
        {
            assert_eq!(check_cloud_name(name).ok().as_deref(), expected, "{name}");
        }
        assert!(matches!(check_cloud_name("V1_1"), Err(NameError::CloudReserved(_))));
        assert!(check_cloud_name(&"a".repeat(63)).is_ok());
        assert!(check_cloud_name(&"a".repeat(64)).is_err());
        assert!(check_cloud_name(&generate_cloud_name()).is_ok());
    }

    #[test]
    fn credentials_from_elsewhere_are_digits_and_plain_characters() {
        let (longest, too_long) = ("9".repeat(32), "9".repeat(33));
        for (key, valid) in [
            ("1", true),
            ("814814814814814", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            ("12a", false),
            ("-1", false),
            ("\u{0661}", false),
        ] {
            assert_eq!(check_api_key(key).is_ok(), valid, "{key}");
        }
        let (longest, too_long) = ("s".repeat(128), "s".repeat(129));
        for (secret, valid) in [
            ("aB3_-678", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("1234567", false),
            ("12345678 ", false),
            ("1234567:", false),
            ("1234567\u{fc}", false),
        ] {
            assert_eq!(check_api_secret(secret).is_ok(), valid, "{secret}");
        }
    }

    #[test]
    fn notes_have_lines_and_owners_do_not() {
        assert!(check_note("one\r\n\ttwo").is_ok() && check_owner("one\ntwo").is_err());
        assert!(check_note(&"ü".repeat(1000)).is_ok() && check_note(&"n".repeat(1001)).is_err());
        assert!(check_owner(&"ü".repeat(255)).is_ok() && check_owner(&"o".repeat(256)).is_err());
        assert!(check_note("\u{7}").is_err() && check_owner("\u{7}").is_err());
    }

    #[test]
    fn region_names_begin_with_a_letter() {
        for (name, expected) in [("eu", true), ("eu-west_1", true), ("1eu", false), ("EU", false), ("", false)] {
            assert_eq!(is_region_name(name), expected, "{name}");
        }
    }

    #[test]
    fn addresses_have_one_at_and_a_domain_of_labels() {
        let (local, domain) = ("l".repeat(64), format!("{}.org", "d".repeat(185)));
        for text in ["a@b.co", "First.Last+tag@Sub-1.Example.COM", "jürgen@example.org", &format!("{local}@{domain}")]
        {
            let email = check_email(text).unwrap();
            assert_eq!((email.text.as_str(), email.folded), (text, text.to_lowercase()), "{text}");
        }
        for text in [
            "",
            "@b.co",
            "a@",
            "ab.co",
            "a@b",
            "a@b@c.co",
            "a b@c.co",
            "a\u{7}@b.co",
            "a@b..co",
            "a@.co",
            "a@b_c.co",
            "a@b.co ",
            &format!("l{local}@b.co"),
            &format!("{local}@d{domain}"),
        ] {
            assert!(matches!(check_email(text), Err(NameError::Email(_))), "{text}");
        }
    }
}
