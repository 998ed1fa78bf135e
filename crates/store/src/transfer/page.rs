//! Rows in the form that PostgreSQL's COPY reads fastest: each value with its length, numbers as eight bytes. See
//! "Binary Format" of its COPY command.

/// The signature, no flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// In place of a number of columns: no more rows.
const END: i16 = -1;
/// In place of a length.
const NULL: i32 = -1;
/// Sent at a time: few round trips, and several tables' worth of pages stay small.
const FULL: usize = 256 << 10;

/// Rows that are sent together.
#[derive(Debug)]
pub(crate) struct Page(Vec<u8>);

impl Page {
    /// The first of a table.
    pub(crate) fn first() -> Self {
        let mut page = Self::next();
        page.0.extend_from_slice(HEAD);
        page
    }

    pub(crate) fn next() -> Self {
        Self(Vec::with_capacity(FULL + 4_096))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    /// Begins a row; so many values must follow.
    pub(crate) fn row(&mut self, columns: usize) {
        let columns = i16::try_from(columns).expect("a table has some dozen columns");
        self.0.extend_from_slice(&columns.to_be_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.0.extend_from_slice(&NULL.to_be_bytes());
    }

    pub(crate) fn number(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// Text, or bytes.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        let length = i32::try_from(value.len()).expect("SQLite keeps nothing longer than a gigabyte");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    /// The last of a table, as bytes.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&END.to_be_bytes());
        self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_head_rows_and_end() {
        let mut page = Page::first();
        page.row(3);
        page.number(-2);
        page.null();
        page.bytes(b"ab");
        let rows = b"\x00\x03\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff\xff\x00\x00\x00\x02ab";
        assert_eq!(page.end(), [HEAD, rows, b"\xff\xff"].concat());
        assert_eq!(HEAD.len(), 19);
    }

    #[test]
    fn a_page_is_full_in_time() {
        let mut page = Page::next();
        page.bytes(&vec![0; FULL - 5]);
        assert!(!page.is_full());
        page.bytes(&[]);
        assert!(page.is_full());
    }
}
