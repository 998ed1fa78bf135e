//! Requests written out in advance, byte for byte: sending one costs the load generator a system call and nothing else.

use super::bare;

#[derive(Default)]
pub(super) struct Requests {
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// What a request shows.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Nothing,
    Session(&'a str),
    Admission(&'a str),
    AdminKey(&'a str),
}

impl Requests {
    pub(super) fn one(method: &str, path: &str, shown: Shown<'_>, body: &str) -> Self {
        let mut requests = Self::default();
        requests.push(method, path, shown, body);
        requests
    }

    /// What the bare handler is asked.
    pub(super) fn bare() -> Self {
        Self::one("GET", bare::PATH, Shown::Nothing, "")
    }

    pub(super) fn push(&mut self, method: &str, path: &str, shown: Shown<'_>, body: &str) {
        let text = &mut self.text;
        let mut line = |parts: &[&str]| {
            parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
            text.extend_from_slice(b"\r\n");
        };
        line(&[method, " ", path, " HTTP/1.1"]);
        line(&["host: localhost"]);
        match shown {
            Shown::Nothing => {}
            Shown::Session(token) => line(&["authorization: Bearer ", token]),
            Shown::Admission(token) => line(&["authorization: Admission ", token]),
            Shown::AdminKey(key) => line(&["x-admin-key: ", key]),
        }
        if !body.is_empty() {
            line(&["content-type: application/json"]);
            line(&["content-length: ", &body.len().to_string()]);
        } else if method == "POST" {
            line(&["content-length: 0"]);
        }
        line(&[]);
        text.extend_from_slice(body.as_bytes());
        self.ends.push(text.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    /// The first line, for error messages: what follows it may be a token.
    pub(super) fn line(&self, index: usize) -> String {
        let text = self.get(index);
        let end = text.iter().position(|byte| *byte == b'\r').unwrap_or(text.len());
        String::from_utf8_lossy(&text[..end]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_whole_and_apart() {
        let mut requests = Requests::one("GET", "/a", Shown::Session("tok"), "");
        requests.push("POST", "/b", Shown::Admission("adm"), "{}");
        requests.push("POST", "/c", Shown::AdminKey("key"), "");
        let text = |index| String::from_utf8_lossy(requests.get(index)).into_owned();
        assert_eq!(text(0), "GET /a HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer tok\r\n\r\n");
        let head = "POST /b HTTP/1.1\r\nhost: localhost\r\nauthorization: Admission adm\r\n";
        assert_eq!(text(1), format!("{head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"));
        assert!(text(2).ends_with("x-admin-key: key\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!((requests.len(), requests.line(1)), (3, "POST /b HTTP/1.1".to_owned()));
    }
}
