//! Runs a command with a PostgreSQL of its own, whose address is in `SAFELIGHT_TEST_POSTGRES_URL`, and ends with its status.
//!
//! The tests of the crates below this one cannot use the harness, because it depends on them; this lends them its database.

use std::process::{Command, ExitCode};

use safelight_tests::harness::postgres::Postgres;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("with-postgres COMMAND [ARGUMENTS…]");
        return ExitCode::FAILURE;
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("with-postgres: {error}");
            return ExitCode::FAILURE;
        }
    };
    let database = runtime.block_on(Postgres::start());
    let status = Command::new(program).args(arguments).env("SAFELIGHT_TEST_POSTGRES_URL", database.url()).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("with-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}
