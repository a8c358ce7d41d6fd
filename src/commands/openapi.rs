//! `safelight openapi`

use clap::Args;

use super::{Failure, Outcome, print};

#[derive(Debug, Args)]
pub struct Arguments {
    /// `control-plane` or `data-plane`
    plane: String,
}

pub fn run(arguments: Arguments) -> Outcome {
    let documents = sdk_gen::documents();
    let (_, document) = documents
        .iter()
        .find(|(name, _)| *name == arguments.plane)
        .ok_or_else(|| Failure::new(format!("no such plane: {}; control-plane or data-plane", arguments.plane)))?;
    print(sdk_gen::committed_form(document)?.trim_end());
    Ok(())
}
