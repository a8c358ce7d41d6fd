//! Who may have an asset delivered, and when: rules that people put on it. Pure.
//!
//! How rules work together is our reading where the vendor says nothing, and this is the one place for it: inside of a window everybody
//! has the asset; outside of it a `token` rule, or the access mode `authenticated`, leaves it to whoever has a signed address; and where
//! there are windows alone, outside of them nobody has it.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How many rules an asset may have.
const MOST: usize = 20;

/// The older switch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// As its delivery type says.
    #[default]
    Public,
    /// As if it were of the delivery type `authenticated`.
    Authenticated,
}

impl AccessMode {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "authenticated",
        }
    }

    /// Reads `access_mode`. Nothing where it is not said.
    pub fn read(params: &Params) -> Result<Option<Self>, ApiError> {
        let name = params.text("access_mode")?.filter(|name| !name.is_empty());
        name.map(|name| match name.as_str() {
            "public" => Ok(Self::Public),
            "authenticated" => Ok(Self::Authenticated),
            other => Err(ApiError::invalid(format!(
                "Invalid value {other} for parameter access_mode: public or authenticated"
            ))),
        })
        .transpose()
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "access_type", rename_all = "snake_case")]
pub enum AccessRule {
    /// Whoever has a signed address.
    Token,
    /// Everybody within a time, of which one end may be open.
    Anonymous {
        /// Its beginning.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<DateTime<Utc>>,
        /// Its end, which does not belong to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<DateTime<Utc>>,
    },
}

/// Who may have an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessControl {
    /// The older switch.
    #[serde(default, skip_serializing_if = "is_public")]
    pub mode: AccessMode,
    /// The rules; none restrict nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AccessRule>,
}

fn is_public(mode: &AccessMode) -> bool {
    *mode == AccessMode::Public
}

/// To whom an asset is open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// To whomever its delivery type opens it, without an end.
    Unrestricted,
    /// To everybody until a time, if the window has an end.
    Window(Option<DateTime<Utc>>),
    /// To whoever has a signed address.
    Signed,
    /// To nobody.
    Closed,
}

impl AccessControl {
    /// To whom it is open now.
    pub fn at(&self, now: DateTime<Utc>) -> Openness {
        let is_open = |rule: &AccessRule| match rule {
            AccessRule::Anonymous { start, end } => {
                let is_within = start.is_none_or(|start| start <= now) && end.is_none_or(|end| now < end);
                is_within.then_some(*end)
            }
            AccessRule::Token => None,
        };
        // Of several windows that are open the one counts that is open the longest, and one without an end most of all.
        let open = self.rules.iter().filter_map(is_open).max_by_key(|end| (end.is_none(), *end));
        match open {
            Some(end) => Openness::Window(end),
            None if self.wants_signature() => Openness::Signed,
            None if self.rules.is_empty() => Openness::Unrestricted,
            None => Openness::Closed,
        }
    }

    /// Whether somebody who has a signed address has more than others.
    pub fn wants_signature(&self) -> bool {
        self.mode == AccessMode::Authenticated || self.rules.contains(&AccessRule::Token)
    }

    /// The rules as the wire shows them.
    pub fn shown(&self) -> Vec<Value> {
        let moment = |time: &DateTime<Utc>| json!(time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let show = |rule: &AccessRule| match rule {
            AccessRule::Token => json!({"access_type": "token"}),
            AccessRule::Anonymous { start, end } => {
                let mut shown = Map::from_iter([("access_type".to_owned(), json!("anonymous"))]);
                shown.extend(start.as_ref().map(|start| ("start".to_owned(), moment(start))));
                shown.extend(end.as_ref().map(|end| ("end".to_owned(), moment(end))));
                Value::Object(shown)
            }
        };
        self.rules.iter().map(show).collect()
    }
}

/// What changes of who may have an asset; what is absent stays, also when other bytes are uploaded under the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessChange {
    /// The older switch.
    pub mode: Option<AccessMode>,
    /// The rules, in the place of all old ones.
    pub rules: Option<Vec<AccessRule>>,
}

impl AccessChange {
    /// Reads `access_control` and `access_mode`.
    pub fn read(params: &Params) -> Result<Self, ApiError> {
        Ok(Self { mode: AccessMode::read(params)?, rules: rules(params)? })
    }

    /// Who may have it afterwards.
    pub fn applied_to(&self, former: &AccessControl) -> AccessControl {
        AccessControl {
            mode: self.mode.unwrap_or(former.mode),
            rules: self.rules.clone().unwrap_or_else(|| former.rules.clone()),
        }
    }
}

/// A list of rules, or one rule, as JSON or as text of JSON. An empty text takes all away.
fn rules(params: &Params) -> Result<Option<Vec<AccessRule>>, ApiError> {
    const NAME: &str = "access_control";
    let Some(value) = params.get(NAME) else {
        return Ok(params.names().any(|given| given == NAME).then(Vec::new));
    };
    let value = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(Some(Vec::new())),
        Value::String(text) => serde_json::from_str(text).map_err(|_| invalid_value(NAME, value))?,
        value => value.clone(),
    };
    let rules = match value {
        Value::Array(rules) => rules,
        rule @ Value::Object(_) => vec![rule],
        other => return Err(invalid_value(NAME, &other)),
    };
    if rules.len() > MOST {
        return Err(ApiError::invalid(format!("Invalid value for parameter {NAME}: at most {MOST} rules")));
    }
    rules.iter().map(rule).collect::<Result<_, _>>().map(Some)
}

fn rule(value: &Value) -> Result<AccessRule, ApiError> {
    let refused = |why: String| ApiError::invalid(format!("Invalid value {value} for parameter access_control: {why}"));
    let Some(members) = value.as_object() else {
        return Err(refused("a rule is an object".into()));
    };
    let time = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => moment(text)
            .map(Some)
            .ok_or_else(|| refused(format!("{name} {text} is no time, as 2026-11-28T12:00:00Z is"))),
        Some(_) => Err(refused(format!("{name} is a text, as \"2026-11-28T12:00:00Z\""))),
    };
    let known: &[&str] = match members.get("access_type").and_then(Value::as_str) {
        Some("token") => &["access_type"],
        Some("anonymous") => &["access_type", "start", "end"],
        _ => return Err(refused("access_type is token or anonymous".into())),
    };
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return match unknown.as_str() {
            "key" | "path" => Err(ApiError::not_built(format!("The member {unknown} of access_control"))),
            unknown => Err(refused(format!("it may not have {unknown}"))),
        };
    }
    if known.len() == 1 {
        return Ok(AccessRule::Token);
    }
    match (time("start")?, time("end")?) {
        (None, None) => Err(refused("an anonymous rule has a start, an end, or both".into())),
        (Some(start), Some(end)) if end <= start => Err(refused("its end is not after its start".into())),
        (start, end) => Ok(AccessRule::Anonymous { start, end }),
    }
}

/// A time as the official clients write it: ISO 8601, also with a blank in the place of `T` and before the offset, with or without
/// seconds. One without an offset is in UTC.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim().trim_end_matches("UTC").trim_end().replacen(' ', "T", 1).replace(' ', "");
    let text = text.strip_suffix(['Z', 'z']).map_or(text.clone(), |text| format!("{text}+00:00"));
    let with_offset = ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"];
    let without = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let time = with_offset.iter().find_map(|format| DateTime::parse_from_str(&text, format).ok());
    let time = time.map(|time| time.with_timezone(&Utc)).or_else(|| {
        without.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok()).map(|time| time.and_utc())
    });
    time.map(|time| time.trunc_subsecs(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<AccessChange, ApiError> {
        AccessChange::read(&Params::from_urlencoded(form))
    }

    fn at(text: &str) -> DateTime<Utc> {
        moment(text).unwrap()
    }

    #[test]
    fn times_come_in_the_forms_of_the_clients() {
        let expected = at("2026-02-22T14:20:57Z");
        for text in [
            "2026-02-22 14:20:57Z",
            "2026-02-22 16:20:57 +0200",
            "2026-02-22T16:20:57+02:00",
            "2026-02-22T14:20:57",
            "2026-02-22 14:20:57 UTC",
            "2026-02-22T14:20:57.123Z",
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        assert_eq!(moment("2026-02-22 16:20 +0200"), Some(at("2026-02-22T14:20:00Z")));
        for text in ["", "now", "2026-13-01T00:00:00Z", "2026-02-22", "14:20"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn rules_are_read_in_every_form_and_refused_by_name() {
        let list =
            r#"access_control=[{"access_type":"token"},{"access_type":"anonymous","start":"2026-01-01T00:00:00Z"}]"#;
        let rules = read(list).unwrap().rules.unwrap();
        let start = Some(at("2026-01-01T00:00:00Z"));
        assert_eq!(rules, [AccessRule::Token, AccessRule::Anonymous { start, end: None }]);
        assert_eq!(read(r#"access_control={"access_type":"token"}"#).unwrap().rules, Some(vec![AccessRule::Token]));
        assert_eq!(read("access_control=").unwrap().rules, Some(Vec::new()));
        assert_eq!(read("a=b").unwrap(), AccessChange::default());
        assert_eq!(read("access_mode=authenticated").unwrap().mode, Some(AccessMode::Authenticated));
        for (form, part) in [
            ("access_control=token", "access_control"),
            (r#"access_control=[{"access_type":"everybody"}]"#, "token or anonymous"),
            (r#"access_control=[{"access_type":"anonymous"}]"#, "a start, an end"),
            (r#"access_control=[{"access_type":"anonymous","start":"soon"}]"#, "start soon"),
            (r#"access_control=[{"access_type":"anonymous","start":1}]"#, "start is a text"),
            (r#"access_control=[{"access_type":"anonymous","starts":"2026-01-01T00:00:00Z"}]"#, "starts"),
            (
                r#"access_control=[{"access_type":"anonymous","start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}]"#,
                "not after its start",
            ),
            (r#"access_control=[{"access_type":"token","key":"k"}]"#, "key"),
            ("access_control=[1]", "a rule is an object"),
            ("access_mode=private", "access_mode"),
        ] {
            let error = read(form).unwrap_err();
            assert!(error.message().contains(part), "{form}: {error}");
        }
    }

    #[test]
    fn who_has_it_when() {
        let window =
            |start: Option<&str>, end: Option<&str>| AccessRule::Anonymous { start: start.map(at), end: end.map(at) };
        let (one, two, three) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
        let early = window(None, Some(one));
        let middle = window(Some(one), Some(three));
        let late = window(Some(two), None);
        use Openness::{Closed, Signed, Unrestricted, Window};
        let cases = [
            (vec![], AccessMode::Public, one, Unrestricted),
            (vec![], AccessMode::Authenticated, one, Signed),
            (vec![AccessRule::Token], AccessMode::Public, one, Signed),
            // The end does not belong to it, and the start does.
            (vec![early], AccessMode::Public, one, Closed),
            (vec![early, AccessRule::Token], AccessMode::Public, one, Signed),
            (vec![middle], AccessMode::Public, one, Window(Some(at(three)))),
            (vec![middle], AccessMode::Authenticated, one, Window(Some(at(three)))),
            (vec![middle, late], AccessMode::Public, two, Window(None)),
            (vec![late], AccessMode::Public, one, Closed),
        ];
        for (rules, mode, now, expected) in cases {
            let access = AccessControl { mode, rules };
            assert_eq!(access.at(at(now)), expected, "{access:?} at {now}");
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let access = AccessControl {
            mode: AccessMode::Authenticated,
            rules: vec![
                AccessRule::Token,
                AccessRule::Anonymous { start: Some(at("2026-01-01T00:00:00Z")), end: None },
            ],
        };
        assert_eq!(serde_json::from_value::<AccessControl>(json!(access)).unwrap(), access);
        assert_eq!(json!(AccessControl::default()), json!({}));
        assert_eq!(access.shown()[1], json!({"access_type": "anonymous", "start": "2026-01-01T00:00:00Z"}));
    }
}
