//! One line for each record, whatever is in it.

use std::io::{self, Write};

/// A writer of whole records, which come in one piece each. Line breaks within one would begin a record of nobody's.
pub(super) struct OneLine<W>(pub(super) W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let (text, end) = match record.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (record, false),
        };
        if text.contains(&b'\n') || text.contains(&b'\r') {
            let escaped: Vec<u8> = text.iter().flat_map(|byte| escaped(byte).iter().copied()).collect();
            self.0.write_all(&escaped)?;
            self.0.write_all(if end { b"\n" } else { b"" })?;
        } else {
            self.0.write_all(record)?;
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(byte: &u8) -> &[u8] {
    match byte {
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        _ => std::slice::from_ref(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &str) -> String {
        let mut into = Vec::new();
        OneLine(&mut into).write_all(record.as_bytes()).unwrap();
        String::from_utf8(into).unwrap()
    }

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(written("a plain one\n"), "a plain one\n");
        assert_eq!(written("an error\r\nERROR forged: ü\n"), "an error\\r\\nERROR forged: ü\n");
        assert_eq!(written("no end"), "no end");
    }
}
