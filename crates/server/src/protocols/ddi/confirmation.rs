//! confirmationBase: those at a device are asked whether they agree to an update.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use otaria_core::Timestamp;
use otaria_wire::ddi::{
    AutoConfirmIn, AutoConfirmOut, ConfirmationBaseOut, ConfirmationIn, ConfirmationLinks, ConfirmationOut,
    ConfirmationWord,
};

use super::body::Said;
use super::deployment::{Parameters, described, history_limit};
use super::errors::{Answer, empty};
use super::formats::{Format, answer};
use super::links::Links;
use super::path::Action;
use crate::access::device::{Device, PollingDevice};
use crate::actions::updates::{ConfirmationAnswer, Taken};
use crate::service::Service;

pub(super) async fn get_base(
    PollingDevice(device): PollingDevice,
    State(service): State<Service>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers)?;
    let (agreed, waiting) = service.confirmations(&device).await?;
    let links = Links::of(&device, &service.settings);
    let body = ConfirmationBaseOut {
        links: ConfirmationLinks {
            activate_auto_confirm: agreed.is_none().then(|| links.activate_auto_confirm()),
            deactivate_auto_confirm: agreed.is_some().then(|| links.deactivate_auto_confirm()),
            confirmation_base: waiting.map(|push| links.confirmation(push)),
        },
        auto_confirm: AutoConfirmOut {
            active: agreed.is_some(),
            activated_at: agreed.as_ref().map_or(Timestamp::default(), |agreed| agreed.since).as_millis(),
            initiator: agreed.as_ref().and_then(|agreed| agreed.initiator.clone()),
            remark: agreed.and_then(|agreed| agreed.remark),
        },
    };
    answer(&headers, format, &body)
}

pub(super) async fn get(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    query: Parameters,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers)?;
    let limit = history_limit(query)?;
    let deployment = service.awaiting_confirmation(&device, action).await?;
    let shown = described(&service, &device, &deployment, limit).await?;
    let body = ConfirmationOut { id: shown.id, confirmation: shown.deployment, action_history: shown.action_history };
    answer(&headers, format, &body)
}

pub(super) async fn post_feedback(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    Said(body): Said<ConfirmationIn>,
) -> Answer {
    let said = match body.confirmation {
        ConfirmationWord::Confirmed => ConfirmationAnswer::Confirmed,
        ConfirmationWord::Denied => ConfirmationAnswer::Denied,
    };
    Ok(empty(match service.confirm(&device, action, said, body.details).await? {
        Taken::InTime => StatusCode::OK,
        Taken::TooLate => StatusCode::GONE,
    }))
}

pub(super) async fn activate(
    Device(device): Device,
    State(service): State<Service>,
    Said(body): Said<AutoConfirmIn>,
) -> Answer {
    service.activate_auto_confirm(&device, body.initiator, body.remark).await?;
    Ok(empty(StatusCode::OK))
}

pub(super) async fn deactivate(Device(device): Device, State(service): State<Service>) -> Answer {
    service.deactivate_auto_confirm(&device).await?;
    Ok(empty(StatusCode::OK))
}
