//! The beginning of a connection, gathered before anything larger than itself is kept for the connection: a crowd that
//! sends its headers byte by byte costs little.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once, in bytes.
const PIECE: usize = 1024;
/// What a TLS record begins with: its kind, its version, its length (RFC 8446, section 5.1).
const RECORD_HEAD: usize = 5;
/// The most bytes of a TLS record.
pub(super) const RECORD: usize = RECORD_HEAD + 16 * 1024;
/// The kind of the records with which a handshake is made.
const HANDSHAKE: u8 = 22;

/// Reads until what came has ended, or `most` bytes have come, or the client sends no more. What came may be anything.
///
/// # Errors
/// If the connection fails.
pub(super) async fn gather<S>(mut stream: S, most: usize, has_ended: impl Fn(&[u8]) -> bool) -> io::Result<Begun<S>>
where
    S: AsyncRead + Unpin,
{
    let mut head = Vec::new();
    loop {
        let read = poll_fn(|cx| read_some(&mut stream, cx, &mut head)).await?;
        if read == 0 || head.len() >= most || has_ended(&head) {
            return Ok(Begun { head: Bytes::from(head), stream });
        }
    }
}

/// Appends what is there, and says how much that is; none at the end. The room for it is only taken meanwhile.
fn read_some(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    head: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut piece = [0; PIECE];
    let mut piece = ReadBuf::new(&mut piece);
    ready!(Pin::new(stream).poll_read(cx, &mut piece))?;
    head.extend_from_slice(piece.filled());
    Poll::Ready(Ok(piece.filled().len()))
}

/// Whether an empty line, which ends the header of a request, is in the piece that came last, or just before it. Lines
/// may end without a return.
pub(super) fn has_header(head: &[u8]) -> bool {
    let recent = head.get(head.len().saturating_sub(PIECE + 3)..).unwrap_or_default();
    recent.windows(2).any(|pair| pair == b"\n\n") || recent.windows(3).any(|three| three == b"\n\r\n")
}

/// Whether the first TLS record has come, which has the client's greeting in it, or something that is no greeting.
pub(super) fn has_greeting(head: &[u8]) -> bool {
    match *head {
        [kind, ..] if kind != HANDSHAKE => true,
        [_, _, _, high, low, ref rest @ ..] => rest.len() >= usize::from(u16::from_be_bytes([high, low])),
        _ => false,
    }
}

/// A connection whose beginning was read already, and is there to be read again.
pub(super) struct Begun<S> {
    head: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        let length = self.head.len().min(into.remaining());
        into.put_slice(&self.head.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_an_empty_line() {
        for ended in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\na: b\r\n\r\nbody"] {
            assert!(has_header(ended.as_bytes()), "{ended:?}");
        }
        for open in ["", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\na: b\r\n\r"] {
            assert!(!has_header(open.as_bytes()), "{open:?}");
        }
    }

    #[test]
    fn a_greeting_ends_with_its_record() {
        for ended in [&b"\x16\x03\x01\0\x02ab"[..], b"\x16\x03\x01\0\x02abc", b"G", b"\x16\x03\x01\0\0"] {
            assert!(has_greeting(ended), "{ended:?}");
        }
        for open in [&b""[..], b"\x16", b"\x16\x03\x01\0", b"\x16\x03\x01\x02\x02ab"] {
            assert!(!has_greeting(open), "{open:?}");
        }
    }
}
