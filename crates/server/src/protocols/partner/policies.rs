//! What the operators of a device type want of its updates, as it stands in a device type's record.

use std::time::Duration;

use otaria_core::fields::Fields;
use otaria_core::maintenance::{Day, Maintenance, Outside, TimeOfDay, Window, WindowClock};
use otaria_core::policy::{ConfirmationRule, Policy};
use otaria_core::push::Success;
use otaria_wire::partner::{
    DayOfWeek, DeviceTypeIn, DeviceTypeOut, DeviceTypeUpdateIn, MaintenanceIn, MaintenanceOut, OutsideWindow,
    SuccessOn, WindowIn, WindowOut,
};

/// The fields of a device type's record that make its policy.
pub(super) struct PolicyFields {
    confirmation_required: Option<bool>,
    success_on: Option<SuccessOn>,
    version_within_seconds: Option<i64>,
    maintenance: Option<MaintenanceIn>,
}

impl From<&DeviceTypeIn> for PolicyFields {
    fn from(body: &DeviceTypeIn) -> Self {
        Self {
            confirmation_required: body.confirmation_required,
            success_on: body.success_on,
            version_within_seconds: body.version_within_seconds,
            maintenance: body.maintenance.clone(),
        }
    }
}

impl From<&DeviceTypeUpdateIn> for PolicyFields {
    fn from(body: &DeviceTypeUpdateIn) -> Self {
        Self {
            confirmation_required: body.confirmation_required,
            success_on: body.success_on,
            version_within_seconds: body.version_within_seconds,
            maintenance: body.maintenance.clone(),
        }
    }
}

/// The policy that a record asks for; counts only if `fields` has no errors in the end.
pub(super) fn policy(fields: &mut Fields, said: impl Into<PolicyFields>) -> Policy {
    let said = said.into();
    let confirmation = if said.confirmation_required == Some(true) {
        ConfirmationRule::Required
    } else {
        ConfirmationRule::NotRequired
    };
    let within = said.version_within_seconds.unwrap_or(Success::WITHIN_SECONDS);
    let (shortest, longest) = Success::WITHIN_SECONDS_ALLOWED.into_inner();
    if !(shortest..=longest).contains(&within) {
        fields.refuse("versionWithinSeconds", format_args!("must be {shortest} to {longest} seconds"));
    }
    let success = match said.success_on.unwrap_or(SuccessOn::Report) {
        SuccessOn::Report => Success::Reported,
        SuccessOn::Version => {
            Success::VersionReported { within: Duration::from_secs(within.clamp(shortest, longest).cast_unsigned()) }
        }
    };
    Policy { confirmation, success, maintenance: said.maintenance.map(|said| maintenance(fields, said)) }
}

fn maintenance(fields: &mut Fields, said: MaintenanceIn) -> Maintenance {
    let clock = match said.time_zone.filter(|zone| !zone.is_empty()).map(|zone| zone.parse()) {
        None => WindowClock::OfDevice,
        Some(Ok(zone)) => WindowClock::Fixed(zone),
        Some(Err(error)) => {
            fields.refuse("maintenance.timeZone", error);
            WindowClock::OfDevice
        }
    };
    let said_windows = said.windows.unwrap_or_default();
    if said_windows.is_empty() || said_windows.len() > Maintenance::MOST_WINDOWS {
        let most = Maintenance::MOST_WINDOWS;
        fields.refuse("maintenance.windows", format_args!("is required: 1 to {most} windows"));
    }
    let windows = said_windows.into_iter().enumerate().filter_map(|(index, said)| window(fields, index, said));
    let windows = windows.collect();
    let outside = match said.outside.unwrap_or(OutsideWindow::Nothing) {
        OutsideWindow::Nothing => Outside::Withhold,
        OutsideWindow::Download => Outside::DownloadAhead,
    };
    Maintenance { clock, windows, outside }
}

fn window(fields: &mut Fields, index: usize, said: WindowIn) -> Option<Window> {
    let opens = said.opens.unwrap_or_default().parse::<TimeOfDay>();
    let opens = opens.map_err(|error| fields.refuse(format!("maintenance.windows[{index}].opens"), error)).ok();
    let minutes = said.minutes.and_then(|minutes| u16::try_from(minutes).ok());
    let minutes = minutes.filter(|minutes| (1..=Window::LONGEST).contains(minutes));
    if minutes.is_none() {
        let name = format!("maintenance.windows[{index}].minutes");
        fields.refuse(name, format_args!("is required: 1 to {} minutes", Window::LONGEST));
    }
    let mut days: Vec<Day> = said.days.unwrap_or_default().into_iter().map(day).collect();
    days.sort_unstable();
    days.dedup();
    Some(Window { days, opens: opens?, minutes: minutes? })
}

/// A device type's record with its policy in it.
pub(super) fn with_policy(record: DeviceTypeOut, policy: &Policy) -> DeviceTypeOut {
    let (success_on, version_within_seconds) = match policy.success {
        Success::Reported => (None, None),
        Success::VersionReported { within } => (Some(SuccessOn::Version), i64::try_from(within.as_secs()).ok()),
    };
    DeviceTypeOut {
        confirmation_required: (policy.confirmation == ConfirmationRule::Required).then_some(true),
        success_on,
        version_within_seconds,
        maintenance: policy.maintenance.as_ref().map(maintenance_out),
        ..record
    }
}

fn maintenance_out(maintenance: &Maintenance) -> MaintenanceOut {
    let windows = maintenance.windows.iter().map(|window| WindowOut {
        days: window.days.iter().copied().map(day_out).collect(),
        opens: window.opens.to_string(),
        minutes: i64::from(window.minutes),
    });
    MaintenanceOut {
        time_zone: match &maintenance.clock {
            WindowClock::Fixed(zone) => Some(zone.to_string()),
            WindowClock::OfDevice => None,
        },
        windows: windows.collect(),
        outside: match maintenance.outside {
            Outside::Withhold => OutsideWindow::Nothing,
            Outside::DownloadAhead => OutsideWindow::Download,
        },
    }
}

const fn day(day: DayOfWeek) -> Day {
    match day {
        DayOfWeek::Mon => Day::Mon,
        DayOfWeek::Tue => Day::Tue,
        DayOfWeek::Wed => Day::Wed,
        DayOfWeek::Thu => Day::Thu,
        DayOfWeek::Fri => Day::Fri,
        DayOfWeek::Sat => Day::Sat,
        DayOfWeek::Sun => Day::Sun,
    }
}

const fn day_out(day: Day) -> DayOfWeek {
    match day {
        Day::Mon => DayOfWeek::Mon,
        Day::Tue => DayOfWeek::Tue,
        Day::Wed => DayOfWeek::Wed,
        Day::Thu => DayOfWeek::Thu,
        Day::Fri => DayOfWeek::Fri,
        Day::Sat => DayOfWeek::Sat,
        Day::Sun => DayOfWeek::Sun,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> (Policy, Vec<String>) {
        let body: DeviceTypeUpdateIn = serde_json::from_value(body).unwrap();
        let mut fields = Fields::new();
        let policy = policy(&mut fields, &body);
        let wrong = fields.finish().err().unwrap_or_default();
        (policy, wrong.into_iter().map(|error| error.name).collect())
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        assert_eq!(read(json!({})), (Policy::default(), vec![]));
        assert_eq!(read(json!({ "maintenance": null, "successOn": null })), (Policy::default(), vec![]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, wrong) in [
            (json!({ "successOn": "version", "versionWithinSeconds": 59 }), "versionWithinSeconds"),
            (json!({ "versionWithinSeconds": 0 }), "versionWithinSeconds"),
            (json!({ "maintenance": {} }), "maintenance.windows"),
            (
                json!({ "maintenance": { "windows": vec![json!({ "opens": "02:00", "minutes": 1 }); 22] } }),
                "maintenance.windows",
            ),
            (
                json!({ "maintenance": { "timeZone": "Mars", "windows": [{ "opens": "02:00", "minutes": 1 }] } }),
                "maintenance.timeZone",
            ),
            (
                json!({ "maintenance": { "windows": [{ "opens": "25:00", "minutes": 1 }] } }),
                "maintenance.windows[0].opens",
            ),
            (
                json!({ "maintenance": { "windows": [{ "opens": "02:00", "minutes": 1441 }] } }),
                "maintenance.windows[0].minutes",
            ),
        ] {
            assert_eq!(read(body.clone()).1, [wrong], "{body}");
        }
    }

    #[test]
    fn days_are_in_order_and_each_once() {
        let windows = json!([{ "days": ["sun", "mon", "sun"], "opens": "02:00", "minutes": 60 }]);
        let (policy, wrong) = read(json!({ "maintenance": { "windows": windows } }));
        assert_eq!(
            (policy.maintenance.unwrap().windows[0].days.as_slice(), wrong),
            (&[Day::Mon, Day::Sun][..], vec![])
        );
    }
}
