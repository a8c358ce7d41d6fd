//! `sdk-gen export [FOLDER]` writes the API descriptions, `sdk-gen check [FOLDER]` compares what is committed.

use std::{path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let folder = arguments.next().map_or_else(|| PathBuf::from("openapi"), PathBuf::from);
    let outcome = match command.as_str() {
        "export" => sdk_gen::export(&folder).map(|()| Vec::new()),
        "check" => sdk_gen::check(&folder),
        _ => {
            eprintln!("usage: sdk-gen export|check [FOLDER]   (FOLDER is `openapi` unless given)");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            for line in wrong {
                eprintln!("{line}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
