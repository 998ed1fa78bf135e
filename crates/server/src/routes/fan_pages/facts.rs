//! What a page says of a sale, and of who reads it.

use domain::money::Currency;

use super::language::Language;
use super::plain_time;
use super::template::Slots;
use crate::routes::sales::SaleFacts;

/// Why a form brought its reader back, as far as a page has words for it.
const PROBLEMS: [(&str, &str); 8] = [
    ("sale_closed", "problem_sale_closed"),
    ("room_full", "problem_room_full"),
    ("rate_limited", "problem_rate_limited"),
    ("login_failed", "problem_login_failed"),
    ("email_taken", "problem_email_taken"),
    ("invalid_field", "problem_invalid_field"),
    ("session_invalid", "problem_session_invalid"),
    ("checkout_in_progress", "problem_checkout_in_progress"),
];

pub(super) fn of_sale(facts: &SaleFacts, language: Language) -> Slots {
    let mut slots = Slots::default();
    slots.set("sale", facts.sale_id.clone());
    slots.set("event", facts.event.name.clone());
    slots.set("venue", facts.event.venue.clone());
    slots.set("starts_at", facts.event.starts_at.to_string());
    slots.set("starts", plain_time(facts.event.starts_at));
    slots.set("opens", plain_time(facts.opens_at));
    slots.set("ends", plain_time(facts.ends_at));
    slots.set("cap", language.number(facts.max_tickets_per_user));
    slots.set("prices", prices(facts, language));
    let (band, _) = super::view::band(facts.seats_left.band);
    slots.set(band, "yes");
    // A pause closes no doors, nor does an empty shop.
    let open = !matches!(facts.phase.name(), "scheduled" | "building" | "ended");
    slots.set("open", if open { "yes" } else { "" });
    slots
}

fn prices(facts: &SaleFacts, language: Language) -> String {
    let Some(currency) = Currency::parse(&facts.price.currency) else { return String::new() };
    let [min, max] = [facts.price.min, facts.price.max].map(|minor| language.money(minor, currency));
    if min == max { min } else { format!("{min} – {max}") }
}

/// Which forms the reader needs.
pub(super) fn who(slots: &mut Slots, signed_in: bool, in_line: bool) {
    let open = slots.get("open") == "yes";
    for (name, is) in [
        ("signed_in", signed_in),
        ("signed_out", !signed_in),
        ("in_line", in_line),
        ("may_join", signed_in && !in_line && open),
    ] {
        slots.set(name, if is { "yes" } else { "" });
    }
}

pub(super) fn problem(slots: &mut Slots, code: Option<&str>) {
    let Some(code) = code else { return };
    let known = PROBLEMS.iter().find(|(known, _)| *known == code);
    slots.set("problem", "yes");
    slots.set(known.map_or("problem_other", |(_, slot)| slot), "yes");
}
