//! What was chosen: a flag over the environment over `otaria.toml` over the user's own file over what was noted at
//! `otaria login`; resolved once.

pub mod files;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::Url;

use self::files::{Choices, PublishDefaults, RepositoryFile, UserFile};
use super::credentials::{self, SignIn};
use super::options::ClientOptions;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The profile of whoever names none.
const DEFAULT_PROFILE: &str = "default";

/// What a command expects of the profile that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// It is there.
    Exists,
    /// Somebody signs in under it, maybe for the first time.
    MayBeNew,
}

/// Which server, as whom.
#[derive(Debug)]
pub struct Settings {
    /// The server.
    pub url: Url,
    /// The profile whose sign-in is used.
    pub profile: String,
    /// How the caller proves who they are.
    pub credential: Credential,
    /// The id of the partner's client, where one is named.
    pub client_id: Option<String>,
    /// An authority of the server's certificate, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Where each of them comes from.
    pub origins: Vec<Origin>,
    publish: Result<PublishDefaults, String>,
    partner: Option<String>,
    account: Option<String>,
}

/// What one setting says, and where that was said. No secret is a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The setting's name, as in the files.
    pub setting: &'static str,
    /// What it says.
    pub value: String,
    /// Where.
    pub place: String,
}

/// How the caller proves who they are. `Debug` is not derived: it holds secrets.
pub enum Credential {
    /// An access token that somebody else got.
    Token(String),
    /// The partner's client: what a pipeline has.
    Client {
        /// Its id.
        id: String,
        /// Its secret.
        secret: String,
    },
    /// A person's sign-in at `otaria login`.
    SignIn(SignIn),
    /// Nothing yet.
    None,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Client { .. } => "Client",
            Self::SignIn(_) => "SignIn",
            Self::None => "None",
        })
    }
}

impl Settings {
    /// Settles what the flags, the environment and the files say.
    ///
    /// # Errors
    /// If a file cannot be read or says what it may not, if no server is named anywhere, or if a profile is named that is
    /// not there or is for another server.
    pub fn resolve(options: ClientOptions, expected: Profile, terminal: &Terminal) -> Result<Self, Failure> {
        let RepositoryFile { path, choices: in_repository, publish } = RepositoryFile::nearest()?.unwrap_or_default();
        let mut layers = vec![
            ("a flag".to_owned(), Choices::of_flags(&options)),
            ("the environment".to_owned(), Choices::of_environment()?),
            (path.display().to_string(), in_repository),
        ];
        let named = layers.iter().position(|(_, choices)| choices.profile.is_some());
        let profile = chosen_profile(&layers);
        let own_files = if is_all_given(&options, &layers)? { OwnFiles::Dispensable } else { OwnFiles::Needed };
        let user = own_files.read(UserFile::of_the_user(), terminal)?;
        let of_profile = user.profile(&profile);
        let noted = own_files.read(credentials::load(&profile), terminal)?;
        if let Some(named) = named
            && of_profile.is_none()
            && noted.is_none()
            && expected == Profile::Exists
        {
            // That of a repository is its people's, and a pipeline that names the server itself has none.
            let is_repositorys = named == layers.len() - 1;
            if !is_repositorys || layers.iter().all(|(_, choices)| choices.url.is_none()) {
                return Err(user.unknown_profile(&profile, &credentials::profiles()?));
            }
        }
        let own_url = of_profile.and_then(|choices| choices.url.as_ref()).or(noted.as_ref().map(|noted| &noted.url));
        if let (Some(named), Some(own_url)) = (named, own_url) {
            is_not_overruled(&profile, own_url, &layers, named)?;
        }
        if let (Some(path), Some(choices)) = (&user.path, of_profile) {
            layers.push((path.display().to_string(), choices.clone()));
        }
        let given = layers.iter().fold(Choices::default(), |nearer, (_, choices)| nearer.or(choices.clone()));
        let (url, sign_in) = server(&given, noted)?;
        let credential = credential(&options, &given, sign_in.as_ref(), terminal)?;
        layers.extend(sign_in.as_ref().map(|sign_in| ("otaria login".to_owned(), Choices::noted(sign_in))));
        let client_id = given.client_id.clone();
        let Choices { partner, account, ca_file, .. } =
            given.or(layers.last().map(|(_, choices)| choices.clone()).unwrap_or_default());
        Ok(Self {
            url,
            profile,
            credential,
            client_id,
            ca_file,
            origins: origins(&layers),
            publish,
            partner,
            account,
        })
    }

    /// What the repository says of what is published from it.
    ///
    /// # Errors
    /// If that is not as it must be.
    pub fn publish(&self) -> Result<&PublishDefaults, Failure> {
        self.publish.as_ref().map_err(|why| Failure::usage(why.clone()))
    }

    /// The partner on whose things the command works.
    ///
    /// # Errors
    /// If none is named anywhere.
    pub fn partner(&self) -> Result<&str, Failure> {
        self.partner.as_deref().ok_or_else(|| {
            Failure::usage("no partner is named")
                .with_remedy("give --partner ID, or set OTARIA_PARTNER, or `partner` in otaria.toml")
        })
    }

    /// The account whose devices are made and changed.
    ///
    /// # Errors
    /// If none is named anywhere.
    pub fn account(&self) -> Result<&str, Failure> {
        self.account.as_deref().ok_or_else(|| {
            Failure::usage("no account is named")
                .with_remedy("give --account ID, or set OTARIA_ACCOUNT, or `account` in otaria.toml")
        })
    }
}

/// What the user's own files are to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnFiles {
    /// They may say what nothing else does.
    Needed,
    /// All that matters is said elsewhere.
    Dispensable,
}

impl OwnFiles {
    /// What was read of one, or nothing, where it cannot be read and is not needed.
    fn read<T: Default>(self, read: Result<T, Failure>, terminal: &Terminal) -> Result<T, Failure> {
        match read {
            Err(failure) if self == Self::Dispensable => {
                terminal.say(&format!("{}: going on without", failure.message()));
                Ok(T::default())
            }
            read => read,
        }
    }
}

/// Whether flags and the environment name the server and say how the caller proves who they are, and no profile is named.
fn is_all_given(options: &ClientOptions, layers: &[(String, Choices)]) -> Result<bool, Failure> {
    let named = |choice: fn(&Choices) -> &Option<String>| layers.iter().any(|(_, choices)| choice(choices).is_some());
    let has_token = options.token_stdin || options.token.is_some() || variable("OTARIA_TOKEN")?.is_some();
    let has_secret = options.client_secret.is_some() || variable("OTARIA_CLIENT_SECRET")?.is_some();
    let has_credential = has_token || (has_secret && named(|choices| &choices.client_id));
    Ok(has_credential && named(|choices| &choices.url) && !named(|choices| &choices.profile))
}

/// The name of the profile in force.
///
/// # Errors
/// If the repository's file cannot be read, or is not as it must be.
pub fn profile(options: &ClientOptions) -> Result<String, Failure> {
    let in_repository = RepositoryFile::nearest()?.unwrap_or_default().choices;
    Ok(chosen_profile(&[
        (String::new(), Choices::of_flags(options)),
        (String::new(), Choices::of_environment()?),
        (String::new(), in_repository),
    ]))
}

fn chosen_profile(layers: &[(String, Choices)]) -> String {
    let named = layers.iter().find_map(|(_, choices)| choices.profile.clone());
    named.unwrap_or_else(|| DEFAULT_PROFILE.to_owned())
}

/// That no place that is further away than the one at which a profile is named sends its commands to another server: who
/// says `--profile staging` does not mean production.
fn is_not_overruled(profile: &str, own_url: &str, layers: &[(String, Choices)], named: usize) -> Result<(), Failure> {
    let said = layers.iter().enumerate().find_map(|(at, (place, choices))| Some((at, place, choices.url.as_ref()?)));
    match said {
        Some((at, place, url)) if at > named && parse_url(url)? != parse_url(own_url)? => {
            let message = format!("the profile {profile:?} is for {own_url}, and {place} says {url}");
            Err(Failure::usage(message).with_remedy("leave one of them out, or say which with --url URL"))
        }
        _ => Ok(()),
    }
}

/// Of each setting the nearest place that says it.
fn origins(layers: &[(String, Choices)]) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for (place, choices) in layers {
        for (setting, value) in choices.named() {
            if origins.iter().all(|origin| origin.setting != setting) {
                origins.push(Origin { setting, value, place: place.clone() });
            }
        }
    }
    origins
}

/// The server, and the sign-in if there is one for it: what was noted for one server is never sent to another.
fn server(given: &Choices, noted: Option<SignIn>) -> Result<(Url, Option<SignIn>), Failure> {
    match (&given.url, noted) {
        (Some(url), noted) => {
            let url = parse_url(url)?;
            let noted = noted.filter(|noted| parse_url(&noted.url).is_ok_and(|known| known == url));
            Ok((url, noted))
        }
        (None, Some(noted)) => Ok((parse_url(&noted.url)?, Some(noted))),
        (None, None) => Err(Failure::usage("no server is named").with_remedy(
            "give --url URL, or set OTARIA_URL, or `url` in otaria.toml, or sign in with `otaria login --url URL`",
        )),
    }
}

/// A server's URL. A path before the API's own is kept, for servers behind a proxy.
fn parse_url(text: &str) -> Result<Url, Failure> {
    let refused = |why: &str| Failure::usage(format!("{} is no URL of a server: {why}", shown(text)));
    let url: Url = text.parse().map_err(|_| refused("it must look like https://ota.example.com"))?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(refused("it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it must hold no credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("it must have no query and no fragment"));
    }
    Ok(url)
}

/// A URL that may be none, as far as it holds no secret: what stands before an @ may be a password, what follows a ? a
/// token, and what looks like no URL at all may be either.
fn shown(text: &str) -> String {
    let (text, after) = text.split_once(['?', '#']).map_or((text, ""), |(text, _)| (text, "…"));
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}{after}"),
        None if text.contains(['.', ':', '/']) => format!("{:?}", format!("{text}{after}")),
        None => "what is given as the server".to_owned(),
    }
}

/// How the caller proves who they are: what a flag says, else the environment, else the sign-in.
fn credential(
    options: &ClientOptions,
    given: &Choices,
    sign_in: Option<&SignIn>,
    terminal: &Terminal,
) -> Result<Credential, Failure> {
    let client = |secret: String| match given.client_id.clone() {
        Some(id) => Ok(Credential::Client { id, secret }),
        None => Err(Failure::usage("there is a client secret and no client id")
            .with_remedy("set OTARIA_CLIENT_ID as well, or give --client-id ID")),
    };
    let warn = |flag: &str, instead: &str| {
        terminal.warn(&format!("{flag} can be read by others on this machine; {instead}"));
    };
    if options.token_stdin {
        return token("standard input", &token_of_stdin()?);
    }
    if let Some(given) = &options.token {
        warn("--token", "set OTARIA_TOKEN or OTARIA_TOKEN_FILE, or use --token-stdin");
        return token("--token", given);
    }
    if let Some(secret) = options.client_secret.clone() {
        warn("--client-secret", "set OTARIA_CLIENT_SECRET or OTARIA_CLIENT_SECRET_FILE");
        return client(secret);
    }
    if let Some(given) = variable("OTARIA_TOKEN")? {
        return token("OTARIA_TOKEN", &given);
    }
    if let Some(secret) = variable("OTARIA_CLIENT_SECRET")? {
        return client(secret);
    }
    // Whoever names a client means that one, and not the person who signed in some day through another.
    let is_meant = |sign_in: &&SignIn| given.client_id.as_ref().is_none_or(|id| *id == sign_in.client_id);
    Ok(sign_in.filter(is_meant).map_or(Credential::None, |sign_in| Credential::SignIn(sign_in.clone())))
}

/// A token as it goes into a header (RFC 6750, 2.1): one word.
fn token(place: &str, given: &str) -> Result<Credential, Failure> {
    let given = given.trim();
    if given.is_empty() || !given.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Failure::usage(format!(
            "{place} holds no token: that is one word, without spaces and line feeds"
        )));
    }
    Ok(Credential::Token(given.to_owned()))
}

fn token_of_stdin() -> Result<String, Failure> {
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).map_err(Failure::usage)?;
    match token.trim() {
        "" => Err(Failure::usage("--token-stdin: standard input is empty")),
        token => Ok(token.to_owned()),
    }
}

/// What a variable says, or the file that `…_FILE` names.
pub fn variable(name: &str) -> Result<Option<String>, Failure> {
    let file_name = format!("{name}_FILE");
    match (environment(name), environment(&file_name)) {
        (Some(_), Some(_)) => Err(Failure::usage(format!("both {name} and {file_name} are set; keep one"))),
        (Some(value), None) => Ok(Some(value)),
        (None, Some(file)) => {
            // Not by its name: somebody may have put the secret itself there.
            let refused = |why: String| {
                Failure::usage(format!("{file_name} names a file that {why}"))
                    .with_remedy(format!("it holds the name of a file, and {name} what would be in that"))
            };
            let text = std::fs::read_to_string(Path::new(&file));
            let text = text.map_err(|error| refused(format!("cannot be read: {error}")))?;
            match text.trim() {
                "" => Err(refused("is empty".to_owned())),
                value => Ok(Some(value.to_owned())),
            }
        }
        (None, None) => Ok(None),
    }
}

/// A variable, without the line feed that often comes with what was read from a file. One that is empty counts as not set,
/// as pipelines set those that they have no value for.
fn environment(name: &str) -> Option<String> {
    let value = std::env::var(name).ok()?;
    Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
}
