//! The flags of everything that calls a server.

use std::path::PathBuf;

use clap::Args;

use crate::terminal::{Format, Talk, Terminal};

/// Which server, as whom, and how much is said about it. Each but the last three may as well come from the environment,
/// as it is or as the name of a file that holds it (`…_FILE`), from `otaria.toml` or from the user's own file.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection and output")]
pub struct ClientOptions {
    /// The server [env: OTARIA_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
    /// The partner on whose things the command works, by id [env: OTARIA_PARTNER]
    #[arg(long, global = true, value_name = "ID")]
    pub(super) partner: Option<String>,
    /// The account whose devices are made and changed, by id [env: OTARIA_ACCOUNT]
    #[arg(long, global = true, value_name = "ID")]
    pub(super) account: Option<String>,
    /// The profile of the user's file to use [env: OTARIA_PROFILE] [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Read an access token from standard input [env: OTARIA_TOKEN, OTARIA_TOKEN_FILE]
    #[arg(long, global = true)]
    pub(super) token_stdin: bool,
    /// An access token; others on the machine can read it there
    #[arg(long, global = true, value_name = "TOKEN", hide = true, conflicts_with = "token_stdin")]
    pub(super) token: Option<String>,
    /// The id of the partner's client [env: OTARIA_CLIENT_ID, OTARIA_CLIENT_ID_FILE]
    #[arg(long, global = true, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// The secret of the partner's client [env: OTARIA_CLIENT_SECRET, OTARIA_CLIENT_SECRET_FILE]; others on the machine
    /// can read it there
    #[arg(long, global = true, value_name = "SECRET", hide = true, conflicts_with_all = ["token", "token_stdin"])]
    pub(super) client_secret: Option<String>,
    /// A PEM file with an authority that the server's certificate may be from, beside the system's [env: OTARIA_CA_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Write data and errors as JSON: one value, a list where a command takes several things
    #[arg(long, global = true)]
    json: bool,
    /// Say no words, such as that something is done: print what is asked for, such as a list or a new token, warnings and
    /// errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Say what would be sent, and change nothing
    #[arg(long, global = true)]
    dry_run: bool,
}

/// Whether a command does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Apply,
    /// It only reads, and says what else it would do.
    DryRun,
}

impl ClientOptions {
    /// The same, at this server.
    pub fn at(self, url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..self }
    }

    /// Where data and words go.
    pub fn terminal(&self) -> Terminal {
        let format = if self.json { Format::Json } else { Format::Human };
        let talk = if self.quiet { Talk::Quiet } else { Talk::Normal };
        Terminal::of_the_process(format, talk)
    }

    /// Whether the command does what it says.
    pub fn effect(&self) -> Effect {
        if self.dry_run { Effect::DryRun } else { Effect::Apply }
    }
}
