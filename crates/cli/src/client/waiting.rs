//! Waiting until pushes have ended: by listening to the server, or by asking it now and then where that cannot be.

use std::error::Error;
use std::io;
use std::time::Duration;

use futures::future::try_join_all;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use otaria_core::push::PushState;
use reqwest::{Method, header};
use serde_json::{Value, json};
use sse_stream::{Sse, SseByteStream};
use tokio::time::{sleep, timeout};

use super::Client;
use super::paths::Path;
use crate::failure::{Exit, Failure};
use crate::terminal::progress::{Spinner, Spinners};
use crate::terminal::table::moment;

/// To how many pushes a command listens, each over a stream of its own. Of more, it asks.
const LISTENED_TO: usize = 16;
/// How long it waits before it asks again, at least.
const BETWEEN: Duration = Duration::from_secs(3);
/// What each push adds to that, so that many cost the server as little as few.
const FOR_EACH: Duration = Duration::from_millis(50);
/// How often in a row it asks a server in vain that may be about to come back.
const IN_VAIN: u32 = 10;

/// The longest event that is read, in bytes. Those of the API have some hundred.
const LONGEST_EVENT: usize = 1 << 20;

/// What the changes of a push are to whoever waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// What was asked for: they go to standard output.
    AreData,
    /// How far the command is: they go to standard error.
    AreProgress,
}

/// Waits until every push has ended, at most this long, and says what becomes of each meanwhile. Returns the pushes as
/// they are then, ended or not, in the same order: [`verdict`] says what that means.
///
/// # Errors
/// If there is no such push, the caller may not see it, or the server cannot be reached for long.
pub async fn until_ended(
    client: &Client,
    pushes: &[String],
    at_most: Option<Duration>,
    changes: Changes,
) -> Result<Vec<Value>, Failure> {
    let spinners = client.terminal.spinners();
    let by = if pushes.len() > LISTENED_TO { By::Asking } else { By::Listening };
    let between = BETWEEN.max(FOR_EACH * u32::try_from(pushes.len()).unwrap_or(u32::MAX));
    let mut all = Vec::new();
    for id in pushes {
        all.push(Followed {
            client,
            path: client.ota("pushes")?.to(id),
            changes,
            spinner: spinners.add(&format!("push {id}")),
            spinners: &spinners,
            record: json!({ "id": id }),
            last_event: None,
            told: None,
            in_vain: 0,
        });
    }
    let ended = try_join_all(all.iter_mut().map(|push| push.until_ended(by, between)));
    match at_most {
        None => drop(ended.await?),
        // What has not ended by then is known by its state.
        Some(at_most) => drop(timeout(at_most, ended).await.ok().transpose()?),
    }
    // However short the time was, whoever waited hears how they stand.
    try_join_all(all.iter_mut().filter(|push| push.told.is_none()).map(Followed::read)).await?;
    Ok(all.into_iter().map(|push| push.record).collect())
}

/// Whether all of them succeeded.
///
/// # Errors
/// If one ended otherwise (exit code 7), or has not ended (8).
pub fn verdict(pushes: &[Value]) -> Result<(), Failure> {
    let lost: Vec<_> = pushes.iter().filter(|push| has_ended(push) && push["state"] != "succeeded").collect();
    let open: Vec<_> = pushes.iter().filter(|push| !has_ended(push)).collect();
    let all = pushes.len();
    let standing = |pushes: &[&Value]| pushes.iter().map(|push| standing(push)).collect::<Vec<_>>().join("; ");
    if let [first, ..] = lost.as_slice() {
        let message = format!("{} of {all} did not succeed: {}", lost.len(), standing(&lost));
        let remedy = format!("`otaria push show {}` shows what happened", text(first, "id"));
        return Err(Failure::of(Exit::PushFailed, "push_failed", message).with_remedy(remedy));
    }
    if let [first, ..] = open.as_slice() {
        let message = format!("{} of {all} have not ended in time: {}", open.len(), standing(&open));
        let failure = Failure::of(Exit::TimedOut, "timed_out", message).retryable();
        let device = text(first, "deviceId");
        return Err(failure.with_remedy(format!("`otaria device explain {device}` says what it waits for")));
    }
    Ok(())
}

/// The bytes of events, as long as each is one that the API could send. Nothing says how long a stranger's would be.
fn bounded<P: AsRef<[u8]>, E: Into<Box<dyn Error + Send + Sync>>>(
    pieces: impl Stream<Item = Result<P, E>>,
) -> impl Stream<Item = io::Result<P>> {
    let mut length = 0;
    pieces.map(move |piece| {
        let piece = piece.map_err(io::Error::other)?;
        let bytes = piece.as_ref();
        let end = bytes.windows(2).rposition(|two| two == b"\n\n");
        length = end.map_or(length + bytes.len(), |end| bytes.len() - end);
        if length > LONGEST_EVENT { Err(io::Error::other("an event is too long")) } else { Ok(piece) }
    })
}

/// How a command hears of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Listening,
    Asking,
}

/// A push that is waited for.
struct Followed<'w> {
    client: &'w Client,
    path: Path,
    changes: Changes,
    spinner: Spinner,
    spinners: &'w Spinners,
    /// The push as it was last read.
    record: Value,
    /// The id of the last event, from which a stream goes on that was cut.
    last_event: Option<String>,
    /// What was last said of it.
    told: Option<String>,
    /// How often in a row it could not be read.
    in_vain: u32,
}

impl Followed<'_> {
    async fn until_ended(&mut self, mut by: By, between: Duration) -> Result<(), Failure> {
        loop {
            if by == By::Listening && self.listen().await.is_err() {
                // If there is no such push, that shows when it is asked for.
                by = By::Asking;
            }
            self.read().await?;
            if has_ended(&self.record) {
                self.spinner.end();
                return Ok(());
            }
            sleep(between).await;
        }
    }

    /// Reads how it stands; that a server does not answer which may be about to come back is no failure.
    async fn read(&mut self) -> Result<(), Failure> {
        match self.client.api.get(&self.path).await {
            Ok(record) => {
                self.in_vain = 0;
                self.tell(&record);
                self.record = record;
            }
            Err(failure) if failure.is_retryable() && self.in_vain < IN_VAIN => self.in_vain += 1,
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Listens (WHATWG HTML, 9.2) until the push has ended or the connection is cut.
    async fn listen(&mut self) -> Result<(), Failure> {
        let last = self.last_event.clone();
        let events = self.path.clone().to("events");
        let response = self.client.api.send(Method::GET, &events, |request| {
            let request = request.header(header::ACCEPT, "text/event-stream");
            match &last {
                Some(last) => request.header("last-event-id", last),
                None => request,
            }
        });
        let mut stream = SseByteStream::new(bounded(response.await?.bytes_stream()));
        while let Ok(Some(Sse { event, data, id, .. })) = stream.try_next().await {
            self.last_event = id.or(self.last_event.take());
            match event.as_deref() {
                Some("push") => {
                    if let Some(event) = data.and_then(|data| serde_json::from_str::<Value>(&data).ok()) {
                        self.tell(&event);
                        self.note(event);
                        if has_ended(&self.record) {
                            break;
                        }
                    }
                }
                Some("end") => break,
                // Others may come to be, and what is quiet or forgotten is no change.
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps what an event says: the time may be over before the push is read again.
    fn note(&mut self, event: Value) {
        if let (Value::Object(known), Value::Object(event)) = (&mut self.record, event) {
            known.extend(event);
        }
    }

    /// Says how the push stands, if that has changed. An event and a record say it in the same fields.
    fn tell(&mut self, push: &Value) {
        let standing = standing(push);
        if self.told.as_ref() == Some(&standing) {
            return;
        }
        self.spinner.says(&standing);
        let at = push["timestamp"].as_i64().or(push["updatedTimestamp"].as_i64()).unwrap_or_default();
        let line = format!("{}  {standing}", moment(at));
        match self.changes {
            Changes::AreData => self.spinners.beside(|| self.client.terminal.event(&event_of(push), &line)),
            Changes::AreProgress if self.spinner.is_hidden() => self.client.terminal.say(&line),
            // The spinner says it.
            Changes::AreProgress => {}
        }
        self.told = Some(standing);
    }
}

/// An event, also of a push that was read as a record.
fn event_of(push: &Value) -> Value {
    let fields = ["deviceId", "deviceTypeId", "type", "version", "versionNumber", "state", "progress", "message"];
    let mut event = json!({
        "timestamp": push.get("timestamp").unwrap_or(&push["updatedTimestamp"]),
        "pushId": push.get("pushId").unwrap_or(&push["id"]),
    });
    for field in fields {
        if let Some(value) = push.get(field) {
            event[field] = value.clone();
        }
    }
    event
}

/// Which device it is for, and how far it is.
fn standing(push: &Value) -> String {
    let mut line = format!("{} {} {}", text(push, "deviceId"), text(push, "version"), text(push, "state"));
    if let Some(percent) = push["progress"].as_i64() {
        line.push_str(&format!(" {percent}%"));
    }
    if let Some(message) = push["message"].as_str() {
        line.push_str(&format!(": {message}"));
    }
    line
}

fn text<'p>(push: &'p Value, field: &str) -> &'p str {
    push[field].as_str().unwrap_or("?")
}

/// Whether nothing becomes of a push any more.
pub fn has_ended(push: &Value) -> bool {
    text(push, "state").parse().is_ok_and(PushState::is_ended)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, stream};

    use super::*;

    fn push(state: &str) -> Value {
        json!({ "id": "7", "deviceId": "lamp", "version": "1.2", "state": state, "message": "no power" })
    }

    #[test]
    fn what_failed_outweighs_what_is_still_under_way() {
        let exit = |states: &[&str]| {
            let pushes: Vec<_> = states.iter().map(|state| push(state)).collect();
            verdict(&pushes).map_err(|failure| failure.exit())
        };
        assert_eq!(exit(&["succeeded", "succeeded"]), Ok(()));
        assert_eq!(exit(&["succeeded", "downloading"]), Err(Exit::TimedOut));
        assert_eq!(exit(&["cancelling", "lost"]), Err(Exit::PushFailed));
        let failure = verdict(&[push("failed"), push("succeeded")]).unwrap_err();
        assert_eq!(failure.message(), "1 of 2 did not succeed: lamp 1.2 failed: no power");
        assert_eq!(failure.remedy(), Some("`otaria push show 7` shows what happened"));
    }

    #[test]
    fn an_event_without_an_end_ends_the_stream() {
        let read = |piece: &'static [u8], pieces: usize| {
            let pieces = stream::iter(std::iter::repeat_n(piece, pieces).map(Ok::<_, io::Error>));
            bounded(pieces).try_collect::<Vec<_>>().now_or_never().unwrap()
        };
        assert_eq!(read(b"data: 1\n\ndata", LONGEST_EVENT).unwrap().len(), LONGEST_EVENT);
        assert!(read(b"data", LONGEST_EVENT / 4).is_ok());
        assert!(read(b"data", LONGEST_EVENT / 4 + 1).is_err());
    }
}
