//! The head of a connection's first request, gathered before anything larger than itself is kept for the connection:
//! a crowd that sends its headers byte by byte costs little.

use std::io;

use tokio::net::TcpStream;

/// How much is read at once, in bytes.
const PIECE: usize = 1024;

/// Reads until a header ends, or `most` bytes have come, or the client sends no more. What came may be anything.
///
/// # Errors
/// If the connection fails.
pub(super) async fn gather(stream: &TcpStream, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        stream.readable().await?;
        if read_some(stream, &mut head)? == Some(0) || head.len() >= most {
            return Ok(head);
        }
        if has_ended(&head) {
            return Ok(head);
        }
    }
}

/// Appends what is there; none if nothing was after all.
fn read_some(stream: &TcpStream, head: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut piece = [0; PIECE];
    match stream.try_read(&mut piece) {
        Ok(read) => {
            head.extend(piece.iter().take(read));
            Ok(Some(read))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an empty line is in the piece that came last, or just before it. Lines may end without a return.
fn has_ended(head: &[u8]) -> bool {
    let recent = head.get(head.len().saturating_sub(PIECE + 3)..).unwrap_or_default();
    recent.windows(2).any(|pair| pair == b"\n\n") || recent.windows(3).any(|three| three == b"\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_with_an_empty_line() {
        for ended in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\na: b\r\n\r\nbody"] {
            assert!(has_ended(ended.as_bytes()), "{ended:?}");
        }
        for open in ["", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\na: b\r\n\r"] {
            assert!(!has_ended(open.as_bytes()), "{open:?}");
        }
    }
}
