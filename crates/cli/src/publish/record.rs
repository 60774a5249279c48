//! The record of an image in the pool: looked for, made, and completed with the url of its file.

use std::fmt;

use otaria_wire::partner::{BooleanValue, DeviceTypeOut, PoolImageOut};
use serde_json::{Value, json};

use super::file::LocalFile;
use crate::client::Client;
use crate::client::api::Change;
use crate::failure::{Exit, Failure};
use crate::nouns::images;

/// The one firmware type whose images are made for a device type, without a file.
const DEVICE_DESCRIPTION: i64 = 4;

/// What is to be published, as whoever publishes it says.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The firmware type, 1–200.
    pub r#type: i64,
    /// What people call it.
    pub name: String,
    /// The version for people.
    pub version: String,
    /// The version number of a record that was made before.
    pub version_number: Option<String>,
    /// What it is or changes, if that was said.
    pub description: Option<String>,
    /// Its tags, if any were said.
    pub tags: Vec<String>,
    /// Those of an image that is made now where none were said.
    pub usual_tags: Vec<String>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (type {})", self.name, self.version, self.r#type)
    }
}

/// A record as people read it.
pub fn title(image: &PoolImageOut) -> String {
    let PoolImageOut { name, version, r#type, version_number, .. } = image;
    format!("{name} {version} (type {type}, version number {version_number})")
}

/// What came of a record.
#[derive(Debug)]
pub struct Settled {
    /// The record, with the file's url.
    pub image: PoolImageOut,
    /// Whether it had that before.
    pub before: Before,
}

impl Settled {
    /// Whether the record does not say all that was to be said of the image.
    pub fn says_other_than(&self, wanted: &Wanted) -> bool {
        let is_said_of = |description: &String| self.image.description.as_ref() == Some(description);
        !wanted.description.as_ref().is_none_or(is_said_of)
            || !wanted.tags.iter().all(|tag| self.image.tags.contains(tag))
    }
}

/// How a record stood before it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It was not there, or had no file.
    Incomplete,
    /// It was published with this very file.
    Published,
}

/// Looks for the record.
///
/// # Errors
/// If the server cannot be reached, or refuses; or if a record that was made before is not there.
pub async fn find(client: &Client, wanted: &Wanted) -> Result<Option<PoolImageOut>, Failure> {
    let of_type = client.ota("pool")?.to("types").to(wanted.r#type);
    let found = match &wanted.version_number {
        Some(number) => {
            let found = client.api.search(of_type, |image| image["versionNumber"] == number.as_str()).await?;
            let missing = || Failure::not_found("record", &format!("{wanted}, version number {number}"));
            Some(found.ok_or_else(missing)?)
        }
        None => {
            let named = of_type.clone().to("names").to(&wanted.name).to("versions").to(&wanted.version);
            if !client.api.read::<BooleanValue>(&named.to("exists")).await?.value {
                return Ok(None);
            }
            let is_it =
                |image: &Value| image["name"] == wanted.name.as_str() && image["version"] == wanted.version.as_str();
            client.api.search(of_type, is_it).await?
        }
    };
    Ok(found.map(serde_json::from_value).transpose()?)
}

/// That an image of this firmware type can be made: whoever lacks the type should not upload first.
///
/// # Errors
/// If there is no such type, or its images are not in the pool.
pub async fn require_type(client: &Client, wanted: &Wanted) -> Result<(), Failure> {
    let r#type = wanted.r#type;
    if r#type == DEVICE_DESCRIPTION {
        return Err(Failure::usage("a firmware image of type 4 describes a device type, and is never in the pool")
            .with_remedy(
                "make it with `otaria api POST /v1/ota/partners/{partnerId}/deviceTypes/ID/firmwareImages`",
            ));
    }
    match client.api.find(&client.ota("types")?.to(r#type)).await? {
        Some(_) => Ok(()),
        None => Err(Failure::not_found("firmware type", &r#type.to_string())
            .with_remedy(format!("make it with `otaria type create {type} --name NAME`"))),
    }
}

/// The SHA-256 of the file in the repository that a record's url leads to; none while it leads to no such file.
pub fn digest(image: &PoolImageOut) -> Option<&str> {
    let (folder, digest) = image.url.rsplit_once('/')?;
    folder.ends_with(&format!("/v1/ota/partners/{}/binaries", image.partner_id)).then_some(digest)
}

/// That a record can have this file.
///
/// # Errors
/// If it has another: a version is published once.
pub fn require_no_other(image: &PoolImageOut, file: &LocalFile) -> Result<(), Failure> {
    match digest(image) {
        Some(other) if other != file.sha256() => {
            let message = format!("{} is published with another file, of SHA-256 {other}", title(image));
            let failure = Failure::of(Exit::Conflict, "published_with_another_file", message);
            Err(failure.with_remedy(format!(
                "{} has {}: publish it as another --version",
                file.name(),
                file.sha256()
            )))
        }
        Some(_) | None => Ok(()),
    }
}

/// Sees to it that the record has the file: makes it, or completes the one that is there.
///
/// # Errors
/// If it has another file, or the server refuses.
pub async fn settle(
    client: &Client,
    wanted: &Wanted,
    found: Option<PoolImageOut>,
    device_types: &[DeviceTypeOut],
    (file, url): (&LocalFile, &str),
) -> Result<Settled, Failure> {
    let image = match found {
        Some(image) => image,
        None => match make(client, wanted, url, device_types).await? {
            Made::Now(image) => return Ok(Settled { image, before: Before::Incomplete }),
            Made::ByOthers(image) => image,
        },
    };
    require_no_other(&image, file)?;
    if digest(&image).is_some() {
        return Ok(Settled { image, before: Before::Published });
    }
    Ok(Settled { image: complete(client, wanted, image, url).await?, before: Before::Incomplete })
}

/// Who made a record.
pub enum Made {
    /// This command.
    Now(PoolImageOut),
    /// Somebody who was faster.
    ByOthers(PoolImageOut),
}

/// Makes the record, available to these device types at once.
///
/// # Errors
/// If the server refuses.
pub async fn make(
    client: &Client,
    wanted: &Wanted,
    url: &str,
    device_types: &[DeviceTypeOut],
) -> Result<Made, Failure> {
    let tags = if wanted.tags.is_empty() { &wanted.usual_tags } else { &wanted.tags };
    let device_types: Vec<_> = device_types.iter().map(|device_type| &device_type.device_type_id).collect();
    let body = json!({
        "type": wanted.r#type, "name": wanted.name, "version": wanted.version, "description": wanted.description,
        "tags": tags, "url": url, "associations": { client.settings.partner()?: device_types },
    });
    match client.api.change(Change::post(client.ota("pool")?, body)).await {
        Ok(made) => Ok(Made::Now(serde_json::from_value(made.map(|made| made.body).unwrap_or_default())?)),
        Err(failure) if failure.code() == "firmware_image_exists" => {
            find(client, wanted).await?.map(Made::ByOthers).ok_or(failure)
        }
        Err(failure) => Err(failure),
    }
}

/// Gives a record without a file the file's url, and what else is said of it now.
async fn complete(client: &Client, wanted: &Wanted, image: PoolImageOut, url: &str) -> Result<PoolImageOut, Failure> {
    let mut next = image.clone();
    url.clone_into(&mut next.url);
    next.description = wanted.description.clone().or(image.description);
    if !wanted.tags.is_empty() {
        next.tags.clone_from(&wanted.tags);
    }
    client.api.change(Change::put(images::path(client, &next)?, serde_json::to_value(&next)?)).await?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(url: &str) -> PoolImageOut {
        let image = json!({
            "id": "1", "name": "app", "type": 5, "versionNumber": "1", "version": "1", "url": url, "tags": [],
            "createdTimestamp": 1, "updatedTimestamp": 1, "partnerId": "p",
        });
        serde_json::from_value(image).unwrap()
    }

    #[test]
    fn only_a_url_of_the_repository_is_a_file() {
        assert_eq!(digest(&image("http://ota/v1/ota/partners/p/binaries/ab")), Some("ab"));
        for placeholder in ["", "none", "http://ota/v1/ota/partners/q/binaries/ab", "https://example.com/ab"] {
            assert_eq!(digest(&image(placeholder)), None, "{placeholder}");
        }
    }
}
