//! What `otaria login` keeps for the user, by profile: a file that only the user can read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::user_folder::user_folder;
use crate::failure::Failure;

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
            .map_err(|error| refused(&folder, &error))?;
        let path = folder.join("credentials.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| refused(&path, &error))?;
        Ok(Self { _lock: lock, sign_ins: read()? })
    }

    /// The sign-in of a profile.
    pub fn get(&self, profile: &str) -> Option<&SignIn> {
        self.sign_ins.get(profile)
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
            // One that a process left behind may be there, with whatever mode.
            remove(&next)?;
            let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&next)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&next, &path)?;
            // Else a machine that stops now may come back with the one before, whose refresh token is spent.
            File::open(&folder)?.sync_all()
        };
        written().map_err(|error| refused(&path, &error))
    }
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
    let path = path()?;
    match fs::read_to_string(&path) {
        // The parser would quote the line, and that may be a secret.
        Ok(text) => toml::from_str(&text).map_err(|_| {
            Failure::new(format!("{} cannot be read as it is", path.display()))
                .with_remedy("remove it, and sign in again with `otaria login`")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(refused(&path, &error)),
    }
}

fn path() -> Result<PathBuf, Failure> {
    Ok(user_folder()?.join("credentials.toml"))
}

fn remove(path: &std::path::Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn refused(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
