//! Text that may have come from a server: it cannot be printed by accident, only as HTML or as one line of a terminal.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Has no `Display` on purpose: whoever prints it says where, and gets what is safe there.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    /// For comparing and parsing, never for showing.
    pub(crate) fn raw(&self) -> &str {
        &self.0
    }

    /// For the content of an element or a quoted attribute.
    pub(crate) fn html(&self) -> Html<'_> {
        Html(&self.0)
    }

    /// For a terminal or a log: no line ends, no control sequences.
    pub(crate) fn line(&self) -> String {
        self.0.chars().map(visible).collect()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.into())
    }
}

pub(crate) struct Html<'a>(&'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(visible(c))?,
            }
        }
        Ok(())
    }
}

/// Control characters move a terminal's cursor, and marks of direction turn a line of text around.
fn visible(c: char) -> char {
    let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        let text = Text::from("<script>alert('a & \"b\"')</script>");
        assert_eq!(text.html().to_string(), "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;");
    }

    #[test]
    fn nothing_moves_the_cursor_or_turns_the_line() {
        let text = Text::from("a\x1b[2J\r\n\u{202e}b é 座席");
        assert_eq!(text.line(), "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b é 座席");
        assert_eq!(text.html().to_string(), text.line());
    }
}
