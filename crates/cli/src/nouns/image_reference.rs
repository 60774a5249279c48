//! How an image is named on the command line: `101/17`, the firmware type and the version number, or `app@1.4.2`, the name
//! and the version.

use std::str::FromStr;

use otaria_wire::partner::PoolImageOut;
use serde_json::Value;

use super::nearest;
use crate::client::Client;
use crate::client::api::Limit;
use crate::failure::Failure;

/// What somebody calls an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageReference {
    /// There is at most one.
    Number {
        /// The firmware type.
        r#type: u8,
        /// The version number, decimal digits.
        number: String,
    },
    /// Each firmware type may have one.
    Version {
        /// What people call it.
        name: String,
        /// The version for people.
        version: String,
    },
}

impl FromStr for ImageReference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((r#type, number)) = text.split_once('/')
            && let (Ok(r#type), Ok(number)) = (r#type.parse(), number.parse::<u64>())
        {
            return Ok(Self::Number { r#type, number: number.to_string() });
        }
        match text.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Self::Version { name: name.to_owned(), version: version.to_owned() })
            }
            _ => Err("an image is named TYPE/VERSIONNUMBER, such as 101/17, or NAME@VERSION, such as app@1.4.2"),
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
                let path = client.ota("pool")?.to("types").to(r#type);
                let found = client.api.search(path, |image| image["versionNumber"] == number.as_str()).await?;
                let found = found.ok_or_else(|| not_found(&format!("{type}/{number}")))?;
                Ok(serde_json::from_value(found)?)
            }
            Self::Version { name, version } => {
                let images = client.api.list(client.ota("pool")?.with("sort", "id"), Limit::None).await?;
                only(&serde_json::from_value::<Vec<_>>(Value::from(images))?, name, version)
            }
        }
    }
}

fn only(images: &[PoolImageOut], name: &str, version: &str) -> Result<PoolImageOut, Failure> {
    let is_meant = |image: &&PoolImageOut| image.name == name && image.version == version;
    let meant: Vec<_> = images.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let given = format!("{name}@{version}");
            let known: Vec<_> = images.iter().map(|image| format!("{}@{}", image.name, image.version)).collect();
            Err(match nearest::of(&given, known.iter().map(String::as_str)) {
                Some(nearest) => not_found(&given).with_remedy(format!("did you mean {nearest}?")),
                None => not_found(&given),
            })
        }
        several => {
            let numbers: Vec<_> =
                several.iter().map(|image| format!("{}/{}", image.r#type, image.version_number)).collect();
            Err(Failure::usage(format!("several images are called {name}@{version}: {}", numbers.join(", ")))
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
        let version = |name: &str, version: &str| {
            Ok(ImageReference::Version { name: name.to_owned(), version: version.to_owned() })
        };
        assert_eq!("app@1.4.2".parse(), version("app", "1.4.2"));
        assert_eq!("a/b@c@1".parse(), version("a/b@c", "1"));
        for wrong in ["", "app", "app@", "@1", "101/x", "300/1", "/1"] {
            assert!(wrong.parse::<ImageReference>().is_err(), "{wrong}");
        }
    }
}
