//! An upload to a bucket: in one piece if it is small, else in parts, of which at most two are in memory: one that
//! fills, and one on its way.
//!
//! A task of its own does the sending, so that it comes to an orderly end whenever its caller goes away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::PutPayload;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument as _;

use super::bucket::{Bucket, Multipart};
use super::location_of;
use crate::Error;

/// How much is sent at once. S3 wants at least 5 MiB of every part but the last, and some that speak like it want
/// all but the last to be of one size.
const PART: usize = 8 * 1024 * 1024;
/// S3 takes ten thousand parts.
pub(super) const MAX_BYTES: u64 = 10_000 * PART as u64;
/// How often the marker of an upload is made young. Far more often than the sweeper's patience.
const REMARK: Duration = Duration::from_secs(10 * 60);

/// Bytes on their way into a bucket. Dropped, it leaves nothing.
pub(super) struct Upload {
    location: String,
    /// The part that fills, and how full it is.
    part: Vec<Bytes>,
    filled: usize,
    /// Whoever has the one permit may have a part on its way.
    turn: Arc<Semaphore>,
    pieces: mpsc::Sender<Piece>,
    outcome: oneshot::Receiver<Result<(), Error>>,
}

/// What there is to send.
enum Piece {
    /// A whole part, which is not the last.
    Part(PutPayload, OwnedSemaphorePermit),
    /// What is left, and the upload's end.
    Rest(PutPayload),
}

impl Upload {
    /// Begins an upload; S3 hears of it when there is something to send.
    pub(super) fn begin(bucket: Bucket, name: String) -> Self {
        let location = location_of(&name);
        let (pieces, receiver) = mpsc::channel(1);
        let (sender, outcome) = oneshot::channel();
        tokio::spawn(send(bucket, name, receiver, sender).in_current_span());
        Self { location, part: Vec::new(), filled: 0, turn: Arc::new(Semaphore::new(1)), pieces, outcome }
    }

    /// Takes the next bytes. After an error the upload is over.
    pub(super) async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        // A full part waits for what follows: if nothing does, it is the last.
        while self.filled + bytes.len() > PART {
            let head = bytes.split_to(PART - self.filled);
            self.fill(head);
            let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| Error::GivenUp)?;
            let part = self.take();
            self.send(Piece::Part(part, turn)).await?;
        }
        self.fill(bytes);
        Ok(())
    }

    /// Sends what is left, and returns where all of it is.
    pub(super) async fn finish(mut self) -> Result<String, Error> {
        let rest = self.take();
        self.send(Piece::Rest(rest)).await?;
        self.outcome.await.map_err(|_| Error::GivenUp)??;
        Ok(self.location)
    }

    fn fill(&mut self, bytes: Bytes) {
        self.filled += bytes.len();
        self.part.push(bytes);
    }

    fn take(&mut self) -> PutPayload {
        self.filled = 0;
        std::mem::take(&mut self.part).into_iter().collect()
    }

    /// Hands a piece to the task, or says why the task has ended.
    async fn send(&mut self, piece: Piece) -> Result<(), Error> {
        if self.pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        match (&mut self.outcome).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) | Err(_) => Err(Error::GivenUp),
        }
    }
}

/// Sends every piece, and then says how it went. Whatever is not wanted is removed.
async fn send(
    bucket: Bucket,
    name: String,
    mut pieces: mpsc::Receiver<Piece>,
    outcome: oneshot::Sender<Result<(), Error>>,
) {
    let (first, turn) = match pieces.recv().await {
        None => return,
        Some(Piece::Rest(bytes)) => {
            let put = bucket.put(&location_of(&name), bytes).await;
            return tell(&bucket, &name, put.map_err(Error::from), outcome).await;
        }
        Some(Piece::Part(bytes, turn)) => (bytes, turn),
    };
    let multipart = match bucket.begin(&name).await {
        Ok(multipart) => multipart,
        Err(error) => return tell(&bucket, &name, Err(error.into()), outcome).await,
    };
    match send_parts(&multipart, first, turn, pieces).await {
        Ok(End::Whole) => {
            tell(&bucket, &name, Ok(()), outcome).await;
            multipart.forget().await;
        }
        Ok(End::Dropped) => multipart.abandon().await,
        Err(error) => {
            tell(&bucket, &name, Err(error.into()), outcome).await;
            multipart.abandon().await;
        }
    }
}

/// How an upload ended.
enum End {
    /// It is an object now.
    Whole,
    /// Nobody wants it any more.
    Dropped,
}

async fn send_parts(
    multipart: &Multipart,
    first: PutPayload,
    turn: OwnedSemaphorePermit,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<End, object_store::Error> {
    let mut parts = vec![multipart.put(0, first).await?];
    drop(turn);
    let mut remark = tokio::time::interval_at(Instant::now() + REMARK, REMARK);
    remark.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            piece = pieces.recv() => match piece {
                Some(Piece::Part(bytes, turn)) => {
                    parts.push(multipart.put(parts.len(), bytes).await?);
                    drop(turn);
                }
                Some(Piece::Rest(bytes)) => {
                    parts.push(multipart.put(parts.len(), bytes).await?);
                    multipart.complete(parts).await?;
                    return Ok(End::Whole);
                }
                None => return Ok(End::Dropped),
            },
            _ = remark.tick() => multipart.remark().await,
        }
    }
}

/// Tells the caller how it went. An object that nobody waits for any more is removed.
async fn tell(bucket: &Bucket, name: &str, result: Result<(), Error>, outcome: oneshot::Sender<Result<(), Error>>) {
    if let Err(Ok(())) = outcome.send(result)
        && let Err(error) = bucket.remove(&location_of(name)).await
    {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, upload = name, "an object that nobody wants is left to the sweeper");
    }
}
