//! What the administrators of a product environment may set, and how a change of it is read.

use plane_kit::{
    domains::read_domain,
    error::ApiError,
    http::params::{Params, invalid_value},
    nearest::nearest,
    seam::snapshot::EnvironmentSettings,
};
use serde_json::Value;

/// All settings, by their names on the wire and at the command line.
pub(crate) const NAMES: [&str; 2] = ["allowed_fetch_domains", "restricted_types"];

/// Delivery types that can be restricted.
const RESTRICTABLE: [&str; 1] = ["fetch"];

/// How many domains a list may hold.
const LONGEST_LIST: usize = 100;

/// What changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingsChanges {
    allowed_fetch_domains: Option<Vec<String>>,
    restricted_types: Option<Vec<String>>,
}

impl SettingsChanges {
    /// Reads a change. A name that is no setting is refused with the nearest that is one.
    pub(crate) fn read(params: &Params) -> Result<Self, ApiError> {
        if let Some(unknown) = params.names().find(|name| !NAMES.contains(name)) {
            let hint = nearest(unknown, NAMES).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            return Err(ApiError::invalid(format!("There is no setting {unknown}{hint}")));
        }
        Ok(Self {
            allowed_fetch_domains: domains(params, "allowed_fetch_domains")?,
            restricted_types: restricted_types(params, "restricted_types")?,
        })
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes the settings.
    pub(crate) fn apply(self, settings: &mut EnvironmentSettings) {
        if let Some(domains) = self.allowed_fetch_domains {
            settings.allowed_fetch_domains = domains;
        }
        if let Some(types) = self.restricted_types {
            settings.restricted_types = types;
        }
    }
}

/// A list. An empty text or list empties it; a text of nothing but commas is a mistake that would do the same.
fn list(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    if params.names().any(|given| given == name) && params.get(name).is_none() {
        return Ok(Some(Vec::new()));
    }
    let texts = params.list(name)?;
    match (params.get(name), &texts) {
        (Some(value @ Value::String(_)), Some(texts)) if texts.is_empty() => Err(invalid_value(name, value)),
        _ => Ok(texts),
    }
}

fn restricted_types(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(mut types) = list(params, name)? else {
        return Ok(None);
    };
    if let Some(unknown) = types.iter().find(|kind| !RESTRICTABLE.contains(&kind.as_str())) {
        let known = RESTRICTABLE.join(", ");
        return Err(ApiError::invalid(format!("Invalid value {unknown} for parameter {name}: {known}")));
    }
    types.sort();
    types.dedup();
    Ok(Some(types))
}

fn domains(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(texts) = list(params, name)? else {
        return Ok(None);
    };
    if texts.len() > LONGEST_LIST {
        return Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {LONGEST_LIST} domains")));
    }
    let mut domains = Vec::with_capacity(texts.len());
    for text in texts {
        let domain = read_domain(&text).ok_or_else(|| invalid_value(name, &Value::String(text)))?;
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    Ok(Some(domains))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SettingsChanges, ApiError> {
        SettingsChanges::read(&Params::from_urlencoded(text))
    }

    #[test]
    fn lists_are_read_in_their_forms_and_emptied() {
        let mut settings = EnvironmentSettings::default();
        for (text, expected) in [
            ("allowed_fetch_domains=A.test,*.b.test,a.test", vec!["a.test", "*.b.test"]),
            ("", vec!["a.test", "*.b.test"]),
            ("allowed_fetch_domains[]=c.test", vec!["c.test"]),
            ("allowed_fetch_domains=", vec![]),
        ] {
            read(text).unwrap().apply(&mut settings);
            assert_eq!(settings.allowed_fetch_domains, expected, "{text}");
        }
        assert!(read("").unwrap().is_empty());
        assert!(!read("allowed_fetch_domains=").unwrap().is_empty());
    }

    #[test]
    fn types_are_restricted_and_freed() {
        let mut settings = EnvironmentSettings::default();
        for (text, expected) in
            [("restricted_types=fetch", vec!["fetch"]), ("", vec!["fetch"]), ("restricted_types=", vec![])]
        {
            read(text).unwrap().apply(&mut settings);
            assert_eq!(settings.restricted_types, expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let many = format!("allowed_fetch_domains={}", vec!["a.test"; 101].join(","));
        for (text, part) in [
            ("allowed_domains=a.test", "did you mean allowed_fetch_domains"),
            ("allowed_fetch_domains=http://a.test", "http://a.test"),
            ("allowed_fetch_domains=,", "allowed_fetch_domains"),
            ("restricted_types=fetch,upload", "upload"),
            (&many, "at most 100"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }
}
