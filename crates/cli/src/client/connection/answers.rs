//! What is read of an answer.

use std::fmt::Display;

use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::unreachable::unreachable;
use crate::failure::{Exit, Failure};

/// The longest answer that is read as JSON, in bytes; a page of a thousand records is far from it.
const LONGEST: usize = 64 << 20;

/// The JSON of an answer; null if it has none.
pub async fn body_of(response: Response) -> Result<Value, Failure> {
    let url = response.url().clone();
    let bytes = bytes_of(response).await?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|_| something_else(&url))
}

/// The JSON of an answer as what it is to be.
pub async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let url = response.url().clone();
    serde_json::from_value(body_of(response).await?).map_err(|_| something_else(&url))
}

/// That whatever answers is no Otaria server, or none that this command knows.
pub fn something_else(url: impl Display) -> Failure {
    let message = format!("{url} answers with something else than an Otaria server would");
    Failure::of(Exit::Error, "unexpected_answer", message).with_remedy("is this the URL of an Otaria server?")
}

/// The bytes of an answer, as long as it is one that the API could give.
pub async fn bytes_of(mut response: Response) -> Result<Vec<u8>, Failure> {
    let url = response.url().clone();
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST {
            return Err(something_else(&url));
        }
    }
    Ok(bytes)
}
