//! deploymentBase feedback: how an update gets on.

use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::push::Stage;
use otaria_wire::ddi::{Execution, FeedbackIn, Finished, StatusIn};
use serde_json::Value;

use super::body::Said;
use super::errors::{Answer, empty};
use super::path::Action;
use crate::access::device::Device;
use crate::actions::updates::Feedback;
use crate::service::Service;

pub(super) async fn post(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    Said(body): Said<FeedbackIn>,
) -> Answer {
    service.report(&device, action, meant(body.status)).await?;
    Ok(empty(StatusCode::OK))
}

/// What SWUpdate says when everything is written and it waits for its restart, and when it is back but not yet sure.
/// The protocol itself has no word for that.
const INSTALLED: [&str; 2] = ["All Chunks Installed.", "Update Installed, Testing Pending."];
/// How it begins what rauc-hawkbit-updater says when it has the whole binary and has not begun to install.
const DOWNLOADED: [&str; 2] = ["Download complete.", "File checksum OK."];

fn meant(status: StatusIn) -> Feedback {
    let progress = status.result.progress.as_ref().and_then(percent);
    let last = status.details.last().map_or("", |last| last.trim());
    let stage = match stage(status.execution, status.result.finished) {
        Stage::Installing if INSTALLED.contains(&last) => Stage::Installed,
        Stage::Installing if DOWNLOADED.iter().any(|begin| last.starts_with(begin)) => Stage::Downloaded,
        stage => stage,
    };
    Feedback { stage, progress, said: said(status) }
}

/// What a device says, oldest first. The last line is the headline, so that the device's own words stay it.
pub(super) fn said(status: StatusIn) -> Vec<String> {
    let code = status.code.map(|code| format!("code {code}"));
    let is_said = |word: &&str| status.details.iter().any(|line| line.trim().eq_ignore_ascii_case(word));
    let word = word(status.execution).filter(|word| !is_said(word)).map(str::to_owned);
    code.into_iter().chain(word).chain(status.details).collect()
}

/// The word of a device that says nothing about how far it is: it moves nothing, and is history.
const fn word(execution: Execution) -> Option<&'static str> {
    match execution {
        Execution::Canceled => Some("canceled"),
        Execution::Rejected => Some("rejected"),
        Execution::Resumed => Some("resumed"),
        Execution::Scheduled => Some("scheduled"),
        Execution::Closed
        | Execution::Download
        | Execution::Downloaded
        | Execution::Proceeding
        | Execution::Other => None,
    }
}

/// How far the device is. `proceeding` is what clients say while they install, many of which download and install
/// at once; a device that only puts it off, or does not like it, says nothing about how far it is, and neither does a
/// word that nobody knows.
const fn stage(execution: Execution, finished: Finished) -> Stage {
    match execution {
        Execution::Closed => match finished {
            Finished::Success | Finished::None => Stage::Succeeded,
            Finished::Failure => Stage::Failed,
        },
        Execution::Download => Stage::Downloading,
        Execution::Downloaded => Stage::Downloaded,
        Execution::Proceeding => Stage::Installing,
        Execution::Scheduled | Execution::Resumed | Execution::Rejected | Execution::Canceled | Execution::Other => {
            Stage::Note
        }
    }
}

/// `{"cnt": …, "of": …}` in percent. Some clients count of nothing, and some write something else there.
fn percent(progress: &Value) -> Option<u8> {
    let count = progress.get("cnt")?.as_f64()?;
    let of = progress.get("of")?.as_f64().filter(|of| *of > 0.0)?;
    // The cast rounds down and saturates.
    Some(((count * 100.0 / of) as u8).min(100))
}

#[cfg(test)]
mod tests {
    use otaria_wire::ddi::read;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(Execution::Closed, Finished::Success, Stage::Succeeded)]
    #[case(Execution::Closed, Finished::None, Stage::Succeeded)]
    #[case(Execution::Closed, Finished::Failure, Stage::Failed)]
    #[case(Execution::Download, Finished::None, Stage::Downloading)]
    #[case(Execution::Downloaded, Finished::Success, Stage::Downloaded)]
    #[case(Execution::Proceeding, Finished::Failure, Stage::Installing)]
    #[case(Execution::Scheduled, Finished::None, Stage::Note)]
    #[case(Execution::Resumed, Finished::None, Stage::Note)]
    #[case(Execution::Rejected, Finished::Failure, Stage::Note)]
    #[case(Execution::Canceled, Finished::Success, Stage::Note)]
    #[case(Execution::Other, Finished::Success, Stage::Note)]
    #[case(Execution::Other, Finished::Failure, Stage::Note)]
    fn what_counts_is_what_the_device_does(
        #[case] execution: Execution,
        #[case] finished: Finished,
        #[case] expected: Stage,
    ) {
        assert_eq!(stage(execution, finished), expected);
    }

    #[rstest]
    #[case("proceeding", "All Chunks Installed.", Stage::Installed)]
    #[case("proceeding", "Update Installed, Testing Pending.\\n", Stage::Installed)]
    #[case("proceeding", "Installed Chunk.", Stage::Installing)]
    #[case("scheduled", "All Chunks Installed.", Stage::Note)]
    #[case("closed", "All Chunks Installed.", Stage::Succeeded)]
    #[case("proceeding", "Download complete. 12.34 MB/s", Stage::Downloaded)]
    #[case("proceeding", "File checksum OK.", Stage::Downloaded)]
    #[case("closed", "File checksum OK.", Stage::Succeeded)]
    fn a_device_that_says_how_far_it_is_is_understood(
        #[case] execution: &str,
        #[case] said: &str,
        #[case] expected: Stage,
    ) {
        let body = format!(
            r#"{{"status":{{"execution":"{execution}","result":{{"finished":"none"}},"details":["so far","{said}"]}}}}"#
        );
        assert_eq!(meant(read::<FeedbackIn>(body.as_bytes()).unwrap().value.status).stage, expected);
    }

    #[test]
    fn progress_is_a_percentage_where_it_can_be() {
        for (progress, expected) in [
            (json!({"cnt": 2, "of": 5}), Some(40)),
            (json!({"cnt": 2, "of": 3}), Some(66)),
            (json!({"cnt": 9, "of": 3}), Some(100)),
            (json!({"cnt": -9, "of": 3}), Some(0)),
            (json!({"cnt": 0, "of": 0}), None),
            (json!({"cnt": 1}), None),
            (json!(50), None),
            (json!("half"), None),
        ] {
            assert_eq!(percent(&progress), expected, "{progress}");
        }
    }
}
