//! Rule sets for what most people want of a narrower key.

/// A ready rule set.
#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// What people may not expect of it, if there is something.
    pub warning: Option<&'static str>,
    /// The rules.
    pub rules: &'static [&'static str],
}

/// All templates.
pub const TEMPLATES: [Template; 5] = [
    Template {
        name: "read_only",
        description: "Reads everything and changes nothing: every operation marked read, searches by POST and downloads among them.",
        warning: None,
        rules: &["@all:read"],
    },
    Template {
        name: "transformations_presets_and_profiles",
        description: "Reads, makes and changes transformations, upload presets and streaming profiles, and does nothing else.",
        warning: Some("It deletes none of them; add `@transformations:destroy` and its like to let it."),
        rules: &[
            "@transformations:read",
            "@transformations:write",
            "@upload_presets:read",
            "@upload_presets:write",
            "@streaming_profiles:read",
            "@streaming_profiles:write",
        ],
    },
    Template {
        name: "everything_but_delete",
        description: "Everything except what is called by DELETE, by the letter.",
        warning: Some(DESTROY_IS_A_POST),
        rules: &["deny DELETE *"],
    },
    Template {
        name: "nothing_that_destroys",
        description: "Everything except what takes something away, by whatever method it is called.",
        warning: Some("Replacing an asset under its own name is a write and stays allowed."),
        rules: &["deny @all:destroy"],
    },
    Template {
        name: "upload_only",
        description: "Uploads, and does nothing else.",
        warning: Some(
            "It may replace any asset by its name; add a folder, as in `POST /:resource_type/upload in clients/acme`, to bound that.",
        ),
        rules: &["POST /:resource_type/upload"],
    },
];

/// What whoever forbids DELETE by the letter has to know.
pub const DESTROY_IS_A_POST: &str =
    "`POST /:resource_type/destroy` takes assets away and is no DELETE; `deny @all:destroy` forbids both.";

impl Template {
    /// The template of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rule::KeyRules;

    #[test]
    fn templates_are_rules() {
        for template in &TEMPLATES {
            let rules = KeyRules::parse(template.rules.iter().copied()).unwrap();
            assert_eq!(rules.texts(), template.rules, "{} is written as it is printed", template.name);
            assert_eq!(Template::named(template.name), Some(template));
        }
    }
}
