//! What the administrators of a product environment may set, and how a change of it is read.

use plane_kit::{
    destination::Destination,
    domains::read_domain,
    error::ApiError,
    http::params::{Params, invalid_value},
    nearest::nearest,
    settings::{EnvironmentSettings, FolderMode},
};
use serde_json::{Map, Value, json};

/// How many domains a list may hold.
const LONGEST_LIST: usize = 100;
/// The longest name of a preset, in characters.
const LONGEST_NAME: usize = 255;
/// The one that stands in a column of its own, and not among the others.
const FOLDER_MODE: &str = "folder_mode";

/// What a setting holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A list of hosts.
    Domains,
    /// A list of some of these words.
    Words(&'static [&'static str]),
    /// One of these words, or nothing.
    Word(&'static [&'static str]),
    /// Where notifications go, or nothing.
    Destination,
    /// The name of a preset, or nothing.
    Preset,
    /// The quality of an image, or nothing.
    Quality,
    /// A limit up to this, or nothing, which nought says, too.
    Limit(i64),
    /// Yes or no.
    Flag,
}

/// All settings by their names on the wire and at the command line, and what each holds.
const SETTINGS: [(&str, Kind); 18] = [
    ("allowed_fetch_domains", Kind::Domains),
    ("restricted_types", Kind::Words(&["fetch", "pdf", "zip"])),
    ("strict_transformations", Kind::Words(&["image"])),
    ("strict_referral_domains", Kind::Domains),
    ("referral_domains", Kind::Domains),
    ("refuse_empty_referrer", Kind::Flag),
    ("notification_url", Kind::Destination),
    ("default_image_preset", Kind::Preset),
    ("default_raw_preset", Kind::Preset),
    ("default_video_preset", Kind::Preset),
    ("default_image_quality", Kind::Quality),
    ("api_signature_algorithm", Kind::Word(&["sha1", "sha256"])),
    ("url_signature_algorithm", Kind::Word(&["sha1", "sha256"])),
    ("max_upload_bytes", Kind::Limit(i64::MAX)),
    ("max_image_pixels", Kind::Limit(i64::MAX)),
    ("max_admin_calls_per_hour", Kind::Limit(u32::MAX as i64)),
    ("backup", Kind::Flag),
    (FOLDER_MODE, Kind::Word(&["dynamic"])),
];

/// What changes; what is absent stays. Each value is in the form in which it is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SettingsChanges(Map<String, Value>);

impl SettingsChanges {
    /// Reads a change. A name that is no setting is refused with the nearest that is one.
    pub(crate) fn read(params: &Params) -> Result<Self, ApiError> {
        let names = || SETTINGS.iter().map(|(name, _)| *name);
        if let Some(unknown) = params.names().find(|name| !names().any(|known| known == *name)) {
            let hint = nearest(unknown, names()).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
            return Err(ApiError::invalid(format!("There is no setting {unknown}{hint}")));
        }
        let mut changes = Map::new();
        for (name, kind) in SETTINGS {
            if params.names().any(|given| given == name) {
                changes.insert(name.to_owned(), kind.read(params, name)?);
            }
        }
        Ok(Self(changes))
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The new folder mode, if one is set. Folders that once were independent of public ids stay that.
    pub(crate) fn folder_mode(&self) -> Option<FolderMode> {
        self.0.contains_key(FOLDER_MODE).then_some(FolderMode::Dynamic)
    }

    /// Changes the settings.
    pub(crate) fn apply(self, settings: EnvironmentSettings) -> Result<EnvironmentSettings, serde_json::Error> {
        let mut all = serde_json::to_value(settings)?;
        if let Value::Object(all) = &mut all {
            all.extend(self.0.into_iter().filter(|(name, _)| name != FOLDER_MODE));
        }
        serde_json::from_value(all)
    }
}

impl Kind {
    /// Reads a value that was given, in the form in which it is kept. An empty one empties what may be empty.
    fn read(self, params: &Params, name: &str) -> Result<Value, ApiError> {
        match self {
            Self::Domains => Ok(json!(domains(params, name)?)),
            Self::Words(words) => Ok(json!(some_of(params, name, words)?)),
            Self::Flag => Ok(json!(params.boolean(name)?.unwrap_or(false))),
            Self::Limit(most) => match params.get(name) {
                None => Ok(Value::Null),
                Some(value) if value.as_str() == Some("") => Ok(Value::Null),
                Some(value) => match params.integer(name)? {
                    Some(0) => Ok(Value::Null),
                    Some(limit) if (1..=most).contains(&limit) => Ok(json!(limit)),
                    _ => Err(invalid_value(name, value)),
                },
            },
            Self::Word(_) | Self::Destination | Self::Preset | Self::Quality => {
                match params.text(name)?.filter(|text| !text.is_empty()) {
                    Some(text) => self.read_text(name, text).map(Value::String),
                    // The mode of folders is always one.
                    None if name == FOLDER_MODE => Err(invalid_value(name, &Value::String(String::new()))),
                    None => Ok(Value::Null),
                }
            }
        }
    }

    fn read_text(self, name: &str, text: String) -> Result<String, ApiError> {
        let is_fit = match self {
            Self::Word(words) => {
                if !words.contains(&text.as_str()) {
                    let known = words.join(", ");
                    return Err(ApiError::invalid(format!("Invalid value {text} for parameter {name}: {known}")));
                }
                true
            }
            Self::Destination => return Ok(Destination::parse_standing(name, &text)?.uri()),
            Self::Preset => text.chars().count() <= LONGEST_NAME && !text.chars().any(|c| c.is_control() || c == '/'),
            Self::Quality => {
                let is_number = text.parse::<u8>().is_ok_and(|quality| (1..=100).contains(&quality));
                is_number || matches!(text.as_str(), "auto:best" | "auto:good" | "auto:eco" | "auto:low")
            }
            Self::Domains | Self::Words(_) | Self::Limit(_) | Self::Flag => true,
        };
        match (is_fit, self) {
            (true, _) => Ok(text),
            (false, Self::Quality) => Err(ApiError::invalid(format!(
                "Invalid value {text} for parameter {name}: 1 to 100, auto:best, auto:good, auto:eco, auto:low"
            ))),
            (false, _) => Err(invalid_value(name, &Value::String(text.escape_debug().to_string()))),
        }
    }
}

/// A list. An empty text or list empties it; a text of nothing but commas is a mistake that would do the same.
fn list(params: &Params, name: &str) -> Result<Vec<String>, ApiError> {
    if params.get(name).is_none() {
        return Ok(Vec::new());
    }
    let texts = params.list(name)?.unwrap_or_default();
    match params.get(name) {
        Some(value @ Value::String(text)) if texts.is_empty() && !text.is_empty() => Err(invalid_value(name, value)),
        _ => Ok(texts),
    }
}

fn some_of(params: &Params, name: &str, words: &[&str]) -> Result<Vec<String>, ApiError> {
    let mut some = list(params, name)?;
    if let Some(unknown) = some.iter().find(|word| !words.contains(&word.as_str())) {
        let known = words.join(", ");
        return Err(ApiError::invalid(format!("Invalid value {unknown} for parameter {name}: {known}")));
    }
    some.sort();
    some.dedup();
    Ok(some)
}

fn domains(params: &Params, name: &str) -> Result<Vec<String>, ApiError> {
    let texts = list(params, name)?;
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
    Ok(domains)
}

#[cfg(test)]
mod tests {
    use plane_kit::signature::Algorithm;

    use super::*;

    fn read(text: &str) -> Result<SettingsChanges, ApiError> {
        SettingsChanges::read(&Params::from_urlencoded(text))
    }

    /// The settings after one change after the other.
    fn after(texts: &[&str]) -> EnvironmentSettings {
        texts.iter().fold(EnvironmentSettings::default(), |settings, text| {
            read(text).unwrap().apply(settings).unwrap_or_else(|error| panic!("{text}: {error}"))
        })
    }

    #[test]
    fn lists_are_read_in_their_forms_and_emptied() {
        let domains = |texts: &[&str]| after(texts).allowed_fetch_domains;
        let first = "allowed_fetch_domains=A.test,*.b.test,a.test";
        assert_eq!(domains(&[first]), ["a.test", "*.b.test"]);
        assert_eq!(domains(&[first, ""]), ["a.test", "*.b.test"]);
        assert_eq!(domains(&[first, "allowed_fetch_domains[]=c.test"]), ["c.test"]);
        assert_eq!(domains(&[first, "allowed_fetch_domains="]), [] as [&str; 0]);
        assert!(read("").unwrap().is_empty());
        assert!(!read("allowed_fetch_domains=").unwrap().is_empty());
        assert_eq!(after(&["restricted_types=zip,fetch,zip"]).restricted_types, ["fetch", "zip"]);
    }

    #[test]
    fn every_setting_is_set_and_unset() {
        let set = "strict_transformations=image&strict_referral_domains=a.test&referral_domains=b.test&refuse_empty_referrer=1\
            &notification_url=https://a.test/hook&default_image_preset=p&default_raw_preset=r&default_video_preset=v\
            &default_image_quality=auto:eco&api_signature_algorithm=sha256&url_signature_algorithm=sha1\
            &max_upload_bytes=1000&max_image_pixels=5000&max_admin_calls_per_hour=9&backup=true&folder_mode=dynamic";
        let text = |text: &str| Some(text.to_owned());
        let expected = EnvironmentSettings {
            strict_transformations: vec!["image".into()],
            strict_referral_domains: vec!["a.test".into()],
            referral_domains: vec!["b.test".into()],
            refuse_empty_referrer: true,
            notification_url: text("https://a.test/hook"),
            default_image_preset: text("p"),
            default_raw_preset: text("r"),
            default_video_preset: text("v"),
            default_image_quality: text("auto:eco"),
            api_signature_algorithm: Some(Algorithm::Sha256),
            url_signature_algorithm: Some(Algorithm::Sha1),
            max_upload_bytes: Some(1000),
            max_image_pixels: Some(5000),
            max_admin_calls_per_hour: Some(9),
            backup: true,
            ..EnvironmentSettings::default()
        };
        assert_eq!(after(&[set]), expected);
        assert_eq!(read(set).unwrap().folder_mode(), Some(FolderMode::Dynamic));
        assert_eq!(read("backup=1").unwrap().folder_mode(), None);
        let unset: Vec<String> =
            SETTINGS.iter().filter(|(name, _)| *name != FOLDER_MODE).map(|(name, _)| format!("{name}=")).collect();
        assert_eq!(after(&[set, &unset.join("&")]), EnvironmentSettings::default());
        assert_eq!(after(&["max_upload_bytes=7", "max_upload_bytes=0"]), EnvironmentSettings::default());
    }

    /// A setting that the table forgets could be kept by nobody; one that the type forgets would be thrown away.
    #[test]
    fn the_table_and_the_type_have_the_same_settings() {
        let Value::Object(all) = serde_json::to_value(EnvironmentSettings::default()).unwrap() else { panic!() };
        let mut kept: Vec<&str> = all.keys().map(String::as_str).collect();
        let mut named: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).filter(|name| *name != FOLDER_MODE).collect();
        kept.sort_unstable();
        named.sort_unstable();
        assert_eq!(kept, named);
    }

    #[test]
    fn mistakes_are_named() {
        let many = format!("allowed_fetch_domains={}", vec!["a.test"; 101].join(","));
        for (text, part) in [
            ("allowed_domains=a.test", "did you mean allowed_fetch_domains"),
            ("allowed_fetch_domains=http://a.test", "http://a.test"),
            ("allowed_fetch_domains=,", "allowed_fetch_domains"),
            ("restricted_types=fetch,upload", "fetch, pdf, zip"),
            ("strict_transformations=video", "video"),
            ("notification_url=ftp://a.test", "notification_url"),
            ("notification_url=poll://*", "notification_url"),
            ("default_image_preset=a/b", "default_image_preset"),
            ("default_image_quality=101", "auto:best"),
            ("default_image_quality=auto", "auto:best"),
            ("api_signature_algorithm=md5", "sha1, sha256"),
            ("max_upload_bytes=-1", "max_upload_bytes"),
            ("max_upload_bytes=many", "max_upload_bytes"),
            ("max_admin_calls_per_hour=5000000000", "max_admin_calls_per_hour"),
            ("backup=perhaps", "backup"),
            ("folder_mode=fixed", "folder_mode"),
            ("folder_mode=", "folder_mode"),
            (&many, "at most 100"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }
}
