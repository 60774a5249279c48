use super::body::{DeviceBody, Members, Repairs, Unreadable};

/// What a device says that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledIn {
    /// The image's name.
    pub name: String,
    /// The image's version for people.
    pub version: String,
}

impl DeviceBody for InstalledIn {
    fn of(mut members: Members, _: &mut Repairs) -> Result<Self, Unreadable> {
        Ok(Self { name: members.text("name")?, version: members.text("version")? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn both_words_are_needed() {
        let said = read::<InstalledIn>(br#"{"name":"rootfs","version":"2.4.0","id":7}"#).unwrap().value;
        assert_eq!(said, InstalledIn { name: "rootfs".into(), version: "2.4.0".into() });
        for wrong in [&br#"{"name":"rootfs"}"#[..], br#"{"name":"rootfs","version":2}"#, b""] {
            assert!(read::<InstalledIn>(wrong).is_err());
        }
    }
}
