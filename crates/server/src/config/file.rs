//! Reading a config file: every value with its line, and everything that is wrong with it at once.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Spanned, Value};

use super::near::nearest;
use super::settings::{Origin, keys};

/// A third of the letters of a short name may be wrong.
const SLIPS_MAX: usize = 3;

/// For each key of one layer its text and where that was written.
pub(super) type Layer = BTreeMap<String, (String, Origin)>;

/// What can be read. `wrong` gets a line for each thing that cannot; `None` where the whole file is no TOML.
pub(super) fn read(path: &Path, text: &str, wrong: &mut Vec<String>) -> Option<Layer> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let place = |at: usize| Origin::File(path.to_owned(), line(at));
    let written: BTreeMap<String, Spanned<Value>> = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            // `message()` leaves out the quoted source line, which may hold a secret.
            let origin = place(error.span().map_or(0, |span| span.start));
            wrong.push(format!("{origin} is no TOML: {}", error.message()));
            return None;
        }
    };
    let known = keys();
    let mut layer = Layer::new();
    for (key, value) in written {
        let origin = place(value.span().start);
        if !known.contains(&key) {
            wrong.push(format!("{} ({origin})", unknown(&key, &known)));
        } else if let Some(text) = as_text(value.into_inner()) {
            layer.insert(key, (text, origin));
        } else {
            wrong.push(format!("{key} is neither a text, a whole number nor true or false ({origin})"));
        }
    }
    layer.retain(|_, (text, _)| !text.is_empty());
    Some(layer)
}

/// A file may write `16`, `"16"` or `true`.
fn as_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(on) => Some(if on { "on" } else { "off" }.to_owned()),
        _ => None,
    }
}

fn unknown(key: &str, known: &[String]) -> String {
    let slips_max = (key.len() / 3).clamp(1, SLIPS_MAX);
    let meant = nearest(&key.to_lowercase().replace('-', "_"), slips_max, known.iter().map(String::as_str));
    let hint = meant
        .map_or_else(|| "traffic.default.toml lists every setting".to_owned(), |meant| format!("is {meant} meant?"));
    format!("`{key}` is no setting: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        read(Path::new("t.toml"), text, &mut wrong);
        wrong
    }

    #[test]
    fn every_value_has_its_line() {
        let mut wrong = Vec::new();
        let layer = read(Path::new("t.toml"), "\nlab = true\n# more\ndb_max_conns = 3\n", &mut wrong).unwrap();
        let place = |line| Origin::File("t.toml".into(), line);
        assert_eq!(layer["lab"], ("on".to_owned(), place(2)));
        assert_eq!(layer["db_max_conns"], ("3".to_owned(), place(4)));
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_line() {
        let told =
            wrong("http_adr = \":1\"\nHTTP-ADDR = \":1\"\nlab = [1]\ncolour = 3\njwt_secret = 1.5\n[limits]\na = 1\n");
        let expected = [
            "`HTTP-ADDR` is no setting: is http_addr meant? (config file t.toml, line 2)",
            "`colour` is no setting: traffic.default.toml lists every setting (config file t.toml, line 4)",
            "`http_adr` is no setting: is http_addr meant? (config file t.toml, line 1)",
            "jwt_secret is neither a text, a whole number nor true or false (config file t.toml, line 5)",
            "lab is neither a text, a whole number nor true or false (config file t.toml, line 3)",
        ];
        assert_eq!(told[..5], expected);
        assert!(told[5].starts_with("limits is neither a text"), "{told:?}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line_and_without_its_text() {
        let told = wrong("lab = true\njwt_secret = hunter2 hunter3\n");
        assert!(told.len() == 1 && told[0].starts_with("config file t.toml, line 2 is no TOML: "), "{told:?}");
        assert!(!told[0].contains("hunter"), "{told:?}");
    }
}
