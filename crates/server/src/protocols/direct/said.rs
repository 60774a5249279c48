//! What a device says of itself in the headers of its question.

use axum::http::HeaderMap;
use data_encoding::HEXLOWER_PERMISSIVE;
use otaria_core::FirmwareType;
use otaria_core::inference::Claim;

use crate::actions::updates::Question;

/// How the names of the headers begin, for the two families of chips.
const FAMILIES: [&str; 2] = ["x-esp32-", "x-esp8266-"];

/// The question of a device for an image of this firmware type. What cannot be read is as good as not said.
///
/// The libraries send the digests of the running program and the room for another one also where they ask for the
/// image of a file system, of whatever kind, about which that says nothing: only the version is about what is asked for.
pub(super) fn question(firmware_type: FirmwareType, headers: &HeaderMap) -> Question {
    let said = |name: &str| said(headers, name);
    let is_program = said("mode").is_none_or(|mode| mode.eq_ignore_ascii_case("sketch"));
    let of_program = |name: &str| said(name).filter(|_| is_program);
    let claim = Claim {
        version: said("version").map(str::to_owned),
        sha256: of_program("sketch-sha256").and_then(|digest| digest.parse().ok()),
        md5: of_program("sketch-md5").and_then(md5),
    };
    Question { firmware_type, claim, room: of_program("free-space").and_then(|room| room.parse().ok()) }
}

/// The value of a header of either family.
fn said<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let values = FAMILIES.iter().filter_map(|family| headers.get(format!("{family}{name}")));
    values.filter_map(|value| value.to_str().ok()).map(str::trim).find(|value| !value.is_empty())
}

fn md5(text: &str) -> Option<[u8; 16]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use otaria_core::Sha256;

    use super::*;

    fn asked(headers: &[(&'static str, &str)]) -> Question {
        let headers = headers.iter().map(|&(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        question(FirmwareType::APPLICATION, &headers.collect())
    }

    #[test]
    fn both_families_say_the_same() {
        let sha256 = "8D".repeat(32);
        let md5 = "0f".repeat(16);
        for family in ["esp32", "esp8266"] {
            let name = |name: &str| -> &'static str { format!("x-{family}-{name}").leak() };
            let question = asked(&[
                (name("version"), " 1.0 "),
                (name("sketch-sha256"), &sha256),
                (name("sketch-md5"), &md5),
                (name("free-space"), "1310720"),
                (name("mode"), "sketch"),
            ]);
            assert_eq!(question.claim.version.as_deref(), Some("1.0"));
            assert_eq!(question.claim.sha256, Some(Sha256::from_bytes([0x8d; 32])));
            assert_eq!(question.claim.md5, Some([0x0f; 16]));
            assert_eq!(question.room, Some(1_310_720));
        }
    }

    #[test]
    fn of_a_file_system_only_the_version_is_said() {
        let md5 = "0f".repeat(16);
        for mode in ["spiffs", "littlefs"] {
            let question = asked(&[
                ("x-esp32-mode", mode),
                ("x-esp32-version", "7"),
                ("x-esp32-sketch-md5", &md5),
                ("x-esp32-free-space", "1"),
            ]);
            assert_eq!(question.claim, Claim { version: Some("7".into()), ..Claim::default() });
            assert_eq!(question.room, None);
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_said() {
        let nothing = asked(&[
            ("x-esp32-version", "ü"),
            ("x-esp32-sketch-md5", "0f"),
            ("x-esp32-sketch-sha256", "zz"),
            ("x-esp32-free-space", "-1"),
            ("x-esp8266-version", " "),
        ]);
        assert_eq!((nothing.claim.is_empty(), nothing.room), (true, None));
        assert_eq!(asked(&[]), nothing);
    }
}
