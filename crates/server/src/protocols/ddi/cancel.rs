//! cancelAction: a device is to let go of an update, and answers.

use axum::extract::State;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use otaria_wire::ddi::{CancelOut, Execution, FeedbackIn, Finished, StopOut};

use super::body::Said;
use super::errors::{Answer, empty};
use super::feedback::said;
use super::formats::{Format, answer};
use super::path::Action;
use crate::access::device::Device;
use crate::actions::updates::CancelAnswer;
use crate::error::Error;
use crate::service::Service;

pub(super) async fn get(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers)?;
    service.cancellation(&device, action).await?;
    let id = action.to_string();
    answer(&headers, format, &CancelOut { id: id.clone(), cancel_action: StopOut { stop_id: id } })
}

pub(super) async fn post_feedback(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    Said(body): Said<FeedbackIn>,
) -> Answer {
    let status = body.status;
    let answer = meant(status.execution, status.result.finished);
    match service.cancel_answer(&device, action, answer, said(status)).await {
        Ok(()) => Ok(empty(StatusCode::OK)),
        Err(Error::Conflict { .. }) => Ok(nothing_to_answer()),
        Err(error) => Err(error.into()),
    }
}

/// `canceled` is no acceptance, whatever it sounds like (DDI 1.9).
const fn meant(execution: Execution, finished: Finished) -> CancelAnswer {
    match (execution, finished) {
        (Execution::Closed, Finished::Success | Finished::None) => CancelAnswer::Accepted,
        (Execution::Closed, Finished::Failure) | (Execution::Rejected, _) => CancelAnswer::Refused,
        _ => CancelAnswer::Note,
    }
}

/// The protocol's answer where nobody asked the device to stop. For now the resource takes no method at all.
fn nothing_to_answer() -> axum::response::Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(""));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_notes() {
        use Finished::{Failure, None, Success};
        for (execution, finished, expected) in [
            (Execution::Closed, Success, CancelAnswer::Accepted),
            (Execution::Closed, None, CancelAnswer::Accepted),
            (Execution::Closed, Failure, CancelAnswer::Refused),
            (Execution::Rejected, Success, CancelAnswer::Refused),
            (Execution::Canceled, Success, CancelAnswer::Note),
            (Execution::Proceeding, None, CancelAnswer::Note),
            (Execution::Other, Success, CancelAnswer::Note),
            (Execution::Other, Failure, CancelAnswer::Note),
        ] {
            assert_eq!(meant(execution, finished), expected, "{execution:?} {finished:?}");
        }
    }
}
