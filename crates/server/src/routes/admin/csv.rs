//! Rows of a table as RFC 4180 writes them, safe to open in a spreadsheet.

/// One row. A text that a spreadsheet would run as a formula is made plain text by a quote in front of it.
pub(super) fn write<'a>(out: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_field(out, field);
    }
    out.push_str("\r\n");
}

/// What a spreadsheet takes for the start of a formula.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

fn write_field(out: &mut String, field: &str) {
    let formula = field.starts_with(FORMULA);
    let quoted = field.contains([',', '"', '\r', '\n']);
    if quoted {
        out.push('"');
    }
    if formula {
        out.push('\'');
    }
    // Some spreadsheets take a semicolon for the separator, whatever the file says.
    let mut starts_cell = false;
    for letter in field.chars() {
        if starts_cell && FORMULA.contains(&letter) {
            out.push('\'');
        }
        starts_cell = matches!(letter, ';' | '\t');
        if letter == '"' {
            out.push('"');
        }
        out.push(letter);
    }
    if quoted {
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[&str]) -> String {
        let mut out = String::new();
        write(&mut out, fields.iter().copied());
        out
    }

    #[test]
    fn what_separates_fields_and_rows_is_quoted() {
        assert_eq!(row(&["a", "", "b c"]), "a,,b c\r\n");
        assert_eq!(row(&["a,b", "say \"x\"", "two\r\nlines"]), "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\"\r\n");
    }

    #[test]
    fn no_text_is_a_formula() {
        for start in ["=", "+", "-", "@", "\t"] {
            assert_eq!(row(&[&format!("{start}1")]), format!("'{start}1\r\n"));
        }
        assert_eq!(row(&["\r1", "=\"a,b\""]), "\"'\r1\",\"'=\"\"a,b\"\"\"\r\n");
        assert_eq!(row(&["1=1", "a-b@c.d", "'x"]), "1=1,a-b@c.d,'x\r\n", "inside a text they are harmless");
        assert_eq!(row(&["x;=1", "a;b"]), "x;'=1,a;b\r\n");
    }
}
