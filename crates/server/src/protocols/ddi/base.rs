//! The base resource: what a device is told each time it asks.

use axum::extract::State;
use axum::http::HeaderMap;
use otaria_wire::ddi::{PollConfigOut, PollLinks, PollOut, PollingOut};

use super::clients::SentThrough;
use super::errors::Answer;
use super::formats::{Format, answer};
use super::links::Links;
use super::sleep::sleep;
use crate::access::device::PollingDevice;
use crate::actions::updates::{Task, Timing};
use crate::service::Service;
use crate::telemetry;

pub(super) async fn get(
    PollingDevice(device): PollingDevice,
    SentThrough(client): SentThrough,
    State(service): State<Service>,
    headers: HeaderMap,
) -> Answer {
    service.begin_poll(&device)?;
    let format = Format::accepted(&headers)?;
    let poll = service.poll(&device, &client).await?;
    telemetry::device_polled();
    let links = Links::of(&device, &service.settings);
    let mut offered = PollLinks::default();
    match poll.task {
        Task::Nothing => {}
        Task::Deploy(named) => offered.deployment_base = Some(links.deployment(named, Timing::Anytime)),
        Task::DownloadAhead(named) => offered.deployment_base = Some(links.deployment(named, Timing::BeforeWindow)),
        Task::Confirm(named) => offered.confirmation_base = Some(links.confirmation(named)),
        Task::Cancel(named) => offered.cancel_action = Some(links.cancel(named.action)),
    }
    offered.installed_base = poll.installed.map(|action| links.installed(action));
    if poll.config_wanted {
        offered.config_data = Some(links.config_data());
    }
    let polling = PollingOut { sleep: sleep(&device, poll.interval) };
    answer(&headers, format, &PollOut { config: PollConfigOut { polling }, links: offered })
}
