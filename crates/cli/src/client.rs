//! A command's view of a server: which one, as whom, and where what it says goes.

pub mod api;
pub mod connection;
pub mod credentials;
mod hidden;
mod options;
pub mod paths;
pub mod rights;
mod session;
pub mod settings;
mod user_folder;
pub mod waiting;

pub use self::options::{ClientOptions, Effect};

use self::api::Api;
use self::connection::Connection;
use self::session::Session;
pub use self::session::settled;
pub use self::settings::Profile;
use self::settings::Settings;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Everything that a command on a server works with.
pub struct Client {
    /// Requests to the server.
    pub api: Api,
    /// What was chosen, by flags and elsewhere.
    pub settings: Settings,
    /// Where data and words go.
    pub terminal: Terminal,
}

impl Client {
    /// Settles, once, what the flags, the environment and the files say. Nothing is sent yet.
    ///
    /// # Errors
    /// If there is no server to talk to, or a file cannot be read.
    pub fn of(options: ClientOptions, profile: Profile) -> Result<Self, Failure> {
        let terminal = options.terminal();
        let effect = options.effect();
        let settings = Settings::resolve(options, profile, &terminal)?;
        let connection = Connection::of(&settings, terminal)?;
        let session = Session::of(&settings, connection.clone());
        let api = Api::new(connection, session, effect, terminal);
        Ok(Self { api, settings, terminal })
    }
}
