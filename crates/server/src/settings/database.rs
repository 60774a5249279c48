//! Where the rows are.

use std::path::{Path, PathBuf};

use otaria_store::DatabaseLocation;

use super::{RawSettings, SettingsError, not_allowed, path_of, read_secret};

/// The database that is named, by a URL or by a file with one; otherwise a file in the data folder.
pub(super) fn location(raw: &RawSettings, data: &Path) -> Result<DatabaseLocation, SettingsError> {
    match (&raw.database_url, &raw.database_url_file) {
        (Some(url), None) => named(url),
        (None, Some(file)) => named(&read_secret("database_url_file", file)?),
        (None, None) => Ok(DatabaseLocation::Sqlite(data.join("otaria.db"))),
        (Some(_), Some(_)) => Err(not_allowed("database_url_file", "must not be set together with database_url")),
    }
}

fn named(url: &str) -> Result<DatabaseLocation, SettingsError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(DatabaseLocation::Postgres(url.to_owned()));
    }
    let file = path_of(url, "sqlite:");
    file.map(|file| DatabaseLocation::Sqlite(PathBuf::from(file)))
        .ok_or_else(|| not_allowed("database_url", "must be sqlite:FILE or postgres://…"))
}

/// A database URL without its password, which may stand before the host or among the parameters.
pub(super) fn without_password(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            let user = &url[scheme + 3..at];
            let name = user.split(':').next().unwrap_or_default();
            format!("{}{name}:***{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}
