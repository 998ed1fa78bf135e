//! What a run can be repeated by: machine, server, settings and plan, each with where it came from.

use std::fmt::Write as _;

use super::svg::number;
use crate::report::text::Text;
use crate::report::view::Run;

/// Names of the environment's fields for people. One that is not here is shown by its own name.
const LABELS: [(&str, &str); 22] = [
    ("lab_version", "Lab"),
    ("lab_commit", "Lab, commit"),
    ("lab_build", "Lab, build"),
    ("target", "Target"),
    ("server_version", "Server"),
    ("server_instance", "Server, instance"),
    ("staleness_ms", "Server, numbers may be old by (ms)"),
    ("cpu", "CPU of the generator"),
    ("cores", "Cores"),
    ("memory_mib", "Memory (MiB)"),
    ("kernel", "Kernel"),
    ("open_files_limit", "Open files, limit"),
    ("port_range", "Ports for outgoing connections"),
    ("generator_cpu_share", "Generator, share of a core"),
    ("generator_peak_memory_mib", "Generator, peak memory (MiB)"),
    ("server.env", "Server, mode"),
    ("server.engine", "Database"),
    ("server.durability", "Database, durability"),
    ("server.db_max_conns", "Database, connections"),
    ("server.redis", "Redis"),
    ("server.limits", "Limits"),
    ("server.proof_of_work", "Proof of work"),
];

fn label(key: &str) -> String {
    let known = LABELS.iter().find(|(name, _)| *name == key).map(|(_, label)| (*label).to_owned());
    known.unwrap_or_else(|| Text::from(key.replace(['_', '.'], " ")).html().to_string())
}

fn rows(rows: impl Iterator<Item = (String, String)>, out: &mut String) {
    out.push_str("<dl class=\"facts\">\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}

pub(super) fn environment(run: &Run, out: &mut String) {
    let facts = run.facts();
    if facts.is_empty() {
        out.push_str("<p class=\"none\">The report does not say.</p>\n");
        return;
    }
    let place = |key: &Text| LABELS.iter().position(|(name, _)| *name == key.raw()).unwrap_or(LABELS.len());
    let mut facts: Vec<_> = facts.iter().collect();
    facts.sort_by_key(|(key, _)| place(key));
    rows(facts.into_iter().map(|(key, value)| (label(key.raw()), value.html().to_string())), out);
    if !run.notes.is_empty() {
        out.push_str("<h3>Notes</h3>\n<ul>\n");
        for note in &run.notes {
            let _ = writeln!(out, "<li>{}</li>", note.html());
        }
        out.push_str("</ul>\n");
    }
}

pub(super) fn plan(run: &Run, out: &mut String) {
    let mut facts = vec![
        ("Scenario".to_owned(), run.scenario.html().to_string()),
        ("Seed".to_owned(), run.seed.to_string()),
        ("Plan, SHA-256".to_owned(), format!("<code>{}</code>", run.plan_sha256.html())),
        ("Sale".to_owned(), format!("<code>{}</code>", run.sale_id.html())),
    ];
    if let Some(plan) = &run.plan {
        facts.push(("Fans".into(), number(plan.fans as f64)));
        facts.push(("Tickets they want".into(), number(plan.wanted as f64)));
        for (name, fans) in plan.populations.iter().filter(|_| plan.populations.len() > 1) {
            facts.push((format!("Fans of population {}", Text::from(name.as_str()).html()), number(*fans as f64)));
        }
        for (habit, fans) in &plan.habits {
            facts.push((format!("Fans who {}", Text::from(habit.as_str()).html()), number(*fans as f64)));
        }
    }
    rows(facts.into_iter(), out);
    out.push_str(
        "<h3>Knobs</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Knobs\"><table><thead><tr>\
         <th scope=\"col\">Knob</th><th scope=\"col\" class=\"n\">Value</th><th scope=\"col\">From</th></tr></thead><tbody>\n",
    );
    for knob in &run.knobs {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{}</td><td>{}</td></tr>",
            knob.name.html(),
            knob.value.html(),
            knob.origin.html()
        );
    }
    out.push_str("</tbody></table></div>\n");
}
