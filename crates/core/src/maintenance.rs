//! Maintenance windows: when the devices of a type may be updated.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{self, Weekday};
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// When the devices of a type may be updated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Whose clock the windows go by.
    pub clock: WindowClock,
    /// The windows, at least one.
    pub windows: Vec<Window>,
    /// What a device gets while no window is open.
    pub outside: Outside,
}

/// Whose clock maintenance windows go by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowClock {
    /// The same for all devices.
    Fixed(Zone),
    /// Each device's own, as far as it has said which that is.
    OfDevice,
}

/// What a device gets while no window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// Nothing. Several clients take an update that they are to skip for one that they have done (device-ddi 2.1).
    Withhold,
    /// The binary, to be installed once a window is open, for clients that understand that (device-ddi 2.2).
    DownloadAhead,
}

/// A window that opens every week, on some or all days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it opens, in the order of the week and each once; empty: on every day.
    pub days: Vec<Day>,
    /// When it opens. Where a clock that is put forward skips this, as much later as it was put forward.
    pub opens: TimeOfDay,
    /// How long it stays open, 1–1440 minutes by the clock on the wall at its opening.
    pub minutes: u16,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the days of the week need no words")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A minute of a day, read and written as `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

/// A time zone, by its name in the IANA database, such as `Europe/Berlin`, as a distance from UTC, such as `+05:30`, or as
/// POSIX has it, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// The names in the database for a time zone that nobody knows; it has UTC in their place.
const UNKNOWN: [&str; 2] = ["Etc/Unknown", "Factory"];

/// Whether a device may be updated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It may.
    Open,
    /// It may not.
    Closed {
        /// When it may next; none if nobody knows.
        opens: Option<Timestamp>,
        /// What it gets meanwhile.
        outside: Outside,
    },
}

/// A text is no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the name of a time zone, such as Europe/Berlin, a distance from UTC, such as +05:30, or what is in TZ, such as CET-1CEST,M3.5.0,M10.5.0/3"
)]
pub struct InvalidZone;

/// A text is no time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of day from 00:00 to 23:59")]
pub struct InvalidTimeOfDay;

impl Maintenance {
    /// The most windows of one device type.
    pub const MOST_WINDOWS: usize = 21;

    /// Whether a device may be updated `now`. `own` is the device's own time zone, once it has said which; a device
    /// that is to go by its own and has not said is never updated, rather than at the wrong hour.
    pub fn opening(&self, own: Option<&Zone>, now: Timestamp) -> Opening {
        let zone = match &self.clock {
            WindowClock::Fixed(zone) => Some(zone),
            WindowClock::OfDevice => own,
        };
        let Some(zone) = zone else { return Opening::Closed { opens: None, outside: self.outside } };
        let spans = || self.windows.iter().flat_map(|window| window.around(zone, now));
        if spans().any(|(opens, closes)| opens <= now && now < closes) {
            return Opening::Open;
        }
        let opens = spans().map(|(opens, _)| opens).filter(|opens| *opens > now).min();
        Opening::Closed { opens, outside: self.outside }
    }
}

impl Window {
    /// The longest time that a window stays open, in minutes.
    pub const LONGEST: u16 = 24 * 60;

    /// When it opens and closes around `now`: from the one before yesterday's, which may still be open where a day was
    /// short, up to the one in a week.
    fn around<'w>(&'w self, zone: &'w Zone, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'w {
        let today = jiff::Timestamp::from_millisecond(now.as_millis()).ok();
        let today = today.map(|instant| instant.to_zoned_datetime(zone.zone.clone()).date());
        let days = (-2..=8_i64).filter_map(move |days| today?.checked_add(jiff::Span::new().days(days)).ok());
        let days = days.filter(|day| self.days.is_empty() || self.days.contains(&Day::of(day.weekday())));
        days.filter_map(|day| {
            let opens = day.at(self.opens.hour.cast_signed(), self.opens.minute.cast_signed(), 0, 0);
            let opens = zone.zone.to_timestamp(opens).ok()?.as_millisecond();
            let opens = Timestamp::from_millis(opens);
            Some((opens, opens.plus(Duration::from_secs(60 * u64::from(self.minutes)))))
        })
    }
}

impl Day {
    const fn of(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOfDay> {
        let time = (text.len() == 5).then(|| civil::Time::strptime("%H:%M", text).ok()).flatten();
        let time = time.ok_or(InvalidTimeOfDay)?;
        Ok(Self { hour: time.hour().cast_unsigned(), minute: time.minute().cast_unsigned() })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = InvalidTimeOfDay;

    fn try_from(text: String) -> Result<Self, InvalidTimeOfDay> {
        text.parse()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        let text = text.trim();
        let zone = match distance(text) {
            Some(offset) => TimeZone::fixed(offset),
            None if UNKNOWN.iter().any(|unknown| text.eq_ignore_ascii_case(unknown)) => return Err(InvalidZone),
            None => TimeZone::get(text).ok().or_else(|| posix(text)).ok_or(InvalidZone)?,
        };
        // The database finds names without regard to case, and has them in its own.
        let name = zone.iana_name().unwrap_or(text).to_owned();
        Ok(Self { name, zone })
    }
}

/// A zone as it is in `TZ`. There, distances count to the west: by `UTC+2` people mean the opposite, so that is none.
fn posix(text: &str) -> Option<TimeZone> {
    let zone = TimeZone::posix(text).ok()?;
    let is_of_utc = text.get(..3).is_some_and(|name| ["UTC", "GMT"].iter().any(|utc| name.eq_ignore_ascii_case(utc)));
    let is_misread = is_of_utc && zone.to_offset(jiff::Timestamp::UNIX_EPOCH) != Offset::UTC;
    (!is_misread).then_some(zone)
}

/// `+05:30`, `-0800` or `+2` as a distance from UTC.
fn distance(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        1 | 2 => (rest, "0"),
        4 => rest.split_at_checked(2)?,
        _ => rest.split_once(':')?,
    };
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    let (hours, minutes) = (digits(hours)?, digits(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()
}

impl TryFrom<String> for Zone {
    type Error = InvalidZone;

    fn try_from(text: String) -> Result<Self, InvalidZone> {
        text.parse()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use rstest::rstest;

    use super::*;

    const DAYS: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    fn window(days: &[Day], opens: &str, minutes: u16) -> Window {
        Window { days: days.to_vec(), opens: opens.parse().unwrap(), minutes }
    }

    fn maintenance(zone: &str, windows: Vec<Window>) -> Maintenance {
        let clock = WindowClock::Fixed(zone.parse().unwrap());
        Maintenance { clock, windows, outside: Outside::Withhold }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn closed_until(text: &str) -> Opening {
        Opening::Closed { opens: Some(at(text)), outside: Outside::Withhold }
    }

    #[rstest]
    #[case::before("2026-01-05T00:59:59Z", closed_until("2026-01-05T01:00:00Z"))]
    #[case::from_the_first_moment("2026-01-05T01:00:00Z", Opening::Open)]
    #[case::to_the_last("2026-01-05T02:59:59.999Z", Opening::Open)]
    #[case::after("2026-01-05T03:00:00Z", closed_until("2026-01-06T01:00:00Z"))]
    fn a_window_opens_every_day_by_the_clock_of_its_zone(#[case] now: &str, #[case] expected: Opening) {
        let nightly = maintenance("Europe/Berlin", vec![window(&[], "02:00", 120)]);
        assert_eq!(nightly.opening(None, at(now)), expected);
    }

    #[test]
    fn in_summer_the_clock_goes_otherwise() {
        let nightly = maintenance("Europe/Berlin", vec![window(&[], "02:00", 120)]);
        assert_eq!(nightly.opening(None, at("2026-07-01T00:00:00Z")), Opening::Open);
        // On this night there is no 02:00.
        assert_eq!(nightly.opening(None, at("2026-03-29T00:59:59Z")), closed_until("2026-03-29T01:00:00Z"));
        assert_eq!(nightly.opening(None, at("2026-03-29T02:59:59Z")), Opening::Open);
    }

    #[test]
    fn a_window_reaches_into_the_next_day() {
        let saturdays = maintenance("UTC", vec![window(&[Day::Sat], "23:00", 180)]);
        assert_eq!(saturdays.opening(None, at("2026-01-04T01:59:59Z")), Opening::Open);
        assert_eq!(saturdays.opening(None, at("2026-01-04T02:00:00Z")), closed_until("2026-01-10T23:00:00Z"));
    }

    #[test]
    fn each_device_has_its_own_clock() {
        let own = Maintenance { clock: WindowClock::OfDevice, ..maintenance("UTC", vec![window(&[], "02:00", 60)]) };
        let tokyo: Zone = "Asia/Tokyo".parse().unwrap();
        assert_eq!(own.opening(Some(&tokyo), at("2026-01-04T17:30:00Z")), Opening::Open);
        let never = Opening::Closed { opens: None, outside: Outside::Withhold };
        assert_eq!(own.opening(None, at("2026-01-04T02:30:00Z")), never);
    }

    #[rstest]
    #[case("Europe/Berlin", "Europe/Berlin")]
    #[case(" europe/berlin ", "Europe/Berlin")]
    #[case("UTC", "UTC")]
    #[case("+05:30", "+05:30")]
    #[case("-0800", "-0800")]
    #[case("+2", "+2")]
    #[case("CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST,M3.5.0,M10.5.0/3")]
    #[case("UTC0", "UTC0")]
    fn zones_are_read_as_people_write_them(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(text.parse::<Zone>().unwrap().to_string(), expected);
    }

    #[rstest]
    #[case("")]
    #[case("Europe")]
    #[case("UTC+2")]
    #[case("gmt-05:30")]
    #[case("+")]
    #[case("+5:99")]
    #[case("+99:00")]
    #[case("+1:2:3")]
    #[case("+-1")]
    #[case("ü")]
    #[case("Etc/Unknown")]
    #[case("factory")]
    fn what_is_no_zone_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Zone>(), Err(InvalidZone));
    }

    #[rstest]
    #[case("24:00")]
    #[case("2:00")]
    #[case("02:60")]
    #[case("02:00:00")]
    #[case("ab:cd")]
    fn what_is_no_time_of_day_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<TimeOfDay>(), Err(InvalidTimeOfDay));
    }

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let window = (subsequence(DAYS.to_vec(), 0..=7), 0_u8..24, 0_u8..60, 1_u16..=Window::LONGEST);
        let window = window.prop_map(|(days, hour, minute, minutes)| Window {
            days,
            opens: TimeOfDay { hour, minute },
            minutes,
        });
        proptest::collection::vec(window, 1..4)
    }

    proptest! {
        /// A closed window opens exactly when it says, and not a moment before.
        #[test]
        fn it_opens_when_it_says(
            windows in windows(),
            zone in select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "+14:00"]),
            now in 1_700_000_000_000_i64..1_900_000_000_000,
        ) {
            let maintenance = maintenance(zone, windows);
            let now = Timestamp::from_millis(now);
            if let Opening::Closed { opens, .. } = maintenance.opening(None, now) {
                let opens = opens.expect("it opens every week");
                prop_assert!(opens > now && opens.since(now) <= Duration::from_secs(8 * 24 * 60 * 60));
                prop_assert_eq!(maintenance.opening(None, opens), Opening::Open);
                let just_before = opens.minus(Duration::from_millis(1));
                prop_assert_eq!(
                    maintenance.opening(None, just_before),
                    Opening::Closed { opens: Some(opens), outside: Outside::Withhold }
                );
            }
        }

        #[test]
        fn it_is_stored_as_it_is(windows in windows()) {
            let maintenance = maintenance("Europe/Berlin", windows);
            let text = serde_json::to_string(&maintenance).unwrap();
            prop_assert_eq!(serde_json::from_str::<Maintenance>(&text).unwrap(), maintenance);
        }
    }
}
