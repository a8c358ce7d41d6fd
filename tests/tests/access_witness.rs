//! A handler that proves no access does not compile, and says why; its twin with a witness does.
//!
//! The compiler is called on two small programs. They name the kit and the web framework through this package's own library,
//! which was just built, so no second build is needed and the versions are those in use.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use safelight_tests::workspace;

const WITH_WITNESS: &str = include_str!("access_witness/with_witness.rs");

/// The twin differs in the first argument of the handler and in nothing else.
fn without_witness() -> String {
    let argument = "_: Public<Pulse>";
    assert!(WITH_WITNESS.contains(argument), "the example lost its witness");
    WITH_WITNESS.replace(argument, "_: HttpRequest")
}

/// Compiles a program and returns the compiler's verdict and words.
fn compile(source: &str, folder: &Path) -> (bool, String) {
    let file = folder.join("program.rs");
    std::fs::write(&file, source).expect("the program is written");
    let dependencies = workspace::target_profile_folder().join("deps");
    let library = newest_library(&dependencies, "safelight_tests");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("--edition=2024")
        .arg("--emit=metadata")
        .arg("--out-dir")
        .arg(folder)
        .arg("--extern")
        .arg(format!("safelight_tests={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", dependencies.display()))
        .arg(&file)
        .output()
        .expect("rustc runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn newest_library(folder: &Path, name: &str) -> PathBuf {
    let prefix = format!("lib{name}-");
    let built = std::fs::read_dir(folder).expect("the folder of built libraries is readable").flatten();
    let libraries = built.map(|entry| entry.path()).filter(|path| {
        let is_library = path.extension().is_some_and(|extension| extension == "rlib");
        is_library && path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix))
    });
    let modified = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    libraries.max_by_key(modified).unwrap_or_else(|| panic!("no lib{name} in {}", folder.display()))
}

#[test]
fn a_handler_without_a_witness_does_not_compile() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (compiles, words) = compile(WITH_WITNESS, folder.path());
    assert!(compiles, "the twin with a witness must compile:\n{words}");

    let (compiles, words) = compile(&without_witness(), folder.path());
    assert!(!compiles, "a handler without a witness compiled");
    assert!(words.contains("this handler does not prove access"), "refused for another reason:\n{words}");
    let errors = words.lines().filter(|line| line.starts_with("error")).count();
    // The error itself and the closing line that counts it.
    assert!(errors <= 2, "more is wrong with the program than the missing witness:\n{words}");
}
