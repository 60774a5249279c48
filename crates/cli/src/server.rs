//! The server, and what an operator runs beside it, on the server's own storage.

mod bootstrap;
mod check;
mod demo;
mod options;
mod password;
mod ready;
mod serve;
mod supervisor;

use clap::Subcommand;

use self::options::ServerOptions;
use crate::failure::Failure;
use crate::terminal::print;

#[derive(Subcommand)]
pub enum Command {
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

/// Runs a command of an operator.
pub async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(options) => serve::run(&options).await,
        Command::Bootstrap(options) => bootstrap::run(&options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::ResetPassword(options) => password::run(&options).await,
        Command::Check(options) => check::run(&options).await,
        Command::Ready(options) => ready::run(&options).await,
        Command::Config(options) => options.settings().map(|settings| print(&settings.describe())),
        Command::Openapi => openapi(),
    }
}

fn openapi() -> Result<(), Failure> {
    print(&serde_json::to_string_pretty(&otaria_server::protocols::partner::document())?);
    Ok(())
}
