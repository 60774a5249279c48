//! The record of an image in the pool: looked for, made, and completed with the url of its file.

use std::fmt;

use otaria_core::FirmwareType;
use otaria_core::fields::Fields;
use otaria_wire::partner::{BooleanValue, DeviceTypeOut, PoolImageOut};
use serde::Serialize;
use serde_json::{Value, json};

use super::file::LocalFile;
use crate::client::Client;
use crate::client::api::{Change, Replaced};
use crate::failure::{Exit, Failure};
use crate::nouns::image_reference::path;

/// What is to be published, as whoever publishes it says.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The firmware type, 1–200.
    pub r#type: i64,
    /// What people call it.
    pub name: String,
    /// The version for people.
    pub version: String,
    /// The record that was made before.
    pub recorded: Option<Recorded>,
    /// What it is or changes, if that was said.
    pub description: Option<String>,
    /// Its tags, if any were said.
    pub tags: Vec<String>,
    /// Those of an image that is made now where none were said.
    pub usual_tags: Vec<String>,
}

/// Which record was made before.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its id in the pool.
    pub id: String,
    /// Whose pool that is.
    pub partner_id: String,
}

impl Wanted {
    /// That the server takes every value, as it would say itself once it has the file.
    ///
    /// # Errors
    /// What is wrong with each of those that it does not take.
    pub fn require_valid(&self) -> Result<(), Failure> {
        let mut fields = Fields::new();
        fields.name("name", Some(&self.name));
        fields.version(Some(&self.version));
        fields.description(self.description.as_deref());
        fields.tags(&self.tags_of_new().iter().cloned().map(Some).collect::<Vec<_>>());
        fields.finish().map_err(|wrong| {
            let wrong: Vec<_> = wrong.iter().map(|field| format!("{} {}", field.name, field.message)).collect();
            Failure::usage(wrong.join("; "))
        })
    }

    /// The tags of an image that is made now.
    fn tags_of_new(&self) -> &[String] {
        if self.tags.is_empty() { &self.usual_tags } else { &self.tags }
    }
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
    pub status: Status,
    /// The device types that it was made for, together with the record.
    pub available_to: Vec<DeviceTypeOut>,
}

impl Settled {
    /// Whether the record does not say all that was to be said of the image.
    pub fn says_other_than(&self, wanted: &Wanted) -> bool {
        let is_said_of = |description: &String| self.image.description.as_ref() == Some(description);
        !wanted.description.as_ref().is_none_or(is_said_of)
            || !wanted.tags.iter().all(|tag| self.image.tags.contains(tag))
    }
}

/// What came of a publication, by the word that programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The record has the file now.
    Published,
    /// It had this very file before.
    AlreadyPublished,
    /// There is a record, which has no file yet.
    Recorded,
}

impl Status {
    /// How a sentence for people begins, before what it is about.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::AlreadyPublished => "already published:",
            Self::Recorded => "recorded",
        }
    }
}

/// Where the file of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOf<'i> {
    /// It has none yet.
    None,
    /// In the partner's repository, under this SHA-256.
    Ours(&'i str),
    /// At a url of somebody else's, or one that leads nowhere. What is there cannot be compared.
    Elsewhere,
}

impl<'i> FileOf<'i> {
    /// What the record's url says.
    pub fn record(image: &'i PoolImageOut) -> Self {
        let repository = format!("/v1/ota/partners/{}/binaries", image.partner_id);
        match image.url.rsplit_once('/') {
            _ if image.url.is_empty() => Self::None,
            Some((folder, digest)) if folder.ends_with(&repository) => Self::Ours(digest),
            Some(_) | None => Self::Elsewhere,
        }
    }
}

/// Looks for the record.
///
/// # Errors
/// If the server cannot be reached, or refuses; or if a record that was made before is not there.
pub async fn find(client: &Client, wanted: &Wanted) -> Result<Option<PoolImageOut>, Failure> {
    let of_type = client.ota("pool")?.to("types").to(wanted.r#type);
    let found = match &wanted.recorded {
        Some(recorded) => {
            let found = client.api.search(of_type, |image| image["id"] == recorded.id.as_str()).await?;
            let missing = || Failure::not_found("record", &format!("{wanted}, id {}", recorded.id));
            let found = found.ok_or_else(missing)?;
            require_same(wanted, recorded, &found)?;
            Some(found)
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
    found.map(read).transpose()
}

/// That a record is the one that was written down: ids begin anew on every server, and a file stays where it is put.
fn require_same(wanted: &Wanted, recorded: &Recorded, found: &Value) -> Result<(), Failure> {
    let said = [("partnerId", &recorded.partner_id), ("name", &wanted.name), ("version", &wanted.version)];
    let Some((field, said)) = said.into_iter().find(|(field, said)| found[*field] != said.as_str()) else {
        return Ok(());
    };
    let message =
        format!("the record of id {} has another {field}: {} instead of {said:?}", recorded.id, found[field]);
    Err(Failure::of(Exit::Conflict, "another_record", message)
        .with_remedy("was it made on another server, or changed since? `--record-first` again writes it as it is"))
}

/// A record, with the attribute that the server names only when it makes one.
fn read(record: Value) -> Result<PoolImageOut, Failure> {
    Ok(with_attribute(serde_json::from_value(record)?))
}

fn with_attribute(image: PoolImageOut) -> PoolImageOut {
    let version_attribute_id = FirmwareType::from_number(image.r#type).map(FirmwareType::version_attribute_id);
    PoolImageOut { version_attribute_id, ..image }
}

/// That an image of this firmware type can be made: whoever lacks the type should not upload first.
///
/// # Errors
/// If there is no such type, or its images are not in the pool.
pub async fn require_type(client: &Client, wanted: &Wanted) -> Result<(), Failure> {
    let r#type = wanted.r#type;
    if FirmwareType::from_number(r#type) == Some(FirmwareType::DEVICE_DESCRIPTION) {
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

/// That a record can have this file.
///
/// # Errors
/// If it has another, or one that is elsewhere: a version is published once.
pub fn require_no_other(image: &PoolImageOut, file: &LocalFile) -> Result<(), Failure> {
    let refused = |code: &str, message: String| Err(Failure::of(Exit::Conflict, code, message));
    let remedy = || format!("{} has {}: publish it as another --version", file.name(), file.sha256());
    match FileOf::record(image) {
        FileOf::None => Ok(()),
        FileOf::Ours(known) if known == file.sha256() => Ok(()),
        FileOf::Ours(other) => {
            let message = format!("{} is published with another file, of SHA-256 {other}", title(image));
            refused("published_with_another_file", message).map_err(|failure| failure.with_remedy(remedy()))
        }
        FileOf::Elsewhere => {
            let message = format!("{} is published with a file that is elsewhere: {}", title(image), image.url);
            refused("published_elsewhere", message).map_err(|failure| failure.with_remedy(remedy()))
        }
    }
}

/// Sees to it that the record has the file: makes it, or completes the one that is there.
///
/// # Errors
/// If it has another file, also one that it got meanwhile, or the server refuses.
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
            Made::Now(image) => {
                return Ok(Settled { image, status: Status::Published, available_to: device_types.to_vec() });
            }
            Made::ByOthers(image) => image,
        },
    };
    let path = path(client, &image)?;
    let replaced = client.api.replace(&path, |known: &PoolImageOut| {
        require_no_other(known, file)?;
        match FileOf::record(known) {
            FileOf::None => completed(wanted, known, url).map(Some),
            FileOf::Ours(_) | FileOf::Elsewhere => Ok(None),
        }
    });
    let (image, status) = match replaced.await? {
        Replaced::Before(image) => (with_attribute(image), Status::AlreadyPublished),
        Replaced::Now | Replaced::Nothing => (read(client.api.get(&path).await?)?, Status::Published),
    };
    require_no_other(&image, file)?;
    Ok(Settled { image, status, available_to: Vec::new() })
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
    let device_types: Vec<_> = device_types.iter().map(|device_type| &device_type.device_type_id).collect();
    let body = json!({
        "type": wanted.r#type, "name": wanted.name, "version": wanted.version, "description": wanted.description,
        "tags": wanted.tags_of_new(), "url": url, "associations": { client.settings.partner()?: device_types },
    });
    // A version is made once, however often that is asked for.
    let change = Change::post(client.ota("pool")?, body).once_done_refused_as("firmware_image_exists");
    let refused = match client.api.change(change).await {
        Ok(Some(made)) if !made.body.is_null() => return Ok(Made::Now(read(made.body)?)),
        Ok(_) => None,
        Err(failure) if failure.code() == "firmware_image_exists" => Some(failure),
        Err(failure) => return Err(failure),
    };
    let there = find(client, wanted).await?;
    match (there, refused) {
        // The answer was lost: what is there as it was to be is what was made.
        (Some(image), None) if image.url == url => Ok(Made::Now(image)),
        (Some(image), _) => Ok(Made::ByOthers(image)),
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(Failure::not_found("record", &wanted.to_string())),
    }
}

/// A record without a file, with the file's url and what else is said of it now.
fn completed(wanted: &Wanted, known: &PoolImageOut, url: &str) -> Result<Value, Failure> {
    let mut next = known.clone();
    url.clone_into(&mut next.url);
    if wanted.description.is_some() {
        next.description.clone_from(&wanted.description);
    }
    if !wanted.tags.is_empty() {
        next.tags.clone_from(&wanted.tags);
    }
    Ok(serde_json::to_value(&next)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(url: &str) -> PoolImageOut {
        let image = json!({
            "id": "1", "name": "app", "type": 5, "versionNumber": "1", "version": "1", "url": url, "tags": [],
            "createdTimestamp": 1, "updatedTimestamp": 1, "partnerId": "p",
        });
        read(image).unwrap()
    }

    #[test]
    fn only_an_empty_url_is_no_file_and_only_one_of_the_repository_is_ours() {
        assert_eq!(FileOf::record(&image("")), FileOf::None);
        assert_eq!(FileOf::record(&image("http://ota/v1/ota/partners/p/binaries/ab")), FileOf::Ours("ab"));
        for elsewhere in ["none", "http://ota/v1/ota/partners/q/binaries/ab", "https://cdn.example.com/app.bin"] {
            assert_eq!(FileOf::record(&image(elsewhere)), FileOf::Elsewhere, "{elsewhere}");
        }
    }
}
