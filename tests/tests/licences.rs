//! What is linked into the program or runs while it is built may be shipped under our licence.

use safelight_tests::workspace;

/// Licences whose terms a program under Apache-2.0 can keep by shipping their texts. MPL-2.0 asks for changed files only, and
/// we change none. GPL and AGPL are not here; LGPL is not either, because Rust libraries are linked statically (libvips itself
/// is LGPL and comes from the system, linked dynamically).
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "NCSA",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Evaluates an SPDX expression: whether there is a choice in it that only needs accepted licences.
fn is_acceptable(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Expression { tokens: &tokens, at: 0 };
    let value = parser.any()?;
    match parser.peek() {
        None => Ok(value),
        Some(token) => Err(format!("`{token}` is not expected in `{expression}`")),
    }
}

struct Expression<'a> {
    tokens: &'a [&'a str],
    at: usize,
}

impl<'a> Expression<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut value = self.all()?;
        while self.takes("OR") {
            value |= self.all()?;
        }
        Ok(value)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut value = self.one()?;
        while self.takes("AND") {
            value &= self.one()?;
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.takes("(") {
            let value = self.any()?;
            return if self.takes(")") { Ok(value) } else { Err("a parenthesis is not closed".into()) };
        }
        let name = self.peek().ok_or("the expression ends too early")?;
        self.at += 1;
        // A plus allows later versions as well, which is a wider choice.
        let name = name.strip_suffix('+').unwrap_or(name);
        if self.takes("WITH") {
            let exception = self.peek().ok_or("an exception is missing")?;
            self.at += 1;
            // An exception gives more than the licence alone, so the plain licence is enough too.
            return Ok(ACCEPTED.contains(&name) || ACCEPTED.contains(&format!("{name} WITH {exception}").as_str()));
        }
        Ok(ACCEPTED.contains(&name))
    }
}

#[test]
fn everything_linked_may_be_shipped() {
    let metadata = workspace::metadata();
    let linked = metadata.linked();
    assert!(linked.len() > 200, "the walk found only {} packages", linked.len());
    let mut refused = Vec::new();
    for package in linked {
        let name = format!("{} {}", package.name, package.version);
        match package.license.as_deref() {
            None | Some("") => refused.push(format!("{name}: no licence is stated")),
            Some(expression) => match is_acceptable(expression) {
                Ok(true) => {}
                Ok(false) => refused.push(format!("{name}: {expression}")),
                Err(reason) => refused.push(format!("{name}: {reason}")),
            },
        }
    }
    assert!(refused.is_empty(), "may not be linked:\n{}", refused.join("\n"));
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let cases = [
        ("MIT", true),
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only", false),
        ("AGPL-3.0-or-later", false),
        ("GPL-2.0-or-later OR MIT", true),
        ("GPL-2.0-or-later AND MIT", false),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
        ("MIT AND (GPL-3.0-only OR LGPL-2.1-only)", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only", true),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ("MPL-2.0", true),
        ("MPL-2.0+", true),
    ];
    for (expression, expected) in cases {
        assert_eq!(is_acceptable(expression), Ok(expected), "{expression}");
    }
    for malformed in ["", "MIT OR", "(MIT", "MIT MIT"] {
        assert!(is_acceptable(malformed).is_err(), "{malformed}");
    }
}
