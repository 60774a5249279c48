//! `otaria`: the command that serves over-the-air updates, and what an operator runs beside it.

mod bootstrap;
mod check;
mod demo;
mod options;
mod password;
mod ready;
mod serve;
mod supervisor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use options::ServerOptions;

/// Over-the-air updates: one server that starts in a blink.
#[derive(Parser)]
#[command(name = "otaria", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve devices, pipelines and people
    Serve(ServerOptions),
    /// Make the first partner, owner and account, and print their credentials once
    Bootstrap(bootstrap::Options),
    /// Show a whole publication, from upload to installed, on simulated devices
    Demo(demo::Options),
    /// Give somebody who lost theirs a new password, print it once, and end their sign-ins
    ResetPassword(password::Options),
    /// Verify the audit logs and the binaries that are stored
    Check(ServerOptions),
    /// Ask the server that runs with these settings here whether it is ready; exit code 1 if it is not
    Ready(ServerOptions),
    /// Print the settings in force, without secrets
    Config(ServerOptions),
    /// Print the OpenAPI document of the partner API
    Openapi,
}

/// Why a command failed, and with which exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    error: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    /// Something is not as it must be: exit code 1.
    fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code: 1, error: error.into() }
    }

    /// It contradicts what is there: exit code 5.
    fn conflict(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code: 5, error: error.into() }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(options) => serve::run(&options).await,
        Command::Bootstrap(options) => bootstrap::run(&options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::ResetPassword(options) => password::run(&options).await,
        Command::Check(options) => check::run(&options).await,
        Command::Ready(options) => ready::run(&options).await,
        Command::Config(options) => options.settings().map(|settings| print(&settings.describe())),
        Command::Openapi => openapi(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("otaria: {}", chain(failure.error.as_ref()));
            ExitCode::from(failure.code)
        }
    }
}

/// An error and all that caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Writes a line to standard output; whoever closed it does not want it.
fn print(line: &str) {
    use std::io::Write as _;
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn openapi() -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(&otaria_server::protocols::partner::document())?);
    Ok(())
}
