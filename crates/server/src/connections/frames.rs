//! Follows the frames of an HTTP/2 connection (RFC 9113, section 4), only to know how long one has been unfinished:
//! nothing else has a deadline for a client that sends half a header and stops.

use tokio::time::Instant;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Where a connection stands.
#[derive(Debug, Default)]
pub(super) struct Frames {
    place: Place,
    /// Whether a header's block goes on in the next frame.
    is_block_open: bool,
    unfinished_since: Option<Instant>,
}

#[derive(Debug)]
enum Place {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// It is no HTTP/2.
    Elsewhere,
    /// So much of a frame's head has come.
    Head(Vec<u8>),
    /// So many bytes of a frame's payload are to come.
    Payload { kind: u8, left: usize },
}

impl Default for Place {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl Frames {
    /// Since when a frame or a header's block has been unfinished, if one is. The payload of a body does not count:
    /// whoever reads the body has a deadline for it.
    pub(super) fn unfinished_since(&self) -> Option<Instant> {
        self.unfinished_since
    }

    /// Follows what has come.
    pub(super) fn follow(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            let (taken, rest) = match &self.place {
                Place::Elsewhere => return,
                Place::Preface(_) => bytes.split_at(1),
                Place::Head(head) => bytes.split_at(bytes.len().min(HEAD - head.len())),
                Place::Payload { left, .. } => bytes.split_at(bytes.len().min(*left)),
            };
            bytes = rest;
            self.step(taken);
            if self.is_between_frames() {
                self.unfinished_since = None;
            }
        }
        let is_unfinished = match &self.place {
            Place::Preface(_) | Place::Elsewhere => false,
            Place::Head(_) => !self.is_between_frames(),
            Place::Payload { kind, .. } => *kind != DATA,
        };
        self.unfinished_since = is_unfinished.then(|| self.unfinished_since.unwrap_or(now));
    }

    fn is_between_frames(&self) -> bool {
        !self.is_block_open && matches!(&self.place, Place::Head(head) if head.is_empty())
    }

    fn step(&mut self, taken: &[u8]) {
        match &mut self.place {
            Place::Elsewhere => {}
            Place::Preface(matched) => {
                self.place = match *matched + 1 {
                    _ if PREFACE.get(*matched) != taken.first() => Place::Elsewhere,
                    all if all == PREFACE.len() => Place::Head(Vec::new()),
                    some => Place::Preface(some),
                };
            }
            Place::Head(head) => {
                head.extend_from_slice(taken);
                if let [a, b, c, kind, flags, _, _, _, _] = *head.as_slice() {
                    let left = u32::from_be_bytes([0, a, b, c]) as usize;
                    if matches!(kind, HEADERS | CONTINUATION) {
                        self.is_block_open = flags & END_HEADERS == 0;
                    }
                    self.place = if left == 0 { Place::Head(Vec::new()) } else { Place::Payload { kind, left } };
                }
            }
            Place::Payload { left, .. } => {
                *left -= taken.len();
                if *left == 0 {
                    self.place = Place::Head(Vec::new());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + usize::from(length), b'x');
        frame
    }

    /// Whether something is unfinished after these bytes, however they are cut.
    fn is_unfinished(bytes: &[u8]) -> bool {
        let (mut at_once, mut by_bytes, now) = (Frames::default(), Frames::default(), Instant::now());
        at_once.follow(bytes, now);
        bytes.chunks(1).for_each(|byte| by_bytes.follow(byte, now));
        assert_eq!(at_once.unfinished_since().is_some(), by_bytes.unfinished_since().is_some());
        at_once.unfinished_since().is_some()
    }

    #[test]
    fn what_is_unfinished_is_known() {
        let of = |frames: &[Vec<u8>]| [PREFACE.to_vec(), frames.concat()].concat();
        let (headers, data) = (frame(HEADERS, END_HEADERS, 20), frame(DATA, 0, 200));
        for finished in
            [of(&[]), of(&[headers.clone(), data.clone(), frame(4, 0, 0)]), b"GET / HTTP/1.1\r\n".to_vec()]
        {
            assert!(!is_unfinished(&finished));
        }
        assert!(is_unfinished(&of(&[headers[..5].to_vec()])));
        assert!(is_unfinished(&of(&[headers[..15].to_vec()])));
        assert!(is_unfinished(&of(&[frame(HEADERS, 0, 20)])));
        assert!(is_unfinished(&of(&[frame(HEADERS, 0, 20), frame(CONTINUATION, 0, 20)])));
        assert!(!is_unfinished(&of(&[frame(HEADERS, 0, 20), frame(CONTINUATION, END_HEADERS, 20)])));
        assert!(!is_unfinished(&of(&[headers, data[..100].to_vec()])));
    }

    #[test]
    fn a_header_that_grows_is_as_old_as_its_first_byte() {
        let mut frames = Frames::default();
        let began = Instant::now();
        frames.follow(PREFACE, began);
        for (second, byte) in frame(HEADERS, END_HEADERS, 20).iter().take(25).enumerate() {
            frames.follow(&[*byte], began + std::time::Duration::from_secs(second as u64));
            assert_eq!(frames.unfinished_since(), Some(began));
        }
    }
}
