//! Context: key and value pairs that an application keeps with an asset.

use plane_kit::{error::ApiError, http::params::Params};
use serde_json::{Map, Value};

/// Reads the parameter `context`.
pub fn read_context(params: &Params) -> Result<Map<String, Value>, ApiError> {
    read_named_pairs(params, "context")
}

/// Reads a parameter of pairs: JSON, or `key=value` pairs joined by `|`, in which `=` and `|` are escaped by a backslash.
pub fn read_named_pairs(params: &Params, name: &str) -> Result<Map<String, Value>, ApiError> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(pairs)) => Ok(pairs.clone()),
        Some(value) => {
            let text = params.text(name)?.unwrap_or_default();
            let mut pairs = Map::new();
            for pair in split_escaped(&text, '|') {
                let mut halves = split_escaped(&pair, '=').into_iter();
                let (Some(key), Some(first)) = (halves.next(), halves.next()) else {
                    return Err(plane_kit::http::params::invalid_value(name, value));
                };
                let rest: String = halves.map(|half| format!("={half}")).collect();
                pairs.insert(unescape(&key), Value::String(unescape(&format!("{first}{rest}"))));
            }
            Ok(pairs)
        }
    }
}

/// Splits at a separator that no backslash stands before. The official clients escape `=` and `|` in what they join, and nothing else: a
/// backslash before any other character is that character's neighbour and no more.
fn split_escaped(text: &str, separator: char) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut former = None;
    for c in text.chars() {
        match pieces.last_mut() {
            Some(last) if c != separator || former == Some('\\') => last.push(c),
            _ => pieces.push(String::new()),
        }
        former = Some(c);
    }
    pieces
}

fn unescape(text: &str) -> String {
    text.replace("\\=", "=").replace("\\|", "|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_read_with_its_escapes() {
        let params = Params::from_urlencoded("context=alt%3DA%5C%3DB%7Ccaption%3Da%5C%7Cb");
        let pairs = read_context(&params).unwrap();
        assert_eq!(pairs["alt"], "A=B");
        assert_eq!(pairs["caption"], "a|b");
        // What the clients do not escape stays as it is.
        let params = Params::from_urlencoded("context=path%3DC:%5C%5Cnew%7Clist%3D[%22a%5Cu00eb%22]");
        let pairs = read_context(&params).unwrap();
        assert_eq!((pairs["path"].as_str(), pairs["list"].as_str()), (Some(r"C:\\new"), Some(r#"["a\u00eb"]"#)));
        assert!(read_context(&Params::from_urlencoded("context=nothing")).is_err());
    }
}
