//! What every connection is held to: how long a client may take, how much it may send ahead of a request, and how
//! many connections there may be. A client that does not keep to it loses its connection, and nobody else theirs.

mod answers;
mod frames;
mod head;
mod possession;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum_server::Server;
use axum_server::accept::Accept;
use futures::future::BoxFuture;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_io_timeout::TimeoutWriter;
use tower_service::Service;

use crate::credentials::certificates::Chain;
use crate::settings::Settings;
use answers::{Answers, watched};
use frames::Frames;
use head::Begun;

pub(crate) use tls::Tls;
pub use tls::TlsError;

/// How many bytes of headers are taken.
const HEADER_BYTES: usize = 32 * 1024;
/// How many header lines are taken.
const HEADERS: usize = 100;
/// How many requests may be under way on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// How many requests an HTTP/2 client may take back before they were looked at, and how many may fail on it, until
/// its connection is ended (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 20;
/// How much an HTTP/2 client may send ahead of being read, in bytes: on the connection, and of one request.
const WINDOW: u32 = 1024 * 1024;
/// How much the system keeps of what a client has yet to take, in bytes: it bounds what a stalled one can hold, and
/// how long a slow one seems to take nothing.
const SEND_BUFFER: u32 = 256 * 1024;
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// With fewer open files than this, a busy server will turn clients away.
const SENSIBLE_FILES: u64 = 4096;
/// How often at most it is logged that connections are refused.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Takes the address to listen on.
///
/// # Errors
/// If it is taken.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // What is accepted has it from the listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Lets the process open as many files as the system allows it, and says how many that is.
pub(crate) fn raise_open_files() -> u64 {
    let most = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        rlimit::Resource::NOFILE.get_soft().unwrap_or(SENSIBLE_FILES)
    });
    if most < SENSIBLE_FILES {
        tracing::warn!(
            most,
            sensible = SENSIBLE_FILES,
            "few files may be open at once: raise the limit (ulimit -Hn)"
        );
    }
    most
}

/// A server on a listener, with every limit in place. With a certificate it speaks TLS alone.
///
/// # Errors
/// If the listener cannot be used.
pub(crate) fn server(
    listener: std::net::TcpListener,
    tls: Option<Tls>,
    settings: &Settings,
    open_files: u64,
) -> io::Result<Server<SocketAddr, Held>> {
    let header = settings.header;
    // Every connection may have a file open.
    let most = usize::try_from(open_files / 2).unwrap_or(usize::MAX);
    let held = Held { open: Arc::default(), most, tls, header, idle: settings.idle };
    let mut server = axum_server::from_tcp(listener)?.acceptor(held);
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(WINDOW)
        .max_send_buf_size(answers::PIECE)
        .keep_alive_interval(settings.idle)
        // An answer to a ping waits behind all that a slow client has yet to take.
        .keep_alive_timeout(settings.idle * 3);
    let reported = Mutex::new(None);
    // From when the first header is there: it is understood at once, and HTTP/2 has only begun with it.
    Ok(server.first_request_timeout(header * 2 / 5).accept_error_handler(move |_, error| report(&reported, error)))
}

/// Says that connections are refused, though not for each of them, and not where it is the client's doing.
fn report(reported: &Mutex<Option<Instant>>, error: &io::Error) {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, TimedOut, UnexpectedEof};

    let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, TimedOut, UnexpectedEof];
    if kinds.contains(&error.kind()) {
        return;
    }
    let mut last = reported.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() > REPORT_EVERY) {
        *last = Some(Instant::now());
        tracing::warn!(%error, "a connection was refused; there may be more that are not reported");
    }
}

/// What every request goes through. HTTP/2 is held to what HTTP/1 is by itself. And a connection is trusted no longer
/// once whoever is in front of the server may have seen a body end elsewhere (RFC 9112, section 6.3).
pub(crate) async fn hold(mut request: Request, next: Next) -> Response {
    if request.headers().len() > HEADERS {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        // RFC 9112, section 3.2.
        return StatusCode::BAD_REQUEST.into_response();
    }
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let is_multiplexed = request.version() == Version::HTTP_2;
    let answers = request.extensions_mut().remove::<Arc<Answers>>().filter(|_| is_multiplexed);
    let mut response = next.run(request).await;
    if let Some(answers) = answers {
        response = response.map(|body| watched(body, answers));
    }
    if is_chunked {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Holds what is accepted to the deadlines, and refuses it beyond a number.
#[derive(Clone)]
pub(crate) struct Held {
    open: Arc<AtomicUsize>,
    most: usize,
    tls: Option<Tls>,
    header: Duration,
    idle: Duration,
}

impl<S: Send + 'static> Accept<TcpStream, S> for Held {
    type Stream = HeldStream;
    type Service = Introduced<S>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        Box::pin(self.clone().hold(stream, service))
    }
}

impl Held {
    async fn hold<S>(self, stream: TcpStream, service: S) -> io::Result<(HeldStream, Introduced<S>)> {
        let place = Place::take(&self.open);
        if self.open.load(Ordering::Relaxed) > self.most {
            return Err(io::Error::other("there are as many connections as open files allow"));
        }
        stream.set_nodelay(true)?;
        // Whoever is too slow is no news.
        let begun = tokio::time::timeout(self.header, self.begin(stream)).await;
        let Ok(begun) = begun else { return Err(io::ErrorKind::TimedOut.into()) };
        let (stream, certificate) = begun?;
        let answers = Arc::new(Answers::default());
        let held = HeldStream {
            stream,
            answers: Arc::clone(&answers),
            frames: Frames::default(),
            header: self.header,
            idle: self.idle,
            look: Box::pin(tokio::time::sleep(self.idle)),
            _place: place,
        };
        Ok((held, Introduced { service, answers, certificate: certificate.map(Arc::new) }))
    }

    /// Reads the first header of a connection, after a handshake if there is one, in which the client may have shown a
    /// certificate.
    async fn begin(&self, stream: TcpStream) -> io::Result<(Begun<Pin<Box<dyn Transport>>>, Option<Chain>)> {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.idle));
        let mut stream: Pin<Box<dyn Transport>> = Box::pin(stream);
        let mut certificate = None;
        if let Some(tls) = &self.tls {
            let greeted = head::gather(stream, head::RECORD, head::has_greeting).await?;
            // What a handshake needs is large, and only there from now on.
            let (encrypted, shown) = Box::pin(tls.accept(greeted)).await?;
            (stream, certificate) = (Box::pin(encrypted), shown);
        }
        Ok((head::gather(stream, HEADER_BYTES, head::has_header).await?, certificate))
    }
}

/// What bytes go through: the socket, or TLS on it.
trait Transport: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Transport for T {}

/// One of the connections that there may be.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that ends when its client takes nothing of what waits for it, or does not finish what it began. The
/// socket shows the first and hyper sees to the second for HTTP/1. An HTTP/2 client can keep its socket busy all the
/// same, so there its answers and its frames are looked at.
pub(crate) struct HeldStream {
    stream: Begun<Pin<Box<dyn Transport>>>,
    answers: Arc<Answers>,
    frames: Frames,
    header: Duration,
    idle: Duration,
    look: Pin<Box<Sleep>>,
    _place: Place,
}

impl HeldStream {
    /// When the client is out of time, if it does nothing until then; else when to look again.
    fn deadline(&self, now: Instant) -> Instant {
        let taken = self.answers.waiting_since().map(|since| since + self.idle);
        let finished = self.frames.unfinished_since().map(|since| since + self.header);
        [taken, finished].into_iter().flatten().min().unwrap_or(now + self.idle)
    }
}

impl AsyncRead for HeldStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let deadline = self.deadline(Instant::now());
        if deadline < self.look.deadline() {
            self.look.as_mut().reset(deadline);
        }
        while self.look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let deadline = self.deadline(now);
            if deadline <= now {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.look.as_mut().reset(deadline);
        }
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_ready() {
            self.frames.follow(into.filled().get(before..).unwrap_or_default(), Instant::now());
        }
        read
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The service of one connection, which tells every request of it.
#[derive(Clone)]
pub(crate) struct Introduced<S> {
    service: S,
    answers: Arc<Answers>,
    certificate: Option<Arc<Chain>>,
}

impl<S, B> Service<axum::http::Request<B>> for Introduced<S>
where
    S: Service<axum::http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: axum::http::Request<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.answers));
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(Arc::clone(certificate));
        }
        self.service.call(request)
    }
}
