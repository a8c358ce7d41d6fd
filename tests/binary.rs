//! The program starts. As a test of the root package it also makes `cargo test` build the program that the tests in
//! `tests/tests` start.

use std::process::Command;

#[test]
fn the_program_names_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_safelight")).arg("--version").output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim(), concat!("safelight ", env!("CARGO_PKG_VERSION")));
}
