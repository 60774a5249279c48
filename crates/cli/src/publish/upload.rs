//! How a file gets into the repository: by its digest if it is there already, and else by its bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use indicatif::HumanBytes;
use otaria_wire::http::file_names::disposition;
use reqwest::{Body, Method, header};
use serde_json::{Value, json};

use super::file::{LocalFile, PIECE};
use crate::client::Client;
use crate::client::api::Change;
use crate::client::connection::answers::body_of;
use crate::client::connection::heartbeat::Heartbeat;
use crate::failure::{Exit, Failure};
use crate::terminal::progress::Progress;

/// How many pieces are read at once: one that is sent, and one that is next.
const AHEAD: usize = 2;

/// Whether a file's bytes were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// They were.
    All,
    /// The server had them.
    Nothing,
}

/// A file in the repository.
#[derive(Debug)]
pub struct Stored {
    /// Where, as the server says it.
    pub url: String,
    /// Whether it had to be sent.
    pub sent: Sent,
}

/// Brings a file into the repository, and sends nothing if this partner already has it on the server.
///
/// # Errors
/// If it changes meanwhile, or the server does not take it.
pub async fn into_repository(client: &Client, file: &LocalFile) -> Result<Stored, Failure> {
    if let Some(url) = move_to_repository(client, file).await? {
        client.terminal.say(&format!("{} is on the server already: nothing is sent", file.name()));
        file.require_unchanged()?;
        return Ok(Stored { url, sent: Sent::Nothing });
    }
    let taken = upload(client, file).await;
    // Whatever went wrong with a file that was written to meanwhile, that is why.
    file.require_unchanged()?;
    if taken.as_ref().is_err_and(|failure| failure.exit() == Exit::Usage) {
        file.require_same_bytes().await?;
    }
    for warning in taken?["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        client.terminal.warn(warning);
    }
    let url = move_to_repository(client, file).await?.ok_or_else(|| file.changed())?;
    Ok(Stored { url, sent: Sent::All })
}

/// Whether the file would have to be sent. What was uploaded and never moved is not seen here.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn would_be_sent(client: &Client, file: &LocalFile) -> Result<Sent, Failure> {
    let path = client.ota("binaries")?.to(file.sha256());
    match client.api.send(Method::HEAD, &path, |request| request).await {
        Ok(_) => Ok(Sent::Nothing),
        Err(failure) if failure.exit() == Exit::NotFound => Ok(Sent::All),
        Err(failure) => Err(failure),
    }
}

/// Moves what was uploaded under this digest; none if nothing was.
async fn move_to_repository(client: &Client, file: &LocalFile) -> Result<Option<String>, Failure> {
    let path = client.ota("binaries")?.to("moveToRepository");
    let change = Change::post(path, json!({ "value": file.sha256() })).harmless_to_repeat();
    match client.api.change(change).await {
        Ok(moved) => Ok(moved.and_then(|moved| moved.body["value"].as_str().map(str::to_owned))),
        Err(failure) if failure.exit() == Exit::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Sends the file's bytes. The server compares them with the digest, and keeps none if they are others.
async fn upload(client: &Client, file: &LocalFile) -> Result<Value, Failure> {
    let unreadable = |error| Failure::new(format!("{} cannot be read: {error}", file.path.display()));
    let opened = Arc::new(File::open(&file.path).map_err(unreadable)?);
    let path = client.ota("binaries")?;
    let sending = client.api.upload(&path, |request, heartbeat| {
        let progress = client.terminal.transfer(&format!("uploading {}", file.name()), file.size);
        request
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, file.size)
            .header(header::CONTENT_DISPOSITION, disposition(&file.name()))
            .header("repr-digest", file.repr_digest())
            .body(Body::wrap_stream(pieces(Arc::clone(&opened), file.size, progress, heartbeat)))
    });
    match sending.await {
        Ok(answer) => body_of(answer).await,
        Err(failure) if failure.code() == "payload_too_large" => {
            let (name, size) = (file.path.display(), HumanBytes(file.size));
            Err(Failure::of(Exit::Error, failure.code(), format!("{name} has {size}: {}", failure.message()))
                .with_remedy("whoever runs the server can set OTARIA_MAX_BINARY_BYTES"))
        }
        Err(failure) => Err(failure),
    }
}

/// The first `size` bytes of a file, piece by piece; the next is read while one is sent.
fn pieces(
    file: Arc<File>,
    size: u64,
    mut progress: Progress,
    heartbeat: Heartbeat,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let starts = stream::iter((0..size).step_by(PIECE));
    let read = starts.map(move |start| {
        let file = Arc::clone(&file);
        let length = (size - start).min(PIECE as u64) as usize;
        async move { tokio::task::spawn_blocking(move || piece(&file, start, length)).await? }
    });
    read.buffered(AHEAD).inspect_ok(move |piece| {
        progress.advance(piece.len() as u64);
        heartbeat.beat();
    })
}

/// Reads at a place of its own: of two attempts to send a file, the first may still be reading.
fn piece(file: &File, start: u64, length: usize) -> io::Result<Bytes> {
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, start)?;
    Ok(piece.into())
}
