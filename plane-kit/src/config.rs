//! Configuration in layers: defaults, then a file, then the environment, then flags.
//!
//! Every setting has a default, so the defaults' shape is the list of known keys: an unknown key is an error that names the
//! nearest known one, and every value remembers where it came from.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::nearest::nearest;

/// Prefix of environment variables; a double underscore goes one level down, as in `SAFELIGHT_HTTP__WORKERS`.
pub const ENVIRONMENT_PREFIX: &str = "SAFELIGHT_";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Why a configuration does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key that no module knows.
    #[error("unknown setting `{key}` ({origin}){}", nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The key as it was written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("setting `{key}` ({origin}) must be {expected}, not `{found}`")]
    WrongType {
        /// The key.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// What is expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A value that a module refuses.
    #[error("{0}")]
    Invalid(String),
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {reason}")]
    File {
        /// Its path.
        path: String,
        /// The reason.
        reason: String,
    },
}

/// Settings under construction.
pub struct Layers {
    values: Map<String, Value>,
    origins: BTreeMap<String, Origin>,
}

impl Layers {
    /// Starts with the defaults of `T`, which must serialise to an object with every key present.
    pub fn new<T: Serialize + Default>() -> Result<Self, ConfigError> {
        match serde_json::to_value(T::default()) {
            Ok(Value::Object(values)) => Ok(Self { values, origins: BTreeMap::new() }),
            Ok(_) => Err(ConfigError::Invalid("the defaults are no object".into())),
            Err(error) => Err(ConfigError::Invalid(error.to_string())),
        }
    }

    /// Replaces a default, for a command that has its own.
    pub fn preset(&mut self, key: &str, value: impl Into<Value>) -> Result<(), ConfigError> {
        self.set(key, value.into(), Origin::Default)
    }

    /// Lays a TOML file on top.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display().to_string();
        let unreadable = |reason: String| ConfigError::File { path: name.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let table: Map<String, Value> = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let origin = Origin::File(name.clone());
        self.object("", table, &origin)
    }

    /// Lays environment variables on top. Variables without the prefix are ignored.
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (name, text) in variables {
            if let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                let key = rest.to_ascii_lowercase().replace("__", ".");
                self.set(&key, Value::String(text), Origin::Environment(name))?;
            }
        }
        Ok(())
    }

    /// Sets one value from a flag.
    pub fn flag(&mut self, flag: &str, key: &str, value: impl Into<Value>) -> Result<(), ConfigError> {
        self.set(key, value.into(), Origin::Flag(flag.to_owned()))
    }

    fn object(&mut self, prefix: &str, members: Map<String, Value>, origin: &Origin) -> Result<(), ConfigError> {
        for (name, value) in members {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                Value::Object(inner) => self.object(&key, inner, origin)?,
                value => self.set(&key, value, origin.clone())?,
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let known = self.known_keys();
        let Some(slot) = find(&mut self.values, key) else {
            let nearest = nearest(key, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(ConfigError::Unknown { key: key.to_owned(), origin, nearest });
        };
        *slot = convert(key, slot, value, &origin)?;
        self.origins.insert(key.to_owned(), origin);
        Ok(())
    }

    fn known_keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        collect_keys("", &self.values, &mut keys);
        keys
    }

    /// The finished settings.
    pub fn finish<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        serde_json::from_value(Value::Object(self.values.clone()))
            .map_err(|error| ConfigError::Invalid(format!("the configuration does not hold: {error}")))
    }

    /// Every key with its value and origin, sorted. Values of keys that name a secret are not shown.
    pub fn describe(&self) -> Vec<(String, String, Origin)> {
        let mut lines = Vec::new();
        for key in self.known_keys() {
            let mut values = self.values.clone();
            let value = find(&mut values, &key).map(|value| value.take()).unwrap_or_default();
            let is_empty = value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty);
            let is_set = !value.is_null() && !is_empty;
            let text = if is_set && names_secret(&key) { "(set)".to_owned() } else { value.to_string() };
            let origin = self.origins.get(&key).cloned().unwrap_or(Origin::Default);
            lines.push((key, text, origin));
        }
        lines
    }
}

fn names_secret(key: &str) -> bool {
    ["token", "secret", "key_encryption_key", "key_encryption_keys", "signing_key", "region_key", "url", "password"]
        .iter()
        .any(|part| key.rsplit('.').next().is_some_and(|name| name.ends_with(part)))
        && !key.ends_with("public_url")
}

fn collect_keys(prefix: &str, values: &Map<String, Value>, keys: &mut Vec<String>) {
    for (name, value) in values {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(inner) => collect_keys(&key, inner, keys),
            _ => keys.push(key),
        }
    }
}

fn find<'a>(values: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((head, rest)) => match values.get_mut(head)? {
            Value::Object(inner) => find(inner, rest),
            _ => None,
        },
        None => values.get_mut(key).filter(|value| !value.is_object()),
    }
}

fn item_default(defaults: &[Value]) -> &Value {
    static TEXT: Value = Value::String(String::new());
    defaults.first().unwrap_or(&TEXT)
}

/// Brings a value into the type of the default in its place. Text from the environment is read as that type.
fn convert(key: &str, default: &Value, value: Value, origin: &Origin) -> Result<Value, ConfigError> {
    let wrong = |expected, value: &Value| ConfigError::WrongType {
        key: key.to_owned(),
        origin: origin.clone(),
        expected,
        found: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    match (default, value) {
        (Value::Bool(_), Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (Value::Bool(_), Value::String(text)) => match text.as_str() {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false", &Value::String(text))),
        },
        (Value::Bool(_), other) => Err(wrong("true or false", &other)),
        (Value::Number(_), Value::Number(number)) => Ok(Value::Number(number)),
        (Value::Number(_), Value::String(text)) => match text.parse::<serde_json::Number>() {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => Err(wrong("a number", &Value::String(text))),
        },
        (Value::Number(_), other) => Err(wrong("a number", &other)),
        // A list is of what its default is of; one that is empty by default is of texts.
        (Value::Array(defaults), Value::String(text)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from);
            items.map(|item| convert(key, item_default(defaults), item, origin)).collect()
        }
        (Value::Array(defaults), Value::Array(items)) => {
            items.into_iter().map(|item| convert(key, item_default(defaults), item, origin)).collect()
        }
        (Value::Array(_), other) => Err(wrong("a list", &other)),
        (_, value @ (Value::Object(_) | Value::Array(_))) => Err(wrong("a single value", &value)),
        (Value::String(_), Value::String(text)) => Ok(Value::String(text)),
        (Value::String(_), other) => Err(wrong("a text", &other)),
        (_, value) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Settings {
        http: Http,
        regions: Vec<String>,
        ports: Vec<u16>,
        control_token: String,
        earlier_key_encryption_keys: Vec<String>,
    }

    #[derive(Serialize, Deserialize)]
    struct Http {
        workers: usize,
        public_url: String,
    }

    impl Default for Settings {
        fn default() -> Self {
            let http = Http { workers: 2, public_url: String::new() };
            let ports = vec![80, 443];
            Self {
                http,
                regions: Vec::new(),
                ports,
                control_token: String::new(),
                earlier_key_encryption_keys: Vec::new(),
            }
        }
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn later_layers_win_and_remember_where_they_come_from() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "regions = [\"eu\"]\n[http]\nworkers = 3\npublic_url = \"http://a\"\n").unwrap();
        let mut layers = Layers::new::<Settings>().unwrap();
        layers.file(file.path()).unwrap();
        layers.environment(variables(&[("SAFELIGHT_HTTP__WORKERS", "4"), ("HOME", "/")])).unwrap();
        layers.flag("--public-url", "http.public_url", "http://b").unwrap();
        let settings: Settings = layers.finish().unwrap();
        assert_eq!((settings.http.workers, settings.http.public_url.as_str()), (4, "http://b"));
        let origins: Vec<String> =
            layers.describe().into_iter().map(|(key, _, origin)| format!("{key}: {origin}")).collect();
        assert!(origins.contains(&"http.workers: environment SAFELIGHT_HTTP__WORKERS".to_owned()), "{origins:?}");
        assert!(origins.contains(&"http.public_url: flag --public-url".to_owned()), "{origins:?}");
    }

    #[test]
    fn lists_are_of_what_their_defaults_are_of() {
        let mut layers = Layers::new::<Settings>().unwrap();
        layers.environment(variables(&[("SAFELIGHT_PORTS", "80, 8080"), ("SAFELIGHT_REGIONS", "eu,7")])).unwrap();
        let settings: Settings = layers.finish().unwrap();
        assert_eq!((settings.ports, settings.regions), (vec![80, 8080], vec!["eu".to_owned(), "7".to_owned()]));
        let error = layers.environment(variables(&[("SAFELIGHT_PORTS", "80,http")])).unwrap_err().to_string();
        assert!(error.contains("ports") && error.contains("http"), "{error}");
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let mut layers = Layers::new::<Settings>().unwrap();
        let error = layers.environment(variables(&[("SAFELIGHT_HTTP__WORKER", "4")])).unwrap_err().to_string();
        assert!(error.contains("`http.worker`") && error.contains("`http.workers`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_its_place() {
        let mut layers = Layers::new::<Settings>().unwrap();
        let error = layers.environment(variables(&[("SAFELIGHT_HTTP__WORKERS", "many")])).unwrap_err().to_string();
        assert!(error.contains("SAFELIGHT_HTTP__WORKERS") && error.contains("a number"), "{error}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut layers = Layers::new::<Settings>().unwrap();
        let shown = |layers: &Layers| {
            let mut lines = layers.describe().into_iter();
            lines.find(|(key, ..)| key == "earlier_key_encryption_keys").map(|(_, value, _)| value)
        };
        assert_eq!(shown(&layers).as_deref(), Some("[]"), "what is empty is no secret");
        layers.flag("--token", "control_token", "hunter2").unwrap();
        let keys = variables(&[("SAFELIGHT_EARLIER_KEY_ENCRYPTION_KEYS", "hunter2, hunter3")]);
        layers.environment(keys).unwrap();
        assert_eq!(shown(&layers).as_deref(), Some("(set)"));
        assert!(!format!("{:?}", layers.describe()).contains("hunter"));
    }
}
