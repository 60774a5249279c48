use serde::Deserialize;
use utoipa::ToSchema;

use super::repair;

/// What a device says that it runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub struct InstalledIn {
    /// The image's name.
    pub name: String,
    /// The image's version for people.
    pub version: String,
}

impl InstalledIn {
    /// Reads a body, and if it is no JSON, once more after [`repair`](super::repair()).
    ///
    /// # Errors
    /// What is wrong with the body: no JSON even so, or a member missing.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        repair::parse(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_words_are_needed() {
        let read = InstalledIn::parse(br#"{"name":"rootfs","version":"2.4.0","id":7}"#).unwrap();
        assert_eq!(read, InstalledIn { name: "rootfs".into(), version: "2.4.0".into() });
        assert!(InstalledIn::parse(br#"{"name":"rootfs"}"#).is_err());
    }
}
