//! Fills in a page: `{{name}}` is a value, escaped; `{{#name}}..{{/name}}` is there where that value is not empty.

use std::collections::HashMap;

/// What goes into a page, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots(HashMap<&'static str, String>);

impl Slots {
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Nothing where it was not set.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

pub(super) fn filled(template: &str, slots: &Slots) -> String {
    let mut page = String::with_capacity(template.len() + 1_024);
    fill(template, slots, &mut page);
    page
}

fn fill(template: &str, slots: &Slots, page: &mut String) {
    let mut rest = template;
    while let Some((before, tag, after)) = next_tag(rest) {
        page.push_str(before);
        rest = after;
        let Some(name) = tag.strip_prefix('#') else {
            escape(slots.get(tag), page);
            continue;
        };
        let end = format!("{{{{/{name}}}}}");
        let Some((inner, after)) = rest.split_once(end.as_str()) else { continue };
        if !slots.get(name).is_empty() {
            fill(inner, slots, page);
        }
        rest = after;
    }
    page.push_str(rest);
}

fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (tag, after) = rest.split_once("}}")?;
    Some((before, tag, after))
}

/// For text and for attributes in quotes.
fn escape(value: &str, page: &mut String) {
    for letter in value.chars() {
        match letter {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            letter => page.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(template: &str) -> String {
        let mut slots = Slots::default();
        slots.set("name", "A & B");
        slots.set("odd", "<script>\"'{{name}}");
        slots.set("no", "");
        filled(template, &slots)
    }

    #[test]
    fn a_value_is_text_whatever_it_says() {
        assert_eq!(page("<b title=\"{{name}}\">{{odd}}</b>"), {
            "<b title=\"A &amp; B\">&lt;script&gt;&quot;&#39;{{name}}</b>"
        });
    }

    #[test]
    fn a_part_is_there_where_its_value_is() {
        assert_eq!(page("a{{#name}}b{{#no}}c{{/no}}{{#odd}}d{{/odd}}{{/name}}{{#missing}}e{{/missing}}f"), "abdf");
        assert_eq!(page("{{missing}}|{{"), "|{{");
    }
}
