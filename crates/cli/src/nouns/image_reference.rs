//! How an image is named on the command line: `101/17`, the firmware type and the version number, or `app@1.4.2`, the name
//! and the version.

use std::str::FromStr;

use otaria_wire::partner::PoolImageOut;
use serde_json::Value;

use crate::client::Client;
use crate::client::api::Limit;
use crate::client::paths::Path;
use crate::failure::Failure;
use crate::nearest;

/// What somebody calls an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageReference {
    /// There is at most one.
    Number {
        /// The firmware type.
        r#type: i64,
        /// The version number, decimal digits.
        number: String,
    },
    /// The name and the version with an `@` between them, and maybe others in them. Each firmware type may have one.
    Version(String),
}

impl FromStr for ImageReference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((r#type, number)) = text.split_once('/')
            && let (Ok(r#type), Ok(number)) = (r#type.parse::<u8>(), number.parse::<u64>())
        {
            return Ok(Self::Number { r#type: r#type.into(), number: number.to_string() });
        }
        if text.char_indices().any(|(at, c)| c == '@' && at > 0 && at + 1 < text.len()) {
            Ok(Self::Version(text.to_owned()))
        } else {
            Err("an image is named TYPE/VERSIONNUMBER, such as 101/17, or NAME@VERSION, such as app@1.4.2")
        }
    }
}

impl ImageReference {
    /// The image that is meant.
    ///
    /// # Errors
    /// If there is none, or several are called so.
    pub async fn resolve(&self, client: &Client) -> Result<PoolImageOut, Failure> {
        match self {
            Self::Number { r#type, number } => {
                let found = client.api.find(&of(client, *r#type, number)?).await?;
                let found = found.ok_or_else(|| not_found(&format!("{type}/{number}")))?;
                Ok(serde_json::from_value(found)?)
            }
            Self::Version(given) => {
                let images = client.api.list(client.ota("pool")?.with("sort", "id"), Limit::None).await?;
                only(&serde_json::from_value::<Vec<_>>(Value::from(images))?, given)
            }
        }
    }
}

/// `/v1/ota/partners/{partnerId}/pool/types/{type}/versionNumbers/{versionNumber}`
///
/// # Errors
/// If no partner is named.
fn of(client: &Client, r#type: i64, number: &str) -> Result<Path, Failure> {
    Ok(client.ota("pool")?.to("types").to(r#type).to("versionNumbers").to(number))
}

/// Where an image is.
///
/// # Errors
/// If no partner is named.
pub fn path(client: &Client, image: &PoolImageOut) -> Result<Path, Failure> {
    of(client, image.r#type, &image.version_number)
}

fn only(images: &[PoolImageOut], given: &str) -> Result<PoolImageOut, Failure> {
    let called = |image: &PoolImageOut| format!("{}@{}", image.name, image.version);
    let is_meant = |image: &&PoolImageOut| called(image) == given;
    let meant: Vec<_> = images.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let known: Vec<_> = images.iter().map(called).collect();
            Err(match nearest::of(given, known.iter().map(String::as_str)) {
                Some(nearest) => not_found(given).with_remedy(format!("did you mean {nearest}?")),
                None => not_found(given),
            })
        }
        several => {
            let numbers: Vec<_> =
                several.iter().map(|image| format!("{}/{}", image.r#type, image.version_number)).collect();
            Err(Failure::usage(format!("several images are called {given}: {}", numbers.join(", ")))
                .with_remedy("name the one that is meant by its type and version number"))
        }
    }
}

fn not_found(name: &str) -> Failure {
    Failure::not_found("image", name).with_remedy("`otaria image list` shows those that there are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_number_or_a_name_and_a_version() {
        let number = ImageReference::Number { r#type: 101, number: "17".to_owned() };
        assert_eq!("101/17".parse(), Ok(number));
        for version in ["app@1.4.2", "a/b@c@1", "1/2@3"] {
            assert_eq!(version.parse(), Ok(ImageReference::Version(version.to_owned())));
        }
        for wrong in ["", "app", "app@", "@1", "101/x", "300/1", "/1"] {
            assert!(wrong.parse::<ImageReference>().is_err(), "{wrong}");
        }
    }
}
