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
    /// What the repository says of what is published from it.
    pub publish: PublishDefaults,
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
    /// If a file cannot be read or says what it may not, or if no server is named anywhere.
    pub fn resolve(options: ClientOptions, terminal: &Terminal) -> Result<Self, Failure> {
        let RepositoryFile { path, choices: in_repository, publish } = RepositoryFile::nearest()?.unwrap_or_default();
        let user = UserFile::of_the_user()?;
        let named =
            options.profile.clone().or_else(|| environment("OTARIA_PROFILE")).or(in_repository.profile.clone());
        let profile = named.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
        let of_profile = user.profile(&profile);
        let noted = credentials::load(&profile)?;
        if named.is_some() && of_profile.is_none() && noted.is_none() {
            // A profile that is about to be made by `otaria login` is no mistake, if a server is named.
            let is_new = options.url.is_some() || environment("OTARIA_URL").is_some();
            if !is_new {
                return Err(user.unknown_profile(&profile, &credentials::profiles()?));
            }
        }
        let mut layers = vec![
            ("a flag".to_owned(), Choices::of_flags(&options)),
            ("the environment".to_owned(), Choices::of_environment()),
            (path.display().to_string(), in_repository),
        ];
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
    let refused = |why: &str| Failure::usage(format!("{text:?} is no URL of a server: {why}"));
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
        return Ok(Credential::Token(token_of_stdin()?));
    }
    if let Some(token) = options.token.clone() {
        warn("--token", "set OTARIA_TOKEN or OTARIA_TOKEN_FILE, or use --token-stdin");
        return Ok(Credential::Token(token));
    }
    if let Some(secret) = options.client_secret.clone() {
        warn("--client-secret", "set OTARIA_CLIENT_SECRET or OTARIA_CLIENT_SECRET_FILE");
        return client(secret);
    }
    if let Some(token) = secret("OTARIA_TOKEN")? {
        return Ok(Credential::Token(token));
    }
    if let Some(secret) = secret("OTARIA_CLIENT_SECRET")? {
        return client(secret);
    }
    // Whoever names a client means that one, and not the person who signed in some day through another.
    let is_meant = |sign_in: &&SignIn| given.client_id.as_ref().is_none_or(|id| *id == sign_in.client_id);
    Ok(sign_in.filter(is_meant).map_or(Credential::None, |sign_in| Credential::SignIn(sign_in.clone())))
}

fn token_of_stdin() -> Result<String, Failure> {
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).map_err(Failure::usage)?;
    match token.trim() {
        "" => Err(Failure::usage("--token-stdin: standard input is empty")),
        token => Ok(token.to_owned()),
    }
}

/// A secret from a variable, or from the file that `…_FILE` names.
pub fn secret(name: &str) -> Result<Option<String>, Failure> {
    let file_name = format!("{name}_FILE");
    match (environment(name), environment(&file_name)) {
        (Some(_), Some(_)) => Err(Failure::usage(format!("both {name} and {file_name} are set; keep one"))),
        (Some(secret), None) => Ok(Some(secret)),
        (None, Some(file)) => {
            let refused = |error: std::io::Error| Failure::usage(format!("{file_name}: {file}: {error}"));
            let text = std::fs::read_to_string(Path::new(&file)).map_err(refused)?;
            match text.trim() {
                "" => Err(Failure::usage(format!("{file_name}: {file} is empty"))),
                secret => Ok(Some(secret.to_owned())),
            }
        }
        (None, None) => Ok(None),
    }
}

/// A variable; one that is empty counts as not set, as pipelines set those that they have no value for.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
