//! Where the bytes are. What the settings leave open about S3 is taken from the variables that every program for S3
//! knows, and credentials from nowhere else.

use std::path::{Path, PathBuf};

use otaria_store::RepositoryLocation;
use otaria_store::repository::{S3Credentials, S3Location, UrlStyle};

use super::{RawSettings, SettingsError, not_allowed, path_of, read_secret};

/// How variables of the environment are looked up.
pub(super) type Environment<'e> = &'e dyn Fn(&'static str) -> Option<String>;

/// Whose bytes a device that downloads gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downloads {
    /// The server's, which gets them from the repository.
    Proxied,
    /// The repository's own: the server only says where they are.
    Redirected,
}

impl Downloads {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Proxied => "proxied",
            Self::Redirected => "redirected",
        }
    }
}

pub(super) fn location(
    raw: &RawSettings,
    data: &Path,
    environment: Environment,
) -> Result<RepositoryLocation, SettingsError> {
    let url = raw.repository_url.as_deref();
    if let Some(place) = url.and_then(|url| url.strip_prefix("s3://")) {
        return Ok(RepositoryLocation::S3(s3(place, raw, environment)?));
    }
    let of_s3 =
        [("s3_endpoint", &raw.s3_endpoint), ("s3_region", &raw.s3_region), ("s3_url_style", &raw.s3_url_style)];
    if let Some((name, _)) = of_s3.iter().find(|(_, value)| value.is_some()) {
        return Err(not_allowed(name, "must be left out unless repository_url is s3://BUCKET"));
    }
    Ok(RepositoryLocation::Folder(match url {
        None => data.join("repository"),
        Some(url) => path_of(url, "file:")
            .map(PathBuf::from)
            .ok_or_else(|| not_allowed("repository_url", "must be file:FOLDER, s3://BUCKET or s3://BUCKET/PREFIX"))?,
    }))
}

pub(super) fn downloads(raw: &RawSettings, repository: &RepositoryLocation) -> Result<Downloads, SettingsError> {
    match (raw.downloads.as_deref(), repository) {
        (None | Some("proxied"), _) => Ok(Downloads::Proxied),
        (Some("redirected"), RepositoryLocation::S3(_)) => Ok(Downloads::Redirected),
        (Some("redirected"), RepositoryLocation::Folder(_)) => Err(not_allowed(
            "downloads",
            "must be proxied while the repository is a folder: only one on S3 has addresses to redirect to",
        )),
        (Some(_), _) => Err(not_allowed("downloads", "must be proxied or redirected")),
    }
}

/// The settings of a repository on S3, for people; the endpoint only where there is one.
pub(super) fn describe(location: &S3Location) -> Vec<String> {
    let style = match location.url_style {
        UrlStyle::Path => "path",
        UrlStyle::VirtualHost => "virtual-host",
    };
    let mut lines = Vec::new();
    lines.extend(location.endpoint.as_ref().map(|endpoint| format!("s3_endpoint = {endpoint:?}")));
    lines.push(format!("s3_region = {:?}", location.region));
    lines.push(format!("s3_url_style = {style:?}"));
    lines
}

fn s3(place: &str, raw: &RawSettings, environment: Environment) -> Result<S3Location, SettingsError> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !matches!(name, "" | "." | "..") && name.bytes().all(allowed)
    };
    if !is_name(bucket) || !(prefix.is_empty() || prefix.split('/').all(is_name)) {
        let message = "must be s3://BUCKET or s3://BUCKET/PREFIX, of letters, digits, dots, hyphens and underscores";
        return Err(not_allowed("repository_url", message));
    }
    let of_environment = |names: &[&'static str]| names.iter().find_map(|name| environment(name));
    let endpoint = raw.s3_endpoint.clone().or_else(|| of_environment(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]));
    let endpoint = endpoint.map(|endpoint| endpoint_url(&endpoint)).transpose()?;
    let url_style = match (raw.s3_url_style.as_deref(), &endpoint) {
        (Some("path"), _) | (None, Some(_)) => UrlStyle::Path,
        (Some("virtual-host"), _) | (None, None) => UrlStyle::VirtualHost,
        (Some(_), _) => return Err(not_allowed("s3_url_style", "must be path or virtual-host")),
    };
    let region = raw.s3_region.clone().or_else(|| of_environment(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
    Ok(S3Location {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        endpoint,
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        url_style,
        credentials: credentials(environment)?,
    })
}

fn endpoint_url(url: &str) -> Result<String, SettingsError> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ', '"']) {
        return Err(not_allowed("s3_endpoint", "must be http:// or https:// with a host, and nothing behind it"));
    }
    Ok(url.to_owned())
}

fn credentials(environment: Environment) -> Result<S3Credentials, SettingsError> {
    let required = |name, value: Option<String>| {
        value.ok_or_else(|| not_allowed(name, "must be set in the environment while the repository is on S3"))
    };
    let secret = |name, file_name| match (environment(name), environment(file_name)) {
        (secret, None) => Ok(secret),
        (None, Some(file)) => read_secret(file_name, Path::new(&file)).map(Some),
        (Some(_), Some(_)) => Err(not_allowed(file_name, format!("must not be set together with {name}"))),
    };
    Ok(S3Credentials {
        access_key_id: required("AWS_ACCESS_KEY_ID", environment("AWS_ACCESS_KEY_ID"))?,
        secret_access_key: required(
            "AWS_SECRET_ACCESS_KEY",
            secret("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY_FILE")?,
        )?,
        session_token: secret("AWS_SESSION_TOKEN", "AWS_SESSION_TOKEN_FILE")?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Settings;
    use super::*;

    const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];

    fn settings(raw: RawSettings, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let find = |name: &'static str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::in_environment(raw, &find)
    }

    fn at(url: &str) -> RawSettings {
        RawSettings { repository_url: Some(url.to_owned()), ..RawSettings::default() }
    }

    fn s3_of(settings: &Settings) -> &S3Location {
        match &settings.repository {
            RepositoryLocation::S3(location) => location,
            RepositoryLocation::Folder(folder) => panic!("a folder: {folder:?}"),
        }
    }

    #[test]
    fn a_bucket_at_amazon_needs_no_more_than_its_name_and_a_key() {
        let settings = settings(at("s3://firmware"), &KEY).unwrap();
        let s3 = s3_of(&settings);
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str(), s3.endpoint.as_deref()), ("firmware", "", None));
        assert_eq!((s3.region.as_str(), s3.url_style), ("us-east-1", UrlStyle::VirtualHost));
        assert_eq!(settings.downloads, Downloads::Proxied);
    }

    #[test]
    fn settings_win_over_the_variables_of_every_program() {
        let usual = [
            ("AWS_ENDPOINT_URL", "https://all.example.com"),
            ("AWS_ENDPOINT_URL_S3", "https://s3.example.com/"),
            ("AWS_DEFAULT_REGION", "eu-north-1"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let usual: Vec<_> = KEY.into_iter().chain(usual).collect();
        let of_usual = settings(at("s3://b/some/prefix/"), &usual).unwrap();
        let s3 = s3_of(&of_usual);
        assert_eq!((s3.endpoint.as_deref(), s3.region.as_str()), (Some("https://s3.example.com"), "eu-west-1"));
        assert_eq!((s3.prefix.as_str(), s3.url_style), ("some/prefix", UrlStyle::Path));
        let own = RawSettings {
            s3_endpoint: Some("http://10.0.0.1:9000".into()),
            s3_region: Some("garage".into()),
            s3_url_style: Some("virtual-host".into()),
            ..at("s3://b")
        };
        let own = settings(own, &usual).unwrap();
        let s3 = s3_of(&own);
        assert_eq!((s3.endpoint.as_deref(), s3.region.as_str()), (Some("http://10.0.0.1:9000"), "garage"));
        assert_eq!(s3.url_style, UrlStyle::VirtualHost);
        let printed = own.describe();
        for key in ["repository_url", "s3_endpoint", "s3_region", "s3_url_style"] {
            assert!(printed.contains(&format!("{key} = ")), "{key} is missing from {printed}");
        }
    }

    #[test]
    fn the_secret_may_be_in_a_file_and_is_in_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hunter2\n").unwrap();
        let file = file.display().to_string();
        let mut variables = vec![
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_SECRET_ACCESS_KEY_FILE", &file),
            ("AWS_SESSION_TOKEN", "hunter3"),
        ];
        let settings_of_file = settings(at("s3://b"), &variables).unwrap();
        let credentials = &s3_of(&settings_of_file).credentials;
        assert_eq!(credentials.secret_access_key, "hunter2");
        assert_eq!(credentials.session_token.as_deref(), Some("hunter3"));
        for text in [format!("{settings_of_file:?}"), settings_of_file.describe()] {
            assert!(!text.contains("hunter"), "{text}");
        }
        variables.push(KEY[1]);
        let both = settings(at("s3://b"), &variables).unwrap_err().to_string();
        assert!(both.contains("AWS_SECRET_ACCESS_KEY_FILE"), "{both}");
    }

    #[rstest]
    #[case(at("s3://"), "repository_url")]
    #[case(at("s3://b//x"), "repository_url")]
    #[case(at("s3://b/../x"), "repository_url")]
    #[case(at("s3://b/a b"), "repository_url")]
    #[case(RawSettings { s3_endpoint: Some("minio:9000".into()), ..at("s3://b") }, "s3_endpoint")]
    #[case(RawSettings { s3_endpoint: Some("http://minio:9000/b".into()), ..at("s3://b") }, "s3_endpoint")]
    #[case(RawSettings { s3_url_style: Some("host".into()), ..at("s3://b") }, "s3_url_style")]
    #[case(RawSettings { s3_region: Some("x".into()), ..at("file:/tmp/x") }, "s3_region")]
    #[case(RawSettings { downloads: Some("redirect".into()), ..at("s3://b") }, "downloads")]
    #[case(RawSettings { downloads: Some("redirected".into()), ..at("file:/tmp/x") }, "downloads")]
    #[case(RawSettings { max_binary_bytes: Some(u64::MAX), ..at("s3://b") }, "max_binary_bytes")]
    fn what_cannot_work_names_its_setting(#[case] raw: RawSettings, #[case] name: &str) {
        let text = settings(raw, &KEY).unwrap_err().to_string();
        assert!(text.starts_with(name) && text.contains("must be"), "{text}");
    }

    #[test]
    fn a_bucket_without_a_key_names_the_variable() {
        for (known, missing) in [(vec![], "AWS_ACCESS_KEY_ID"), (vec![KEY[0]], "AWS_SECRET_ACCESS_KEY")] {
            let text = settings(at("s3://b"), &known).unwrap_err().to_string();
            assert!(text.starts_with(&format!("{missing}: must be set")), "{text}");
        }
    }
}
