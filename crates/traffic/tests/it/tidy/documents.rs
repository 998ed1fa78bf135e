//! Documents: each leads to the others by links that hold, nothing lies about unlinked, and the indexes are whole. That the
//! commands in them are right is tried by scripts/test-docs.sh.

use std::collections::BTreeSet;

use super::{Source, files, none, read, root};

/// Where everybody begins.
const START: &str = "README.md";

fn documents() -> Vec<Source> {
    files(|path| path.ends_with(".md") && !path.starts_with("crates/") && !path.starts_with("web/"))
}

/// The text without what stands in fences and between backticks, where brackets are no links.
fn prose(text: &str) -> String {
    let mut in_fence = false;
    let mut kept = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        if !is_fence && !in_fence {
            kept.extend(line.split('`').step_by(2));
        }
        kept.push('\n');
    }
    kept
}

/// The targets of links, with their lines: `[text](target)`, `<img src="target">`.
fn links(text: &str) -> Vec<(usize, String)> {
    let prose = prose(text);
    let targets = |line: &str| {
        let marked =
            line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect::<Vec<_>>();
        let drawn = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
        marked.into_iter().chain(drawn).collect::<Vec<_>>()
    };
    prose.lines().enumerate().flat_map(|(at, line)| targets(line).into_iter().map(move |to| (at + 1, to))).collect()
}

/// The anchors of a document's headings, as they are made by those who show Markdown.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_fence = false;
    let heads = text.lines().filter(|line| {
        in_fence ^= line.trim_start().starts_with("```");
        !in_fence && line.starts_with('#')
    });
    let anchor = |head: &str| {
        let kept = head.trim_start_matches('#').trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    heads.map(anchor).collect()
}

/// Where a link of a document leads: a path from the root, and an anchor. `None`: elsewhere in the world.
fn target<'a>(from: &'a str, link: &'a str) -> Option<(String, &'a str)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut parts: Vec<&str> = from.split('/').collect();
    if path.is_empty() {
        return Some((from.to_owned(), anchor));
    }
    parts.pop();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    Some((parts.join("/"), anchor))
}

/// Documents that can be reached from the start by links. A link to a folder is one to its README.md.
fn reached(documents: &[Source]) -> BTreeSet<&str> {
    let mut open = vec![START.to_owned()];
    let mut found = BTreeSet::new();
    while let Some(path) = open.pop() {
        let index = format!("{}/README.md", path.trim_end_matches('/'));
        let Some(document) = documents.iter().find(|one| one.path == path || one.path == index) else { continue };
        if found.insert(document.path.as_str()) {
            open.extend(links(&document.text).iter().filter_map(|(_, link)| Some(target(&document.path, link)?.0)));
        }
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let count: usize = documents.iter().map(|document| links(&document.text).len()).sum();
    assert!(count > 60, "{count} links are read");
    none(&documents, "these links lead nowhere", |document| {
        let broken = |link: &str| {
            let (path, anchor) = target(&document.path, link)?;
            if !root().join(&path).exists() {
                return Some("no such file".to_owned());
            }
            let has_anchor = anchor.is_empty() || (path.ends_with(".md") && anchors(&read(&path)).contains(anchor));
            (!has_anchor).then(|| "no such heading".to_owned())
        };
        let found = links(&document.text).into_iter().filter_map(|(line, link)| Some((line, broken(&link)?, link)));
        found.map(|(line, why, link)| format!("{line}: {link}: {why}")).collect()
    });
}

#[test]
fn every_document_can_be_found_from_the_readme() {
    let documents = documents();
    let found = reached(&documents);
    let lost: Vec<&str> = documents.iter().map(|one| one.path.as_str()).filter(|path| !found.contains(path)).collect();
    assert!(lost.is_empty(), "no link leads to these, beginning at README.md: {lost:?}");
}

/// A folder of dated or numbered pages has an index, which names each of them and says what it is called.
#[test]
fn indexes_list_every_page_under_its_title() {
    for folder in ["docs/adr", "docs/load-test-results"] {
        let index = read(&format!("{folder}/README.md"));
        let pages = files(|path| {
            path.starts_with(&format!("{folder}/"))
                && path.ends_with(".md")
                && !path.ends_with("README.md")
                && !path.ends_with("0000-template.md")
        });
        let missing: Vec<String> = pages.iter().filter_map(|page| unlisted(&index, page)).collect();
        assert!(missing.is_empty(), "{folder}/README.md lacks these lines:\n{}", missing.join("\n"));
    }
}

/// The line that an index lacks: a link to the page, with the page's own title.
fn unlisted(index: &str, page: &Source) -> Option<String> {
    let title = page.text.lines().next().unwrap_or_default().trim_start_matches("# ");
    let name = page.path.rsplit('/').next().unwrap_or_default();
    let entry = format!("[{title}]({name})");
    (!index.contains(&entry)).then_some(entry)
}

#[test]
fn a_broken_link_is_found_and_what_only_looks_like_one_is_not() {
    let text =
        "# A\n[b](b.md#to-be) `[c](d)` <img src=\"e.png\">\n```sh\necho \"[f](g)\"\n```\n[h](https://example.com)\n";
    assert_eq!(
        links(text),
        [(2, "b.md#to-be".to_owned()), (2, "e.png".to_owned()), (6, "https://example.com".to_owned())]
    );
    assert_eq!(target("docs/a.md", "../README.md#x"), Some(("README.md".to_owned(), "x")));
    assert_eq!(target("docs/a.md", "adr/"), Some(("docs/adr".to_owned(), "")));
    assert_eq!(target("docs/a.md", "#here"), Some(("docs/a.md".to_owned(), "here")));
    assert_eq!(target("docs/a.md", "https://example.com"), None);
    let heads = anchors("# The API: one, two\n```sh\n# no\n```\n## `make test` & more\n");
    assert_eq!(heads, BTreeSet::from(["the-api-one-two".to_owned(), "make-test--more".to_owned()]));
}

#[test]
fn a_page_that_no_link_leads_to_is_found() {
    let page = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let pages = [
        page("README.md", "# R\n[a](docs/a.md) [adr](docs/adr)\n"),
        page("docs/a.md", "# A\n"),
        page("docs/adr/README.md", "# Decisions\n[0001: One](0001-one.md)\n"),
        page("docs/adr/0001-one.md", "# 0001: One\n"),
        page("docs/adr/0002-two.md", "# 0002: Two\n"),
    ];
    assert_eq!(
        reached(&pages),
        BTreeSet::from(["README.md", "docs/a.md", "docs/adr/0001-one.md", "docs/adr/README.md"])
    );
    assert_eq!(unlisted(&pages[2].text, &pages[3]), None);
    assert_eq!(unlisted(&pages[2].text, &pages[4]).as_deref(), Some("[0002: Two](0002-two.md)"));
}
