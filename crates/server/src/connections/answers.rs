//! What of a connection's answers waits for its client. An HTTP/2 client can keep its connection busy without taking
//! any of them, which nothing else notices.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};

use axum::body::{Body, Bytes, HttpBody as _};
use futures::{StreamExt as _, stream};
use tokio::time::Instant;

/// How much of an answer is handed to an HTTP/2 connection at once. A client that takes less than this within the
/// idle time counts as stalled.
pub(super) const PIECE: usize = 16 * 1024;

/// How many things of a connection wait for its client, and since when the client has taken none.
#[derive(Default)]
pub(super) struct Answers(Mutex<(usize, Option<Instant>)>);

impl Answers {
    /// Since when something has waited for the client and it has taken nothing, if something does.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let (waiting, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.filter(|_| waiting > 0)
    }

    fn change(&self, by: impl FnOnce(usize) -> usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (by(state.0), Some(Instant::now()));
    }
}

/// Something that waits for the client, until this is dropped.
struct Waiting(Arc<Answers>);

impl Waiting {
    fn on(answers: &Arc<Answers>) -> Self {
        answers.change(|waiting| waiting + 1);
        Self(Arc::clone(answers))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.saturating_sub(1));
    }
}

/// Notes what of an answer waits for the client: the whole of it until it is asked for, and then every piece.
pub(super) fn watched(body: Body, answers: Arc<Answers>) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let mut bytes = body.into_data_stream();
    let mut rest = Bytes::new();
    let mut unasked = Some(Waiting::on(&answers));
    Body::from_stream(stream::poll_fn(move |cx| {
        drop(unasked.take());
        while rest.is_empty() {
            match ready!(bytes.poll_next_unpin(cx)) {
                Some(Ok(next)) => rest = next,
                end => return Poll::Ready(end),
            }
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        unasked = Some(Waiting::on(&answers));
        Poll::Ready(Some(Ok(Bytes::from_owner(Untaken { piece, _waiting: Waiting::on(&answers) }))))
    }))
}

/// A piece of an answer that lives for as long as it was not sent.
struct Untaken {
    piece: Bytes,
    _waiting: Waiting,
}

impl AsRef<[u8]> for Untaken {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}
