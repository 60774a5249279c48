//! `otaria`: the command that serves over-the-air updates, what an operator runs beside it, and what pipelines and
//! people call a server with.

mod api;
mod arguments;
mod client;
mod completion;
mod doctor;
mod duration;
mod failure;
mod nearest;
mod nouns;
mod publish;
#[cfg(feature = "server")]
mod server;
mod sign_in;
mod signals;
mod terminal;
mod wrong_usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use serde_json::json;

use crate::client::{Client, ClientOptions, Profile};
use crate::failure::Failure;
use crate::terminal::Format;

/// Over-the-air updates: one server that starts in a blink, and the command to publish with
#[derive(Parser)]
#[command(name = "otaria", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(subcommand_help_heading = "Commands")]
enum Command {
    /// Publish a file: upload it, record it, make it available to device types, push it to devices
    Publish(With<publish::Options>),
    /// Firmware types
    Type(On<nouns::types::Command>),
    /// Images in the pool, and for which device types they are
    Image(On<nouns::images::Command>),
    /// The kinds of devices, and how each takes updates
    DeviceType(On<nouns::device_types::Command>),
    /// Devices
    Device(On<nouns::devices::Command>),
    /// Images on their way to devices
    Push(On<nouns::pushes::Command>),
    /// The people who work for the partner
    User(On<nouns::users::Command>),
    /// The partner
    Partner(On<nouns::partners::Command>),
    /// Tokens with which a gateway speaks for many devices
    GatewayToken(On<nouns::gateway_tokens::Command>),
    /// Sign in as a person, and stay signed in
    Login(With<sign_in::login::Options>),
    /// Forget a sign-in, here and on the server
    Logout(ClientOptions),
    /// Who is signed in, where, and what they may do
    Whoami(ClientOptions),
    /// Send a request to the API, and print the answer
    Api(With<api::Options>),
    /// Find out what keeps this command, or devices, from working with a server
    Doctor(ClientOptions),
    /// Print what a shell needs to complete this command
    Completion(completion::Options),
    #[cfg(feature = "server")]
    #[command(flatten)]
    Server(server::Command),
}

/// A command and the options of everything that calls a server.
#[derive(clap::Args)]
struct With<A: clap::Args> {
    #[command(flatten)]
    options: A,
    #[command(flatten)]
    client: ClientOptions,
}

/// A noun with its verbs, and the same options.
#[derive(clap::Args)]
struct On<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    client: ClientOptions,
}

fn main() -> ExitCode {
    let format = Format::asked_for(std::env::args_os());
    let arguments = arguments::in_order(std::env::args_os());
    let command = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli.command,
        Err(error) => return wrong_usage(error, &arguments, format),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fails(&Failure::from(error), format),
    };
    let result = runtime.block_on(run(command)).and_then(|()| terminal::all_is_written());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Whoever interrupts does not wait for a thread that still reads a file.
            runtime.shutdown_background();
            fails(&failure, format)
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Publish(with) => called(with.client, |client| publish::run(with.options, client)).await,
        Command::Type(on) => called(on.client, |client| nouns::types::run(on.command, client)).await,
        Command::Image(on) => called(on.client, |client| nouns::images::run(on.command, client)).await,
        Command::DeviceType(on) => called(on.client, |client| nouns::device_types::run(on.command, client)).await,
        Command::Device(on) => called(on.client, |client| nouns::devices::run(on.command, client)).await,
        Command::Push(on) => called(on.client, |client| nouns::pushes::run(on.command, client)).await,
        Command::User(on) => called(on.client, |client| nouns::users::run(on.command, client)).await,
        Command::Partner(on) => called(on.client, |client| nouns::partners::run(on.command, client)).await,
        Command::GatewayToken(on) => called(on.client, |client| nouns::gateway_tokens::run(on.command, client)).await,
        Command::Login(with) => {
            let client = Client::of(with.client, Profile::MayBeNew)?;
            interruptible(sign_in::login::run(with.options, client)).await
        }
        Command::Logout(options) => interruptible(sign_in::logout::run(options)).await,
        Command::Whoami(options) => called(options, sign_in::whoami::run).await,
        Command::Api(with) => called(with.client, |client| api::run(with.options, client)).await,
        Command::Doctor(options) => interruptible(doctor::run(options)).await,
        Command::Completion(options) => {
            completion::run(&options, &Cli::command());
            Ok(())
        }
        #[cfg(feature = "server")]
        Command::Server(command) => server::run(command).await,
    }
}

/// Runs what calls a server.
async fn called<W>(options: ClientOptions, work: impl FnOnce(Client) -> W) -> Result<(), Failure>
where
    W: Future<Output = Result<(), Failure>>,
{
    interruptible(work(Client::of(options, Profile::Exists)?)).await
}

/// Runs until it is interrupted. What was begun is dropped then: a connection that is cut leaves nothing behind on the
/// server.
async fn interruptible(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        done = work => done,
        () = signals::command_is_interrupted() => {
            client::settled().await;
            Err(Failure::interrupted())
        }
    }
}

fn fails(failure: &Failure, format: Format) -> ExitCode {
    match format {
        Format::Json => terminal::complain_json(&failure.as_json()),
        Format::Human => terminal::complain(&failure.as_text()),
    }
    ExitCode::from(failure.exit() as u8)
}

/// Help that was asked for is no failure; everything else says what is wrong, and what may be meant.
fn wrong_usage(error: clap::Error, arguments: &[OsString], format: Format) -> ExitCode {
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
    match (error.kind(), format) {
        (ErrorKind::DisplayVersion, Format::Json) => {
            terminal::print_json(&json!({ "name": "otaria", "version": env!("CARGO_PKG_VERSION") }));
        }
        (ErrorKind::DisplayVersion | ErrorKind::DisplayHelp, _) => terminal::notice(error.print()),
        (_, format) => {
            let error = wrong_usage::explained(error, &Cli::command(), arguments);
            let text = error.render().to_string();
            if format == Format::Json {
                return fails(&Failure::usage(text.trim().trim_start_matches("error: ")), format);
            }
            terminal::complain_of(&error);
            return code;
        }
    }
    match terminal::all_is_written() {
        Err(failure) => fails(&failure, format),
        Ok(()) => code,
    }
}
