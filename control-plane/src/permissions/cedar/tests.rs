//! What compiles, what is refused, and under which name: vectors as data.

use super::*;

/// The lines of a policy as rules are written, statement by statement.
fn lines(text: &str) -> Vec<String> {
    let statements = check(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
    let of_statement = |statement: &Statement| {
        statement.grants.iter().map(|one| one.line("s", statement.effect, &[]).to_string()).collect::<Vec<_>>()
    };
    statements.iter().flat_map(of_statement).collect()
}

#[test]
fn what_is_in_the_subset_compiles() {
    let cases: [(&str, &[&str]); 19] = [
        ("permit(principal, action, resource);", &["*"]),
        ("forbid(principal, action, resource);", &["deny *"]),
        (r#"permit(principal, action == Cloudinary::Action::"read", resource);"#, &["@all:read"]),
        (r#"forbid(principal, action in [Cloudinary::Action::"delete"], resource);"#, &["deny @all:destroy"]),
        (
            r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::api_keys::view");"#,
            &["@access_keys:read"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"read", resource == Cloudinary::Feature::"cld::global::api_keys::manage");"#,
            &["@access_keys:read"],
        ),
        (r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::ml::access");"#, &[]),
        (
            r#"permit(principal == Cloudinary::APIKey::"1234",action==Cloudinary::Action::"read",resource is Cloudinary::Folder ) when {resource.ancestor_ids.contains("asdfjkl12347890")} ;"#,
            &["@folders:read in asdfjkl12347890"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update", resource is Cloudinary::Folder) when {resource.ancestor_ids.contains("/a/b/")};"#,
            &["PUT /folders/:folder_path in a/b"],
        ),
        (
            r#"permit(principal, action in [Cloudinary::Action::"delete"], resource is Cloudinary::Asset) when { resource.ancestor_ids.containsAny(["a", "b"]) };"#,
            &["@assets:destroy in a", "@assets:destroy in b", "@backups:destroy in a", "@backups:destroy in b"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update_tags", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("a") || resource.ancestor_ids.contains("b") };"#,
            &["@tags:write in a", "@tags:write in b"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update_metadata", resource in Cloudinary::Folder::"a");"#,
            &["@metadata:write in a"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update_tags", resource is Cloudinary::Asset in Cloudinary::Folder::"a");"#,
            &["@tags:write in a"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update_tags", resource is Cloudinary::Asset) when { resource in Cloudinary::Folder::"a" };"#,
            &["@tags:write in a"],
        ),
        (r#"permit(principal, action == Cloudinary::Action::"moderate", resource is Cloudinary::Asset);"#, &[]),
        (
            r#"permit(principal, action == Cloudinary::Action::"read", resource is Cloudinary::Report) when { resource.type == "env_usage" };"#,
            &["@usage:read"],
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"update_settings", resource is Cloudinary::ProductEnvironment);"#,
            &[],
        ),
        (
            "permit(principal, action, resource is Cloudinary::UploadMapping);",
            &["@upload_mappings:POST", "@upload_mappings:read", "@upload_mappings:PUT", "@upload_mappings:destroy"],
        ),
        (
            "permit(principal, action, resource);\n// the next one\nforbid(principal, action, resource is Cloudinary::Account);",
            &["*"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(lines(text), expected, "{text}");
    }
}

#[test]
fn principals_are_read() {
    for (principal, expected) in [
        ("principal", Who::Anyone),
        ("principal is Cloudinary::User", Who::Kind("User".into())),
        (r#"principal == Cloudinary::APIKey::"1""#, Who::One("APIKey".into(), "1".into())),
        (r#"principal == Cloudinary::ProvisioningKey::"1""#, Who::One("ProvisioningKey".into(), "1".into())),
        (r#"principal in Cloudinary::Group::"g""#, Who::MembersOf("g".into())),
    ] {
        let statements = check(&format!("permit({principal}, action, resource);")).unwrap();
        assert_eq!(statements[0].who, expected, "{principal}");
    }
}

#[test]
fn what_is_outside_is_refused_by_name_and_place() {
    for (text, code, names) in [
        ("", SUBSET_CODE, "no statement"),
        ("permit(principal, action)", CEDAR_CODE, "unexpected end of input at line 1, column 26"),
        ("permit(principal, action, resource)", CEDAR_CODE, "line 1"),
        (r#"permit(principal == Cloudinary::APIKy::"1", action, resource);"#, CEDAR_CODE, "Cloudinary::APIKy"),
        (r#"permit(principal, action == Cloudinary::Action::"paint", resource);"#, CEDAR_CODE, "paint"),
        ("permit(principal == ?principal, action, resource);", SUBSET_CODE, "template slot"),
        (
            "permit(principal, action, resource);\n  permit(principal, action, resource is Cloudinary::Asset)\n  unless { resource.ancestor_ids.contains(\"a\") };",
            SUBSET_CODE,
            "`unless` is not supported at line 3, column 3",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Asset) when { resource.resource_type == "image" };"#,
            SUBSET_CODE,
            "the attribute `resource_type`",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("a") && resource.ancestor_ids.contains("b") };"#,
            SUBSET_CODE,
            "`&&`",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Asset) when { !resource.ancestor_ids.contains("a") };"#,
            SUBSET_CODE,
            "`!`",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Asset) when { resource.ancestor_ids.containsAll(["a"]) };"#,
            SUBSET_CODE,
            "`containsAll` on the attribute `ancestor_ids`",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Folder) when { resource.name like "a*" };"#,
            SUBSET_CODE,
            "`like` on the attribute `name`",
        ),
        (
            r#"permit(principal is Cloudinary::User, action, resource is Cloudinary::Asset) when { principal has root && principal.root };"#,
            SUBSET_CODE,
            "`&&`",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("") };"#,
            SUBSET_CODE,
            "a folder without a name",
        ),
        (r#"permit(principal, action, resource == Cloudinary::Asset::"a");"#, SUBSET_CODE, "one Asset by its id"),
        (
            r#"permit(principal, action == Cloudinary::Action::"delete", resource == Cloudinary::Folder::"a");"#,
            SUBSET_CODE,
            "one Folder without what lies in it",
        ),
        (
            r#"permit(principal, action, resource is Cloudinary::Folder) when { resource == Cloudinary::Folder::"a" };"#,
            SUBSET_CODE,
            "`==` is not supported",
        ),
        (
            r#"permit(principal, action, resource == Cloudinary::Feature::"cld::global::api_key::view");"#,
            SUBSET_CODE,
            "did you mean `cld::global::api_keys::view`?",
        ),
        (
            r#"permit(principal, action == Cloudinary::Action::"delete", resource == Cloudinary::Feature::"cld::global::api_keys::view");"#,
            SUBSET_CODE,
            "an action other than `read` on a feature",
        ),
        ("permit(principal, action, resource is Cloudinary::Feature);", SUBSET_CODE, "the kind Feature"),
        (
            r#"permit(principal, action == Cloudinary::Action::"moderate", resource is Cloudinary::Folder);"#,
            SUBSET_CODE,
            "the action `moderate` on the kind Folder",
        ),
    ] {
        let wrong = check(text).expect_err(text);
        assert!(wrong.to_string().contains(names), "{text}: `{wrong}` does not contain `{names}`");
        assert!(wrong.0.iter().all(|one| one.code == code), "{text}: {wrong:?}");
    }
    let long = format!("// {}\npermit(principal, action, resource);", "x".repeat(LONGEST_POLICY));
    assert!(check(&long).is_err());
}

#[test]
fn placeholders_are_filled_in_lines() {
    let text = r#"permit(principal, action == Cloudinary::Action::"update_tags", resource is Cloudinary::Asset) when { resource.ancestor_ids.contains("<folder_id>") };"#;
    let grant = &compile(text).unwrap()[0].grants[0];
    let line = grant.line("s", Effect::Allow, &[("<folder_id>".to_owned(), "a/\"b".to_owned())]);
    assert_eq!(line.folder, "/a/\"b");
}
