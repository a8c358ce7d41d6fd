//! The official SDKs, installed from their registries below the target folder, with exact versions.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use crate::workspace;

/// Python with the SDK of `tests/sdk/python/requirements.txt`.
pub fn python() -> PathBuf {
    let folder = workspace::target_profile_folder().join("sdk/python");
    let wanted = workspace::root().join("tests/sdk/python/requirements.txt");
    let program = folder.join("bin/python");
    install(&folder, &wanted, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        run(Command::new(&program).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&wanted));
    });
    program
}

/// The folder of Node modules with the SDK of `tests/sdk/node/package.json`.
pub fn node_modules() -> PathBuf {
    modules_of("tests/sdk/node", "sdk/node")
}

/// The folder of Node modules of a manifest, installed into a place below the target folder.
pub fn modules_of(manifest: &str, place: &str) -> PathBuf {
    let folder = workspace::target_profile_folder().join(place);
    let source = workspace::root().join(manifest);
    install(&folder, &source.join("package.json"), || {
        for file in ["package.json", ".npmrc"] {
            std::fs::copy(source.join(file), folder.join(file)).expect("the manifest can be copied");
        }
        run(Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder));
    });
    folder.join("node_modules")
}

/// Installs once per manifest: the manifest is kept beside what it brought. Tests of one program take turns.
fn install(folder: &Path, manifest: &Path, steps: impl FnOnce()) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::fs::read(manifest).expect("the manifest is readable");
    let mark = folder.join("installed-manifest");
    if std::fs::read(&mark).is_ok_and(|present| present == wanted) {
        return;
    }
    std::fs::create_dir_all(folder).expect("a folder for the SDK can be made");
    steps();
    std::fs::write(&mark, wanted).expect("the installation can be marked");
}

/// Runs a command and fails the test with what it said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
