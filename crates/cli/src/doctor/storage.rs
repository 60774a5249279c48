//! Whether the server can read what it stores, asked by the first byte of a binary.

use reqwest::{Method, header};

use super::findings::Finding;
use crate::client::Client;
use crate::client::api::Limit;
use crate::failure::Failure;

const NAME: &str = "storage";
/// Among how many images one is looked for that has a binary.
const LOOKED_AT: usize = 50;

/// Reads the first byte of a binary of the partner's, of the image that changed last.
pub async fn examine(client: &Client) -> Finding {
    match first_byte(client).await {
        Ok(Some(title)) => Finding::ok(NAME, format!("the binary of {title} can be read")),
        Ok(None) => Finding::ok(NAME, "there is no binary yet that could be read"),
        Err(failure) => Finding::fail(
            NAME,
            format!("a binary cannot be read: {}", failure.message()),
            "look into the server's log; there, `otaria check` looks at what is stored",
        ),
    }
}

/// Of which image it was read, if there is one with a binary.
async fn first_byte(client: &Client) -> Result<Option<String>, Failure> {
    let binaries = client.ota("binaries")?;
    let pool = client.ota("pool")?.with("sort", "updatedTimestamp,desc");
    let images = client.api.list(pool, Limit::First(LOOKED_AT)).await?;
    let stored = images.iter().find_map(|image| {
        let (folder, sha256) = image["url"].as_str()?.rsplit_once('/')?;
        folder.ends_with(&binaries.to_string()).then_some((image, sha256))
    });
    let Some((image, sha256)) = stored else { return Ok(None) };
    client.api.send(Method::GET, &binaries.to(sha256), |request| request.header(header::RANGE, "bytes=0-0")).await?;
    let text = |field: &str| image[field].as_str().unwrap_or_default();
    Ok(Some(format!("{} {}", text("name"), text("version"))))
}
