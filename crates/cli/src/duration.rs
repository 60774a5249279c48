//! How long something may take, as it is written on the command line.

use std::time::Duration;

/// Reads `90s`, `30m` or `2h`.
///
/// # Errors
/// If it is none of these, or negative, in words for whoever wrote it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration = text.parse().map_err(|_| "it must look like 90s, 30m or 2h".to_owned())?;
    duration.try_into().map_err(|_| "it must not be negative".to_owned())
}
