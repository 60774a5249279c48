//! What `otaria login` keeps for the user, by profile: a file that only the user can read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::user_folder::{DISPENSABLE, user_folder};
use crate::failure::Failure;

/// How much room a sign-in may need at most, in bytes.
const ROOM: usize = 4096;

/// A person's sign-in at one server. `Debug` is not derived: it holds secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The server. What follows is sent to no other.
    pub url: String,
    /// Who signed in.
    pub username: String,
    /// The partner that they work for, if there was one to choose.
    pub partner: Option<String>,
    /// The account that they see, if there was one to choose.
    pub account: Option<String>,
    /// The id of the client by which they signed in.
    pub client_id: String,
    /// Its secret: a refresh token is worth nothing without.
    pub client_secret: String,
    /// Good until it expires.
    pub access_token: String,
    /// When that is, in milliseconds since the Unix epoch.
    pub expires: i64,
    /// For the next access token, once.
    pub refresh_token: String,
}

/// Every sign-in of the user, while no other process may change them.
pub struct Locked {
    _lock: File,
    sign_ins: BTreeMap<String, SignIn>,
}

impl Locked {
    /// Waits for whoever is changing them, and reads them.
    ///
    /// # Errors
    /// If the user's folder cannot be written to, or the file cannot be read.
    pub fn take() -> Result<Self, Failure> {
        let folder = user_folder()?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| not_kept(&folder, &error))?;
        let path = folder.join("credentials.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| not_kept(&path, &error))?;
        Ok(Self { _lock: lock, sign_ins: read()? })
    }

    /// The sign-in of a profile.
    pub fn get(&self, profile: &str) -> Option<&SignIn> {
        self.sign_ins.get(profile)
    }

    /// That what a server is about to give could be kept: it gives it once.
    ///
    /// # Errors
    /// If there is no room, or the folder cannot be written to.
    pub fn require_room(&self) -> Result<(), Failure> {
        let next = path()?.with_extension("toml.next");
        let text = toml::to_string(&self.sign_ins)?.into_bytes();
        let written = write_next(&next, &[text, vec![b'\n'; ROOM]].concat()).and_then(|()| remove(&next));
        written.map_err(|error| not_kept(&next, &error))
    }

    /// Keeps a profile's sign-in instead of the one before, or none.
    ///
    /// # Errors
    /// If it cannot be written down; the one before still holds then.
    pub fn set(&mut self, profile: &str, sign_in: Option<SignIn>) -> Result<(), Failure> {
        match sign_in {
            Some(sign_in) => drop(self.sign_ins.insert(profile.to_owned(), sign_in)),
            None => drop(self.sign_ins.remove(profile)),
        }
        self.write()
    }

    /// Replaces the file as a whole: who reads it meanwhile reads the one before.
    fn write(&self) -> Result<(), Failure> {
        let folder = user_folder()?;
        let path = path()?;
        let next = path.with_extension("toml.next");
        let text = toml::to_string(&self.sign_ins)?;
        let written = || {
            write_next(&next, text.as_bytes())?;
            fs::rename(&next, &path)?;
            // Else a machine that stops now may come back with the one before, whose refresh token is spent.
            File::open(&folder)?.sync_all()
        };
        written().map_err(|error| not_kept(&path, &error))
    }
}

/// Writes the file that is to be the next, or none.
fn write_next(next: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a process left behind may be there, with whatever mode.
    remove(next)?;
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(next)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half of it is nothing to anybody; that it stays is no worse than that it could not be written.
        remove(next).unwrap_or_default();
    }
    written
}

/// The sign-in of a profile, as it is now.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn load(profile: &str) -> Result<Option<SignIn>, Failure> {
    Ok(read()?.remove(profile))
}

/// The profiles that somebody is signed in under.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn profiles() -> Result<Vec<String>, Failure> {
    Ok(read()?.into_keys().collect())
}

fn read() -> Result<BTreeMap<String, SignIn>, Failure> {
    // Who has no folder has nothing kept in it.
    let Ok(path) = path() else { return Ok(BTreeMap::new()) };
    match fs::read_to_string(&path) {
        // The parser would quote the line, and that may be a secret.
        Ok(text) => toml::from_str(&text).map_err(|_| {
            Failure::new(format!("{} cannot be read as it is", path.display()))
                .with_remedy("remove it, and sign in again with `otaria login`")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(refused(&path, &error).with_remedy(DISPENSABLE)),
    }
}

fn path() -> Result<PathBuf, Failure> {
    Ok(user_folder()?.join("credentials.toml"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

fn not_kept(path: &Path, error: &io::Error) -> Failure {
    refused(path, error).with_remedy("a sign-in is kept there: make room, or set XDG_CONFIG_HOME to another folder")
}
