//! The one binary: command line and wiring, nothing else.

mod app;
mod commands;
mod data_folder;
mod installation;
mod keys;
mod local_ca;
mod samples;
mod serve;
mod settings;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};
use data_plane::media::probe::NOT_STARTED;

/// A media platform that anyone can host: provisions, stores, transforms, delivers and counts.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    given: settings::Given,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run both planes in one process, with everything made at the first start
    Dev(commands::dev::Arguments),
    /// Run the control plane
    ControlPlane(commands::control_plane::Arguments),
    /// Run a data plane of a region
    DataPlane(commands::data_plane::Arguments),
    /// Accounts
    #[command(subcommand)]
    Account(commands::account::Command),
    /// The key-encryption key
    #[command(subcommand)]
    Kek(commands::kek::Command),
    /// Regions
    #[command(subcommand)]
    Region(commands::region::Command),
    /// Print the audit log of an account or of the installation, newest first
    ///
    /// It holds what was changed. What an access key asked for and was refused changed nothing: that stands in the call records, which
    /// GET …/call_records of the Provisioning API lists.
    Audit(commands::audit::Arguments),
    /// Product environments
    #[command(subcommand)]
    Environment(commands::environment::Command),
    /// Access keys
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Users of an account
    #[command(subcommand)]
    User(commands::user::Command),
    /// Bring the databases that are configured to the newest state
    Migrate,
    /// The configuration
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Look for what would keep this installation from working
    Doctor(commands::doctor::Arguments),
    /// What rules of access keys come to
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// Say what a transformation of an address comes to
    Explain(commands::explain::Arguments),
    /// Print the OpenAPI description of a plane
    Openapi(commands::openapi::Arguments),
    /// Run a render worker; started by the server itself
    #[command(hide = true)]
    RenderWorker,
    /// Confine this process and become another program; started by the server itself
    #[command(hide = true)]
    Confined,
}

fn main() -> ExitCode {
    // A render worker confines itself before anything else of this program has run.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "render-worker") {
        let tells = std::env::args_os().nth(2).is_some_and(|argument| argument == transform::protocol::TELL_LIBRARY);
        return if tells { transform::worker::tell_library() } else { transform::worker::run(0) };
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "confined") {
        let others: Vec<OsString> = std::env::args_os().skip(2).collect();
        let Some((program, arguments)) = others.split_first() else { return ExitCode::FAILURE };
        let error = transform::confine::become_confined(program, arguments);
        eprintln!("safelight: {}: {error}", program.display());
        return ExitCode::from(NOT_STARTED);
    }
    // Two providers are linked, so rustls has to be told which one is meant before anybody uses it.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("safelight: the TLS provider is set already");
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    let given = cli.given;
    let outcome = actix_web::rt::System::new().block_on(async {
        match cli.command {
            Command::Dev(arguments) => commands::dev::run(given, arguments).await,
            Command::ControlPlane(arguments) => commands::control_plane::run(given, arguments).await,
            Command::DataPlane(arguments) => commands::data_plane::run(given, arguments).await,
            Command::Account(command) => commands::account::run(given, command).await,
            Command::Kek(command) => commands::kek::run(given, command).await,
            Command::Region(command) => commands::region::run(given, command).await,
            Command::Audit(arguments) => commands::audit::run(given, arguments).await,
            Command::Environment(command) => commands::environment::run(given, command).await,
            Command::Key(command) => commands::key::run(given, command).await,
            Command::User(command) => commands::user::run(given, command).await,
            Command::Migrate => commands::migrate::run(given).await,
            Command::Config(command) => commands::config::run(given, command),
            Command::Doctor(arguments) => commands::doctor::run(given, arguments).await,
            Command::Policy(command) => commands::policy::run(command),
            Command::Explain(arguments) => commands::explain::run(&arguments),
            Command::Openapi(arguments) => commands::openapi::run(arguments),
            Command::RenderWorker | Command::Confined => Ok(()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("safelight: {error}");
            ExitCode::FAILURE
        }
    }
}
