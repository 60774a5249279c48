//! What a device does with an update that it may download and not yet install.

/// How rauc-hawkbit-updater calls itself. It leaves alone what it is told to skip, and asks on (device-ddi 2.2).
const DOWNLOAD_AHEAD: [&str; 1] = ["rauc-hawkbit-c-agent/"];
/// How SWUpdate calls itself, in Debian's releases and by its name. It reports what it is told to skip as done
/// (device-ddi 2.1), whatever its configuration says.
const MISREAD_SKIP: [&str; 2] = ["libcurl-agent/", "SWUpdate"];

/// What a device does with an update that it may download and not yet install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It downloads it, and installs it once it is told to.
    DownloadsAhead,
    /// It installs it at once or takes it for done, or nobody knows better.
    InstallsAtOnce,
}

impl Habit {
    /// The habit of a device whose client calls itself so and that states so of downloading ahead, as far as it does
    /// either: a client that is known is believed, and of others only what the device states counts.
    pub fn of(client: Option<&str>, stated: Option<&str>) -> Self {
        let is_one_of = |names: &[&str]| names.iter().any(|name| client.unwrap_or_default().starts_with(name));
        let downloads_ahead = match stated.map(str::trim) {
            _ if is_one_of(&MISREAD_SKIP) => false,
            Some(stated) => stated.eq_ignore_ascii_case("true"),
            None => is_one_of(&DOWNLOAD_AHEAD),
        };
        if downloads_ahead { Self::DownloadsAhead } else { Self::InstallsAtOnce }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, None, Habit::InstallsAtOnce)]
    #[case(Some("curl/8.0"), None, Habit::InstallsAtOnce)]
    #[case(Some("curl/8.0"), Some("true"), Habit::DownloadsAhead)]
    #[case(None, Some(" True "), Habit::DownloadsAhead)]
    #[case(None, Some("perhaps"), Habit::InstallsAtOnce)]
    #[case(Some("rauc-hawkbit-c-agent/1.0"), None, Habit::DownloadsAhead)]
    #[case(Some("rauc-hawkbit-c-agent/1.0"), Some("false"), Habit::InstallsAtOnce)]
    #[case(Some("libcurl-agent/1.0"), Some("true"), Habit::InstallsAtOnce)]
    #[case(Some("SWUpdate/2025.05"), Some("true"), Habit::InstallsAtOnce)]
    fn only_who_is_known_to_download_ahead_does(
        #[case] client: Option<&str>,
        #[case] stated: Option<&str>,
        #[case] expected: Habit,
    ) {
        assert_eq!(Habit::of(client, stated), expected);
    }
}
