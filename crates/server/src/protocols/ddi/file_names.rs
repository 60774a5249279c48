//! What an artifact is called.

use super::links::MD5SUM;
use crate::actions::updates::Deployment;

/// How much of an image's name goes into a name made from it, and of its version, in characters: Zephyr before 4.0
/// has 200 bytes for the path of a download.
const STEM: usize = 48;
const VERSION: usize = 32;

/// The name that the file was uploaded under, because clients go by its extension; else one made from the image's
/// name, version and type.
pub(super) fn of(deployment: &Deployment) -> String {
    let uploaded = deployment.binary.file_name.as_deref().and_then(last_part);
    let name = uploaded.unwrap_or_else(|| {
        let stem: String = deployment.image.name.chars().take(STEM).collect();
        let version: String = deployment.push.version.chars().take(VERSION).collect();
        let firmware_type = deployment.push.push.firmware_type;
        plain(&format!("{stem}-{version}-{firmware_type}.bin"))
    });
    told_from_sum(name)
}

/// A name that cannot be taken for the one under which another file's sum is.
fn told_from_sum(name: String) -> String {
    if name.ends_with(MD5SUM) { name + ".bin" } else { name }
}

/// What follows the last slash, of either kind, without control characters.
fn last_part(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|character| !character.is_control()).collect();
    let kept = kept.trim();
    (!kept.trim_matches('.').is_empty()).then(|| kept.to_owned())
}

/// The name with a hyphen for everything that a shell, a path or a small parser could take for something else.
fn plain(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    name.chars().map(|character| if is_plain(character) { character } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploaded_name_is_the_last_part_of_a_path() {
        assert_eq!(last_part("root fs.swu").as_deref(), Some("root fs.swu"));
        assert_eq!(last_part("C:\\out\\rootfs.swu").as_deref(), Some("rootfs.swu"));
        assert_eq!(last_part("../../rootfs\n.swu").as_deref(), Some("rootfs.swu"));
        for none in ["", "/", "..", "a/..", " "] {
            assert_eq!(last_part(none), None, "{none}");
        }
    }

    #[test]
    fn a_file_is_told_from_a_sum() {
        assert_eq!(told_from_sum("a.MD5SUM".into()), "a.MD5SUM.bin");
        assert_eq!(told_from_sum("a.swu".into()), "a.swu");
    }

    #[test]
    fn a_made_name_is_plain() {
        assert_eq!(plain("Über fs/2-1.0+b-5.bin"), "-ber-fs-2-1.0-b-5.bin");
    }
}
