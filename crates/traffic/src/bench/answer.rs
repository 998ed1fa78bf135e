//! An HTTP answer as it comes in: where its head ends, how long its body is, what its status says. No more than that.

use anyhow::{Context as _, ensure};

/// Most answers fit; the buffer grows for the others.
const ROOM: usize = 4 * 1024;
/// Of an error's body, in messages.
const SHOWN_CHARS: usize = 300;

/// A whole answer.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Answer<'_> {
    /// The beginning of the body, for messages.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.body).chars().take(SHOWN_CHARS).collect()
    }
}

/// What has come of one answer.
#[derive(Default)]
pub(super) struct Reading {
    buffer: Vec<u8>,
    filled: usize,
    /// Status, where the body begins, where it ends; once the head is complete.
    shape: Option<(u16, usize, usize)>,
}

impl Reading {
    /// Where the next bytes go; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let wanted = self.shape.map_or(0, |(_, _, end)| end).max(self.filled + 1).max(ROOM);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted.next_power_of_two(), 0);
        }
        &mut self.buffer[self.filled..]
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.filled += bytes;
    }

    pub(super) fn clear(&mut self) {
        (self.filled, self.shape) = (0, None);
    }

    /// The answer, when it is complete.
    pub(super) fn answer(&mut self) -> anyhow::Result<Option<Answer<'_>>> {
        let got = &self.buffer[..self.filled];
        if self.shape.is_none() {
            self.shape = head(got)?;
        }
        let Some((status, start, end)) = self.shape else { return Ok(None) };
        ensure!(got.len() <= end, "more came than one answer");
        Ok((got.len() == end).then(|| Answer { status, body: &got[start..end] }))
    }
}

/// Status, where the body begins and where it ends, if the head is complete.
fn head(got: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&got[..end]).context("a head that is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status = status.with_context(|| format!("no HTTP answer: {head}"))?;
    let mut length = None;
    for line in lines {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().with_context(|| format!("content-length {value}"))?);
        }
    }
    // 204 has no body, and says so by having no length.
    let length = if status == 204 { 0 } else { length.context("an answer without a length")? };
    Ok(Some((status, end + 4, end + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reading: &mut Reading, bytes: &[u8]) {
        reading.room()[..bytes.len()].copy_from_slice(bytes);
        reading.add(bytes.len());
    }

    #[test]
    fn an_answer_in_pieces_is_complete_at_its_last_byte() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\nok";
        let mut reading = Reading::default();
        for _ in 0..2 {
            for byte in &text[..text.len() - 1] {
                feed(&mut reading, std::slice::from_ref(byte));
                assert!(reading.answer().unwrap().is_none());
            }
            feed(&mut reading, b"k");
            let answer = reading.answer().unwrap().unwrap();
            assert_eq!((answer.status, answer.body), (201, b"ok".as_slice()));
            reading.clear();
        }
    }

    #[test]
    fn a_large_answer_makes_room() {
        let body = vec![b'x'; 100_000];
        let mut reading = Reading::default();
        feed(&mut reading, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
        assert!(reading.answer().unwrap().is_none());
        for part in body.chunks(1_000) {
            feed(&mut reading, part);
        }
        assert_eq!(reading.answer().unwrap().unwrap().body, body);
    }

    #[test]
    fn what_cannot_be_counted_is_an_error() {
        for text in ["HTTP/1.1 200 OK\r\n\r\n", "SMTP\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab"] {
            let mut reading = Reading::default();
            feed(&mut reading, text.as_bytes());
            assert!(reading.answer().is_err(), "{text}");
        }
    }

    #[test]
    fn an_answer_without_content_is_complete_with_its_head() {
        let mut reading = Reading::default();
        feed(&mut reading, b"HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n");
        assert_eq!(reading.answer().unwrap().unwrap().status, 204);
    }
}
