use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new device type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeIn {
    /// What people call this model, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Its id, a UUID; made if missing.
    pub device_type_id: Option<String>,
    /// Whether a push waits until somebody at the device agrees (`confirmationBase` of DDI); left out: it does not.
    pub confirmation_required: Option<bool>,
    /// What counts as the success of a push; left out: `report`.
    pub success_on: Option<SuccessOn>,
    /// With `version`: within how many seconds after the installation the device must report that it runs the version,
    /// 60–2592000; left out: 3600.
    #[schema(minimum = 60, maximum = 2_592_000)]
    pub version_within_seconds: Option<i64>,
    /// When the devices may be updated; left out: at any time.
    pub maintenance: Option<MaintenanceIn>,
}

/// What can be changed of a device type; what is left out is removed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeUpdateIn {
    /// What people call this model, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Whether a push waits until somebody at the device agrees (`confirmationBase` of DDI); left out: it does not.
    pub confirmation_required: Option<bool>,
    /// What counts as the success of a push; left out: `report`.
    pub success_on: Option<SuccessOn>,
    /// With `version`: within how many seconds after the installation the device must report that it runs the version,
    /// 60–2592000; left out: 3600.
    #[schema(minimum = 60, maximum = 2_592_000)]
    pub version_within_seconds: Option<i64>,
    /// When the devices may be updated; left out: at any time.
    pub maintenance: Option<MaintenanceIn>,
}

/// What counts as the success of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuccessOn {
    /// The device says that it is done.
    Report,
    /// The device reports, after its restart, that it runs the version.
    Version,
}

/// When devices may be updated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceIn {
    /// By which clock: the name of a time zone such as `Europe/Berlin`, or a distance from UTC such as `+05:30`; left out:
    /// each device's own, which it says in the attribute `otaria.timeZone` of its configData.
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    /// The windows, 1–21 of them.
    #[schema(required = true, nullable = false, min_items = 1, max_items = 21)]
    pub windows: Option<Vec<WindowIn>>,
    /// What a device gets while no window is open; left out: `nothing`. With `download`, devices that are known to
    /// download ahead get the binary: rauc-hawkbit-updater, and those that say `otaria.downloadAhead` is `true` in
    /// their configData.
    pub outside: Option<OutsideWindow>,
}

/// A window that opens every week, on some or all days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowIn {
    /// On which days it opens, each counting once; left out or empty: on every day.
    pub days: Option<Vec<DayOfWeek>>,
    /// When it opens, as `HH:MM`.
    #[schema(required = true, nullable = false, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub opens: Option<String>,
    /// For how many minutes, 1–1440.
    #[schema(required = true, nullable = false, minimum = 1, maximum = 1440)]
    pub minutes: Option<i64>,
}

/// When devices may be updated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceOut {
    /// By which clock; absent: each device's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// The windows.
    pub windows: Vec<WindowOut>,
    /// What a device gets while no window is open.
    pub outside: OutsideWindow,
}

/// A window that opens every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowOut {
    /// On which days it opens; empty: on every day.
    pub days: Vec<DayOfWeek>,
    /// When it opens, as `HH:MM`.
    pub opens: String,
    /// For how many minutes.
    pub minutes: i64,
}

/// What a device gets while no maintenance window is open: `nothing`; or, with `download`, the binary to be installed once
/// one is, if it is known to download ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutsideWindow {
    /// Nothing, which every client understands.
    Nothing,
    /// The binary, to be installed once a window is open, for clients that are known to understand `skip`.
    Download,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the days of the week need no words")]
pub enum DayOfWeek {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A model of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeOut {
    /// Its id, a UUID.
    pub device_type_id: String,
    /// What people call this model.
    pub name: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Whether a push waits until somebody at the device agrees; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmation_required: Option<bool>,
    /// What counts as the success of a push; absent if it is what the device says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub success_on: Option<SuccessOn>,
    /// Within how many seconds after the installation the device must report the version, where only that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version_within_seconds: Option<i64>,
    /// When the devices may be updated, where that is not at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub maintenance: Option<MaintenanceOut>,
    /// The partner that makes it.
    pub partner_id: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamp() -> DeviceTypeOut {
        DeviceTypeOut {
            device_type_id: "t".into(),
            name: "Lamp".into(),
            description: Some("dimmable".into()),
            confirmation_required: None,
            success_on: None,
            version_within_seconds: None,
            maintenance: None,
            partner_id: "p".into(),
            created_timestamp: 1,
            updated_timestamp: 2,
        }
    }

    #[test]
    fn the_record_reads_as_in_the_contract() {
        let text = serde_json::to_string(&lamp()).unwrap();
        insta::assert_snapshot!(text, @r#"{"deviceTypeId":"t","name":"Lamp","description":"dimmable","partnerId":"p","createdTimestamp":1,"updatedTimestamp":2}"#);
        assert_eq!(serde_json::from_str::<DeviceTypeOut>(&text).unwrap(), lamp());
        assert_eq!(serde_json::from_str::<DeviceTypeIn>(&text).unwrap().device_type_id.as_deref(), Some("t"));
        assert_eq!(serde_json::from_str::<DeviceTypeUpdateIn>(&text).unwrap().name.as_deref(), Some("Lamp"));
    }

    #[test]
    fn what_was_answered_can_be_sent_back() {
        let maintenance = MaintenanceOut {
            time_zone: Some("Europe/Berlin".into()),
            windows: vec![WindowOut {
                days: vec![DayOfWeek::Mon, DayOfWeek::Sun],
                opens: "02:00".into(),
                minutes: 120,
            }],
            outside: OutsideWindow::Download,
        };
        let whole = DeviceTypeOut {
            confirmation_required: Some(true),
            success_on: Some(SuccessOn::Version),
            version_within_seconds: Some(600),
            maintenance: Some(maintenance),
            ..lamp()
        };
        let text = serde_json::to_string(&whole).unwrap();
        insta::assert_snapshot!(text, @r#"{"deviceTypeId":"t","name":"Lamp","description":"dimmable","confirmationRequired":true,"successOn":"version","versionWithinSeconds":600,"maintenance":{"timeZone":"Europe/Berlin","windows":[{"days":["mon","sun"],"opens":"02:00","minutes":120}],"outside":"download"},"partnerId":"p","createdTimestamp":1,"updatedTimestamp":2}"#);
        let back: DeviceTypeUpdateIn = serde_json::from_str(&text).unwrap();
        assert_eq!((back.confirmation_required, back.success_on), (Some(true), Some(SuccessOn::Version)));
        let maintenance = back.maintenance.unwrap();
        assert_eq!(
            (maintenance.time_zone.as_deref(), maintenance.outside),
            (Some("Europe/Berlin"), Some(OutsideWindow::Download))
        );
        assert_eq!(maintenance.windows.unwrap()[0].minutes, Some(120));
    }
}
