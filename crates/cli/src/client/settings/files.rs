//! The two files: `otaria.toml` in the repository, which everybody who builds shares and which holds no secrets, and the
//! user's own.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{environment, variable};
use crate::client::credentials::SignIn;
use crate::client::options::ClientOptions;
use crate::client::user_folder::{DISPENSABLE, user_folder};
use crate::failure::{Exit, Failure};
use crate::nearest;

/// The file in the repository.
const REPOSITORY_FILE: &str = "otaria.toml";
/// What is never taken from a file in a repository.
const SECRETS: [&str; 5] = ["token", "client_secret", "password", "refresh_token", "access_token"];

/// What can be chosen in each of the places.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// The server.
    pub url: Option<String>,
    /// The partner's id.
    pub partner: Option<String>,
    /// The account's id.
    pub account: Option<String>,
    /// The profile of the user's file; only outside of that.
    pub profile: Option<String>,
    /// The id of the partner's client.
    pub client_id: Option<String>,
    /// An authority of the server's certificate.
    pub ca_file: Option<PathBuf>,
}

impl Choices {
    pub fn of_flags(options: &ClientOptions) -> Self {
        Self {
            url: options.url.clone(),
            partner: options.partner.clone(),
            account: options.account.clone(),
            profile: options.profile.clone(),
            client_id: options.client_id.clone(),
            ca_file: options.ca_file.clone(),
        }
    }

    pub fn of_environment() -> Result<Self, Failure> {
        Ok(Self {
            url: variable("OTARIA_URL")?,
            partner: variable("OTARIA_PARTNER")?,
            account: variable("OTARIA_ACCOUNT")?,
            profile: variable("OTARIA_PROFILE")?,
            client_id: variable("OTARIA_CLIENT_ID")?,
            ca_file: environment("OTARIA_CA_FILE").map(PathBuf::from),
        })
    }

    /// What was noted when somebody signed in.
    pub fn noted(sign_in: &SignIn) -> Self {
        let SignIn { url, partner, account, .. } = sign_in.clone();
        Self { url: Some(url), partner, account, ..Self::default() }
    }

    /// These, and where they say nothing the others.
    pub fn or(self, others: Self) -> Self {
        Self {
            url: self.url.or(others.url),
            partner: self.partner.or(others.partner),
            account: self.account.or(others.account),
            profile: self.profile.or(others.profile),
            client_id: self.client_id.or(others.client_id),
            ca_file: self.ca_file.or(others.ca_file),
        }
    }

    /// What is chosen, by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, String)> {
        let ca_file = self.ca_file.as_ref().map(|file| file.display().to_string());
        let named = [
            ("url", self.url.clone()),
            ("partner", self.partner.clone()),
            ("account", self.account.clone()),
            ("profile", self.profile.clone()),
            ("client_id", self.client_id.clone()),
            ("ca_file", ca_file),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// With files that are named from where the choices were written down.
    fn beside(self, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        Self { ca_file: self.ca_file.map(|ca_file| folder.join(ca_file)), ..self }
    }
}

/// What everybody publishes who builds in a repository, unless a flag says otherwise: `[publish]` in `otaria.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishDefaults {
    /// The firmware type, 1–200.
    #[serde(default, deserialize_with = "firmware_type")]
    pub r#type: Option<u8>,
    /// The image's name.
    pub name: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The device types it is for, by id or name.
    #[serde(default)]
    pub device_types: Vec<String>,
}

fn firmware_type<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let known = u8::try_from(number).ok().filter(|number| (1..=200).contains(number));
    known.map(Some).ok_or_else(|| D::Error::custom(format!("type is a number from 1 to 200, and not {number}")))
}

/// `otaria.toml`, from the folder that the command runs in or the nearest above it.
pub struct RepositoryFile {
    pub path: PathBuf,
    pub choices: Choices,
    /// What is published from it, or what is wrong there: that matters to nobody who publishes nothing.
    pub publish: Result<PublishDefaults, String>,
}

impl Default for RepositoryFile {
    fn default() -> Self {
        Self { path: PathBuf::new(), choices: Choices::default(), publish: Ok(PublishDefaults::default()) }
    }
}

impl RepositoryFile {
    pub fn nearest() -> Result<Option<Self>, Failure> {
        let here = std::env::current_dir().map_err(Failure::usage)?;
        let Some(path) = folders(&here).map(|folder| folder.join(REPOSITORY_FILE)).find(|path| path.is_file()) else {
            return Ok(None);
        };
        is_trusted(&path, &here)?;
        let mut table: toml::Table = read(&path)?.parse().map_err(|error| wrong(&path, &error))?;
        if let Some(secret) = SECRETS.iter().find(|secret| table.contains_key(**secret)) {
            return Err(refused(&path, &format!("`{secret}` is a secret, and this file is for everybody"))
                .with_remedy("remove it, make a new one, and give that by the environment or `otaria login`"));
        }
        let publish = table.remove("publish").map(toml::Value::try_into::<PublishDefaults>).transpose();
        let publish = publish.map_err(|error| format!("{}: [publish]: {}", path.display(), without_values(&error)));
        let choices = table.try_into::<Choices>().map_err(|error| wrong(&path, &error))?;
        Ok(Some(Self { choices: choices.beside(&path), publish: publish.map(Option::unwrap_or_default), path }))
    }
}

/// A folder and those above it, up to that of its repository: what lies above is not the project's.
fn folders(here: &Path) -> impl Iterator<Item = &Path> {
    let repository = here.ancestors().position(|folder| folder.join(".git").exists());
    here.ancestors().take(repository.map_or(usize::MAX, |above| above + 1))
}

/// That nobody but those whose folder this is has put the file there: whoever else did could send the caller's secrets
/// to a server of theirs.
fn is_trusted(path: &Path, here: &Path) -> Result<(), Failure> {
    let owner = |path: &Path| match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.uid()),
        Err(error) => Err(refused(path, &error.to_string())),
    };
    if is_of_those(owner(path)?, rustix::process::geteuid().as_raw(), owner(here)?) {
        return Ok(());
    }
    Err(refused(path, "it belongs to somebody else, and could send your secrets to a server of theirs")
        .with_remedy("make it your own with `chown`, if it is what you want, or remove it"))
}

/// Whether a file is the caller's own, the administrator's, or of whoever owns the folder that the caller works in: in a
/// container that is often another user than the one who checked it out.
fn is_of_those(file: u32, caller: u32, folder: u32) -> bool {
    [caller, 0, folder].contains(&file)
}

/// The user's own file: what goes for each profile.
#[derive(Default)]
pub struct UserFile {
    /// Where it is, if it exists.
    pub path: Option<PathBuf>,
    profiles: BTreeMap<String, Choices>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiles {
    #[serde(default)]
    profiles: BTreeMap<String, Choices>,
}

impl UserFile {
    pub fn of_the_user() -> Result<Self, Failure> {
        // Who has no folder has no files.
        let Ok(folder) = user_folder() else { return Ok(Self::default()) };
        let path = folder.join("config.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(refused(&path, &error.to_string()).with_remedy(DISPENSABLE)),
        };
        let read = toml::from_str::<Profiles>(&text);
        let Profiles { profiles } = read.map_err(|error| wrong(&path, &error))?;
        if let Some((name, _)) = profiles.iter().find(|(_, choices)| choices.profile.is_some()) {
            return Err(refused(&path, &format!("a profile cannot name a profile, as `{name}` does")));
        }
        let profiles = profiles.into_iter().map(|(name, choices)| (name, choices.beside(&path))).collect();
        Ok(Self { path: Some(path), profiles })
    }

    /// What goes for a profile.
    pub fn profile(&self, name: &str) -> Option<&Choices> {
        self.profiles.get(name)
    }

    /// That a profile is named which is neither here nor among those that somebody is signed in under.
    pub fn unknown_profile(&self, name: &str, signed_in: &[String]) -> Failure {
        let known = self.profiles.keys().chain(signed_in).map(String::as_str);
        let failure = Failure::of(Exit::Usage, "usage", format!("there is no profile {name:?}"));
        match nearest::of(name, known) {
            Some(nearest) => failure.with_remedy(format!("did you mean {nearest:?}?")),
            None => failure.with_remedy(format!("make it with `otaria login --profile {name} --url URL`")),
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| refused(path, &error.to_string()))
}

/// What is wrong with a file's TOML, without the line: that may hold what it should not.
fn wrong(path: &Path, error: &toml::de::Error) -> Failure {
    refused(path, &without_values(error))
}

/// What an error says, without the text that it quotes.
fn without_values(error: &toml::de::Error) -> String {
    let message = error.message().trim();
    match (message.split_once('"'), message.rsplit_once('"')) {
        (Some((before, _)), Some((quoted, after))) if quoted.len() > before.len() => format!("{before}…{after}"),
        _ => message.to_owned(),
    }
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("{}: {}", path.display(), why.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_trusted_by_its_owner() {
        let (root, caller, runner, stranger) = (0, 1000, 1001, 1002);
        assert!(is_of_those(caller, caller, caller) && is_of_those(root, caller, caller));
        assert!(is_of_those(runner, root, runner), "a container works as root in what a runner checked out");
        assert!(!is_of_those(stranger, caller, caller) && !is_of_those(stranger, root, caller));
    }
}
