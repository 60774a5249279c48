//! A simulated device. It speaks the device protocol (hawkBit DDI) over HTTP as a real one does: polls, downloads,
//! checks, reports. What it installs it keeps in memory.

use std::time::Duration;

use data_encoding::HEXLOWER;
use otaria_wire::ddi::{DeploymentOut, PollOut};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::state::KnownDevice;
use crate::failure::Failure;

/// How long to wait when the server does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// A device that polls until it is dropped.
pub struct SimulatedDevice {
    http: reqwest::Client,
    base: String,
    token: String,
    name: String,
}

impl SimulatedDevice {
    /// A device of the default partner at this server.
    pub fn new(url: &str, known: &KnownDevice) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: format!("{url}/DEFAULT/controller/v1/{}", known.device_id),
            token: format!("TargetToken {}", known.device_token),
            name: known.device_id.clone(),
        }
    }

    /// Polls for ever, at the pace that the server asks for.
    pub async fn live(self) {
        loop {
            let pause = match self.poll().await {
                Ok(pause) => pause,
                Err(failure) => {
                    tracing::debug!(device = self.name, error = failure.message(), "a poll failed");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn poll(&self) -> Result<Duration, Failure> {
        let answer: PollOut = self.get(&self.base).await?.json().await?;
        if let Some(link) = &answer.links.config_data {
            let data = json!({ "mode": "merge", "data": { "model": "demo-lamp", "serial": self.name } });
            self.http
                .put(&link.href)
                .header("authorization", &self.token)
                .json(&data)
                .send()
                .await?
                .error_for_status()?;
        }
        if let Some(link) = &answer.links.cancel_action {
            self.feedback(&link.href, &report("closed", "success", 0, "Cancelled before installing.")).await?;
        } else if let Some(link) = &answer.links.deployment_base {
            self.update(&link.href).await?;
        }
        Ok(pause(&answer.config.polling.sleep))
    }

    /// Downloads, checks, "installs", and reports each step.
    async fn update(&self, href: &str) -> Result<(), Failure> {
        let deployment: DeploymentOut = self.get(href).await?.json().await?;
        let feedback = href.split('?').next().unwrap_or(href);
        let Some(artifact) = deployment.deployment.chunks.first().and_then(|chunk| chunk.artifacts.first()) else {
            return self.feedback(feedback, &report("closed", "failure", 0, "There is nothing to download.")).await;
        };
        self.feedback(feedback, &report("download", "none", 0, "Downloading.")).await?;
        let bytes = self.get(&artifact.links.download_http.href).await?.bytes().await?;
        if HEXLOWER.encode(&Sha256::digest(&bytes)) != artifact.hashes.sha256 {
            return self.feedback(feedback, &report("closed", "failure", 0, "The SHA-256 is wrong.")).await;
        }
        self.feedback(feedback, &report("downloaded", "none", 50, "Downloaded; the SHA-256 is right.")).await?;
        self.feedback(feedback, &report("proceeding", "none", 80, "Writing the inactive slot.")).await?;
        self.feedback(feedback, &report("closed", "success", 100, "Restarted into the new image.")).await
    }

    async fn get(&self, url: &str) -> Result<reqwest::Response, Failure> {
        let request =
            self.http.get(url).header("authorization", &self.token).header("accept", "application/json, */*");
        Ok(request.send().await?.error_for_status()?)
    }

    async fn feedback(&self, action: &str, body: &Value) -> Result<(), Failure> {
        let request = self.http.post(format!("{action}/feedback")).header("authorization", &self.token).json(body);
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

fn report(execution: &str, finished: &str, percent: u8, detail: &str) -> Value {
    let result = json!({ "finished": finished, "progress": { "cnt": percent, "of": 100 } });
    json!({ "status": { "execution": execution, "result": result, "details": [detail] } })
}

/// `HH:MM:SS` as a span.
fn pause(sleep: &str) -> Duration {
    let seconds = sleep.split(':').try_fold(0, |total, part| part.parse::<u64>().map(|part| total * 60 + part));
    seconds.map_or(RETRY, Duration::from_secs)
}
