//! Keeps a device up to date with the `hawkbit` crate: polls, downloads, hands over to an installer, says how it went.
//! Arguments: URL TENANT DEVICE_ID DEVICE_TOKEN FOLDER INSTALLER

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hawkbit::ddi::{Client, ClientAuthorization, Execution, Finished, Mode};

/// How long to wait after something went wrong on the way.
const RETRY: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, tenant, id, token, folder, installer] = arguments.as_slice() else {
        return Err("usage: URL TENANT DEVICE_ID DEVICE_TOKEN FOLDER INSTALLER".into());
    };
    let authorization = ClientAuthorization::TargetToken(token.clone());
    let client = Client::new(url, tenant, id, authorization, None, None, Some(Duration::from_secs(60)))?;
    loop {
        let pause = turn(&client, Path::new(folder), installer).await.unwrap_or_else(|error| {
            eprintln!("{error}");
            RETRY
        });
        tokio::time::sleep(pause).await;
    }
}

/// One poll, and what follows from it. Returns how long to wait for the next.
async fn turn(client: &Client, folder: &Path, installer: &str) -> Result<Duration, Box<dyn Error>> {
    let reply = client.poll().await?;
    if let Some(request) = reply.config_data_request() {
        let data = BTreeMap::from([("model", "lamp"), ("arch", std::env::consts::ARCH)]);
        request.upload(Execution::Closed, Finished::Success, Some(Mode::Merge), data, vec![]).await?;
    }
    if let Some(cancel) = reply.cancel_action() {
        cancel.send_feedback(Execution::Closed, Finished::Success, vec!["stopped"]).await?;
    }
    if let Some(update) = reply.update() {
        let update = update.fetch().await?;
        update.send_feedback(Execution::Download, Finished::None, vec!["downloading"]).await?;
        // One that is cut goes on at the next turn where it was.
        let files = update.download(folder).await?;
        update.send_feedback(Execution::Downloaded, Finished::None, vec!["downloaded"]).await?;
        let mut installed = Ok(());
        for file in &files {
            installed = match file.check_sha256().await {
                Ok(()) => install(installer, file.file()),
                Err(error) => Err(error.to_string()),
            };
        }
        let (finished, words) = match &installed {
            Ok(()) => (Finished::Success, "installed"),
            Err(error) => (Finished::Failure, error.as_str()),
        };
        update.send_feedback(Execution::Closed, finished, vec![words]).await?;
        for file in &files {
            std::fs::remove_file(file.file())?;
        }
    }
    Ok(reply.polling_sleep()?)
}

/// Runs the installer on the file; why it failed, if it did.
fn install(installer: &str, file: &Path) -> Result<(), String> {
    let output = Command::new(installer).arg(file).output().map_err(|error| format!("{installer}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{installer}: {} {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
