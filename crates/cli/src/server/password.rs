//! `otaria reset-password`

use clap::Args;
use otaria_server::Error;
use otaria_server::serve::open;

use super::options::ServerOptions;
use crate::failure::{Exit, Failure};
use crate::terminal::print_as_it_is;

/// Whose password is lost.
#[derive(Args)]
pub struct Options {
    /// The e-mail address of somebody who can sign in
    #[arg(long)]
    email: String,
    #[command(flatten)]
    server: ServerOptions,
}

/// Makes a new password and prints it once, alone on standard output.
pub async fn run(options: &Options) -> Result<(), Failure> {
    let service = open(options.server.settings()?).await?;
    let password = service.reset_password(&options.email).await.map_err(|error| match error {
        Error::NotFound(_) => Failure::of(Exit::NotFound, "not_found", error),
        other => Failure::new(other),
    })?;
    print_as_it_is(password.reveal());
    Ok(())
}
