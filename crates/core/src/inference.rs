//! What follows from the little that a device lets on which only ever asks for its image: which image it runs, and
//! when it has downloaded one often enough.

use std::collections::BTreeSet;

use crate::digest::Sha256;
use crate::firmware::VersionNumber;

/// How often a device may begin to download an image that it then does not run. Each time wears its flash.
pub const MOST_DOWNLOADS: i64 = 5;

/// What a device says of the image that it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Its friendly version, or its version number in decimal digits.
    pub version: Option<String>,
    /// Its SHA-256.
    pub sha256: Option<Sha256>,
    /// Its MD5.
    pub md5: Option<[u8; 16]>,
}

impl Claim {
    /// Whether the device says nothing of the image that it runs.
    pub const fn is_empty(&self) -> bool {
        self.version.is_none() && self.sha256.is_none() && self.md5.is_none()
    }
}

/// An image that a device could have, as far as a claim could be about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its version number.
    pub version_number: VersionNumber,
    /// Its friendly version.
    pub version: String,
    /// The SHA-256 of its binary, if it has one.
    pub sha256: Option<Sha256>,
    /// The MD5 of its binary.
    pub md5: Option<[u8; 16]>,
    /// The digest at the binary's own end, if that is known: what an ESP32 reports as the SHA-256 of what it runs.
    pub sealed: Option<Sha256>,
}

/// What is known about the device, as far as the claim's firmware type goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDevice {
    /// The version number that it runs, once that was learnt.
    pub installed: Option<VersionNumber>,
    /// The version number that it has begun to download.
    pub downloaded: Option<VersionNumber>,
}

/// Which of the images that a device could have it says it runs; none if that cannot be told.
///
/// A digest that is known decides, whatever version the device says: a version can be forgotten in the source. One that
/// is not known says nothing, because a tool may have changed the image on its way into the flash. The same bytes can be
/// several images: then it is the one that the device has downloaded, else the one that it was known to run, else the
/// newest. The same version can be several images too, of which nothing is known: then nothing is told.
pub fn running(claim: &Claim, images: &[Candidate], device: OnDevice) -> Option<VersionNumber> {
    let numbers = |is_it: &dyn Fn(&Candidate) -> bool| -> Vec<VersionNumber> {
        images.iter().filter(|image| is_it(image)).map(|image| image.version_number).collect()
    };
    let by_sha256 =
        numbers(&|image| claim.sha256.is_some_and(|_| [image.sha256, image.sealed].contains(&claim.sha256)));
    let by_md5 = numbers(&|image| claim.md5.is_some() && image.md5 == claim.md5);
    for same in [by_sha256, by_md5] {
        let known = [device.downloaded, device.installed].into_iter().flatten().find(|known| same.contains(known));
        if let Some(number) = known.or_else(|| same.into_iter().max()) {
            return Some(number);
        }
    }
    let version = claim.version.as_deref()?;
    let by_version = numbers(&|image| image.version == version);
    let by_number = numbers(&|image| version.parse() == Ok(image.version_number));
    let named = if by_version.is_empty() { by_number } else { by_version };
    match named.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// What a device's word about its version comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It runs this version number.
    Runs(VersionNumber),
    /// It could be several.
    Ambiguous,
    /// It could be none.
    Nothing,
}

/// Which version number a device means by `version`: the number itself, if it was `given_out`, or that of an image which
/// it could have and which is called so. Where it could be several, it is the one that is `known` of the device: that it
/// was pushed, or runs. To guess would offer a downgrade, or keep an upgrade from it.
pub fn told(version: &str, given_out: Option<VersionNumber>, images: &[Candidate], known: &[VersionNumber]) -> Told {
    let named = images.iter().filter(|image| image.version == version).map(|image| image.version_number);
    let possible: BTreeSet<VersionNumber> = given_out.into_iter().chain(named).collect();
    let mut likely = possible.iter().filter(|number| possible.len() == 1 || known.contains(number));
    match (likely.next(), likely.next()) {
        (Some(only), None) => Told::Runs(*only),
        _ if possible.is_empty() => Told::Nothing,
        _ => Told::Ambiguous,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn number(number: i64) -> VersionNumber {
        VersionNumber::from_i64(number)
    }

    const fn sha256(byte: u8) -> Option<Sha256> {
        Some(Sha256::from_bytes([byte; 32]))
    }

    /// Images 4 (version 1.0), 5 (1.1) and 6 (4), each of its own bytes; the last one is 1.0 again, under another name
    /// and with the bytes of 4.
    fn images() -> Vec<Candidate> {
        [(4, "1.0", 4), (5, "1.1", 5), (6, "4", 6), (7, "1.2", 4)]
            .map(|(number, version, byte)| Candidate {
                version_number: VersionNumber::from_i64(number),
                version: version.to_owned(),
                sha256: sha256(byte),
                md5: Some([byte; 16]),
                sealed: sha256(byte + 100),
            })
            .to_vec()
    }

    fn claim(version: Option<&str>, sha256: Option<Sha256>, md5: Option<[u8; 16]>) -> Claim {
        Claim { version: version.map(str::to_owned), sha256, md5 }
    }

    #[rstest]
    #[case::number("5", Some(5), &[], Told::Runs(number(5)))]
    #[case::version("1.1", None, &[], Told::Runs(number(5)))]
    #[case::never_given_out("9", None, &[], Told::Nothing)]
    #[case::version_that_is_no_number_given_out("4", None, &[], Told::Runs(number(6)))]
    #[case::either("4", Some(4), &[], Told::Ambiguous)]
    #[case::the_pushed_number("4", Some(4), &[4], Told::Runs(number(4)))]
    #[case::the_pushed_version("4", Some(4), &[6], Told::Runs(number(6)))]
    #[case::both_known("4", Some(4), &[6, 4], Told::Ambiguous)]
    fn a_word_is_a_number_or_a_version(
        #[case] version: &str,
        #[case] given_out: Option<i64>,
        #[case] known: &[i64],
        #[case] expected: Told,
    ) {
        let known: Vec<_> = known.iter().copied().map(number).collect();
        assert_eq!(told(version, given_out.map(number), &images(), &known), expected);
    }

    #[rstest]
    #[case::friendly(claim(Some("1.1"), None, None), Some(5))]
    #[case::number(claim(Some("5"), None, None), Some(5))]
    #[case::friendly_before_number(claim(Some("4"), None, None), Some(6))]
    #[case::unknown(claim(Some("9.9"), None, None), None)]
    #[case::empty(claim(Some(""), None, None), None)]
    #[case::nothing(Claim::default(), None)]
    #[case::sha256(claim(None, sha256(5), None), Some(5))]
    #[case::sealed(claim(None, sha256(105), None), Some(5))]
    #[case::md5(claim(None, None, Some([5; 16])), Some(5))]
    #[case::digest_before_version(claim(Some("1.1"), None, Some([6; 16])), Some(6))]
    #[case::sha256_before_md5(claim(None, sha256(5), Some([6; 16])), Some(5))]
    #[case::unknown_digests_say_nothing(claim(Some("1.1"), sha256(99), Some([99; 16])), Some(5))]
    fn a_claim_is_about_an_image(#[case] claim: Claim, #[case] expected: Option<i64>) {
        assert_eq!(running(&claim, &images(), OnDevice::default()), expected.map(number));
    }

    #[test]
    fn of_the_same_bytes_it_is_the_one_that_the_device_came_by() {
        let claim = claim(None, sha256(4), None);
        let told = |installed: Option<i64>, downloaded: Option<i64>| {
            let device = OnDevice { installed: installed.map(number), downloaded: downloaded.map(number) };
            running(&claim, &images(), device)
        };
        assert_eq!(told(None, None), Some(number(7)));
        assert_eq!(told(Some(4), None), Some(number(4)));
        assert_eq!(told(Some(4), Some(7)), Some(number(7)));
        assert_eq!(told(Some(5), Some(6)), Some(number(7)));
    }

    #[test]
    fn of_the_same_version_nothing_is_told() {
        let twice = images().into_iter().map(|image| Candidate { version: "1.0".to_owned(), ..image });
        let device = OnDevice { installed: Some(number(4)), downloaded: Some(number(5)) };
        assert_eq!(running(&claim(Some("1.0"), None, None), &twice.collect::<Vec<_>>(), device), None);
    }

    #[test]
    fn an_image_without_a_binary_is_not_claimed_by_silence() {
        let bare = Candidate { sha256: None, md5: None, sealed: None, ..images().remove(0) };
        assert_eq!(running(&claim(Some("x"), None, None), &[bare], OnDevice::default()), None);
    }
}
