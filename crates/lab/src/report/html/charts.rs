//! The charts of a report on one time axis: what was asked, how fast it was answered, and what the sale did meanwhile.

use std::fmt::Write as _;

use super::svg::{self, Axis, Chart, Kind, Limit, Scale, Series, most, number};
use crate::judge::SALE_NAMES;
use crate::knobs::parse_duration_ms;
use crate::report::text::Text;
use crate::report::view::Run;
use crate::report::{OfSale, Point};

/// More steps than this are finer than a page can show.
const STEPS: u64 = 240;
/// Lengths of a step, in seconds.
const STEP_SEC: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];
/// Rows of the table of figures: beyond this nobody reads it, and the JSON has every second.
const ROWS: usize = 120;

/// The seconds of the run, put together so that they fit.
struct Figures<'a> {
    steps: Vec<&'a [Point]>,
}

impl Figures<'_> {
    /// So many a second, on average over the step.
    fn rate(&self, of: fn(&Point) -> u64) -> Vec<Option<f64>> {
        let mean = |step: &&[Point]| step.iter().map(|second| of(second) as f64).sum::<f64>() / step.len() as f64;
        self.steps.iter().map(|step| Some(mean(step))).collect()
    }

    /// The highest of the step: a slow second must not vanish among fast ones.
    fn highest(&self, of: fn(&Point) -> Option<f64>) -> Vec<Option<f64>> {
        self.steps.iter().map(|step| step.iter().filter_map(of).reduce(f64::max)).collect()
    }

    /// What the server's last sample in the step said.
    fn last(&self, of: fn(&Point) -> Option<u64>) -> Vec<Option<f64>> {
        self.steps.iter().map(|step| step.iter().rev().find_map(of).map(|value| value as f64)).collect()
    }
}

pub(super) fn section(run: &Run, out: &mut String) {
    let total = run.series.len() as u64;
    if total == 0 {
        out.push_str("<p class=\"none\">Nothing was sent, so there is nothing to draw.</p>");
        return;
    }
    let step_sec = STEP_SEC.into_iter().find(|step| total.div_ceil(*step) <= STEPS).unwrap_or(3_600);
    let together = usize::try_from(step_sec).expect("an hour at most");
    let figures = Figures { steps: run.series.chunks(together).collect() };
    let axis = Axis { steps: figures.steps.len(), step_sec, phases: phases(run) };
    let _ = write!(out, "<p class=\"lead\">All on one time axis, from the doors on{}. ", grain(step_sec));
    if !axis.phases.is_empty() {
        let named: Vec<String> = axis.phases.iter().map(|(end, name)| format!("{name} to {end} s")).collect();
        let _ = write!(out, "Dotted lines part the phases of the run: {}. ", named.join(", "));
    }
    out.push_str("A gap is a second without an answer, never a zero.</p>\n");
    traffic(run, &figures, &axis, out);
    sale(run, &figures, &axis, out);
    table(&figures, out);
}

fn grain(step_sec: u64) -> String {
    if step_sec == 1 { ", second by second".into() } else { format!(", in steps of {step_sec} s") }
}

fn phases(run: &Run) -> Vec<(u64, &'static str)> {
    let Some(plan) = &run.plan else { return vec![] };
    let ends =
        [plan.ramp_up_ms, plan.ramp_up_ms + plan.steady_ms, plan.ramp_up_ms + plan.steady_ms + plan.ramp_down_ms];
    ends.into_iter().map(|end| end / 1_000).zip(["ramp up", "steady", "ramp down"]).collect()
}

fn series(name: &'static str, colour: u8, kind: Kind, values: Vec<Option<f64>>) -> Series {
    Series { name, colour, kind, values }
}

/// What the fans asked, and how it was answered.
fn traffic(run: &Run, figures: &Figures<'_>, axis: &Axis, out: &mut String) {
    let mut requests = vec![
        series("requests", 1, Kind::Area, figures.rate(|second| second.requests)),
        series("new in line", 2, Kind::Line, figures.rate(|second| second.joined)),
    ];
    if let Some(planned) = planned(run, axis) {
        requests.push(series("arrivals as planned", 4, Kind::Line, planned));
    }
    let chart = |id, title, unit, scale, series: &[Series], limits: &[Limit], out: &mut String| {
        Chart { id, title, unit, scale, series, limits }.draw(axis, out);
    };
    chart("requests", "Requests", "a second", Scale::Linear, &requests, &[], out);
    let percentiles = [
        series("p50", 2, Kind::Line, figures.highest(|second| second.response_p50_ms)),
        series("p95", 4, Kind::Line, figures.highest(|second| second.response_p95_ms)),
        series("p99", 1, Kind::Line, figures.highest(|second| second.response_p99_ms)),
    ];
    let limits = time_limits(run, axis.steps);
    chart("response", "Response time", "ms, logarithmic, of all answers", Scale::Log, &percentiles, &limits, out);
    let errors = [
        series("failed", 3, Kind::Bars, figures.rate(|second| second.failed)),
        series("refused as expected", 4, Kind::Line, figures.rate(|second| second.refused)),
    ];
    let allowed = share_limit(run).map(|(label, share)| {
        let values = figures.rate(|second| second.requests);
        Limit { label, values: values.into_iter().map(|value| value.map(|requests| requests * share)).collect() }
    });
    chart("errors", "Errors", "a second", Scale::Linear, &errors, allowed.as_slice(), out);
}

/// What the sales did: the first one, whom each was let in to, and the others.
fn sale(run: &Run, figures: &Figures<'_>, axis: &Axis, out: &mut String) {
    let several = !run.other_sales.is_empty();
    Stock {
        waiting: figures.last(|second| second.queue_depth),
        inside: figures.last(|second| second.inside),
        sold: figures.last(|second| second.tickets_sold),
        held: figures.last(|second| second.held_seats),
        free: figures.last(|second| second.available_seats),
    }
    .draw(run, 0, several, axis, out);
    let admitted = [series("let in", 1, Kind::Bars, figures.rate(|second| second.admitted))];
    let rate = drip(run, axis).filter(|_| own_sale(run));
    Chart {
        id: "admissions",
        title: if several { "Admissions of all sales" } else { "Admissions" },
        unit: "a second, when a poll told them; the drip bounds the calls behind it",
        scale: Scale::Linear,
        series: &admitted,
        limits: rate.as_slice(),
    }
    .draw(axis, out);
    for (number, seconds) in (1..).zip(&run.other_sales) {
        Stock::of(seconds, axis).draw(run, number, several, axis, out);
    }
}

fn own_sale(run: &Run) -> bool {
    run.plan.as_ref().is_none_or(|plan| plan.own_sale)
}

/// What the server said of one sale over time.
struct Stock {
    waiting: Vec<Option<f64>>,
    inside: Vec<Option<f64>>,
    sold: Vec<Option<f64>>,
    held: Vec<Option<f64>>,
    free: Vec<Option<f64>>,
}

impl Stock {
    /// Of a sale beside the first: its last sample in each step.
    fn of(seconds: &[OfSale], axis: &Axis) -> Self {
        let last = |figure: fn(&OfSale) -> u64| {
            let mut steps = vec![None; axis.steps];
            for second in seconds {
                let step = usize::try_from(second.second / axis.step_sec).ok();
                if let Some(step) = step.and_then(|step| steps.get_mut(step)) {
                    *step = Some(figure(second) as f64);
                }
            }
            steps
        };
        Self {
            waiting: last(|second| second.queue_depth),
            inside: last(|second| second.inside),
            sold: last(|second| second.tickets_sold),
            held: last(|second| second.held_seats),
            free: last(|second| second.available_seats),
        }
    }

    /// `number` counts the run's sales from 0.
    fn draw(self, run: &Run, number: usize, several: bool, axis: &Axis, out: &mut String) {
        let terms = run.plan.as_ref().and_then(|plan| plan.sales.get(number)).filter(|_| own_sale(run));
        // By the letters that the checks name them with.
        let letter = SALE_NAMES.get(number).copied().unwrap_or_default();
        let of = if several { format!(" of sale {letter}") } else { String::new() };
        let id = |chart: &str| if several { format!("{chart}-{letter}") } else { chart.to_owned() };
        let chart = |chart: &str, title: &str, series: &[Series], limits: &[Limit], out: &mut String| {
            let (id, title) = (id(chart), format!("{title}{of}"));
            let unit = "by the server's count";
            Chart { id: &id, title: &title, unit, scale: Scale::Linear, series, limits }.draw(axis, out);
        };
        let depth = [series("waiting", 1, Kind::Area, self.waiting), series("inside", 2, Kind::Line, self.inside)];
        let room = terms.map(|terms| terms.waiting_room_cap as f64);
        let room = room.map(|room| Limit::flat(format!("room for {}", svg::number(room)), room, axis.steps));
        chart("line", "People in line", &depth, room.as_slice(), out);
        let both = self.sold.iter().zip(&self.held);
        let on_top = both.map(|(sold, held)| Some((*sold)? + held.unwrap_or(0.0))).collect();
        let seats = [series("sold or held", 4, Kind::Area, on_top), series("sold", 2, Kind::Area, self.sold)];
        let house = most(&self.free).and(terms).map(|terms| terms.total_seats as f64);
        let house = house.map(|seats| Limit::flat(format!("{} seats", svg::number(seats)), seats, axis.steps));
        chart("seats", "Seats", &seats, house.as_slice(), out);
    }
}

/// What the drips of all sales that are open let in together.
fn drip(run: &Run, axis: &Axis) -> Option<Limit> {
    let sales = &run.plan.as_ref()?.sales;
    let at = |step: usize| {
        let at_ms = (step as u64 + 1) * axis.step_sec * 1_000;
        let open = sales.iter().filter(|sale| sale.opens_after_ms < at_ms);
        Some(open.map(|sale| sale.admit_per_minute as f64 / 60.0).sum::<f64>())
    };
    let values: Vec<Option<f64>> = (0..axis.steps).map(at).collect();
    let label = format!("the drip: {} a second", number(most(&values)?));
    Some(Limit { label, values })
}

fn planned(run: &Run, axis: &Axis) -> Option<Vec<Option<f64>>> {
    let arrivals = &run.plan.as_ref()?.arrivals_per_sec;
    let together = usize::try_from(axis.step_sec).ok()?;
    let step = |step: usize| {
        let seconds = arrivals.get(step * together..).unwrap_or_default().iter().take(together);
        Some(seconds.sum::<u64>() as f64 / axis.step_sec as f64)
    };
    (!arrivals.is_empty()).then(|| (0..axis.steps).map(step).collect())
}

/// The thresholds on a response time that bound it from above.
fn time_limits(run: &Run, steps: usize) -> Vec<Limit> {
    let limit = |slo: &crate::report::view::Slo| {
        let (measure, limit) = slo.parts();
        let value = limit.strip_prefix("<=").or(limit.strip_prefix('<'))?.trim();
        let ms = parse_duration_ms(value).ok().filter(|_| slo.unit.raw() == "ms" && measure.contains(" p"))?;
        Some(Limit::flat(Text::from(format!("{measure} {limit}")).html().to_string(), ms as f64, steps))
    };
    run.slos.iter().filter_map(limit).collect()
}

fn share_limit(run: &Run) -> Option<(String, f64)> {
    run.slos.iter().find_map(|slo| {
        let (measure, limit) = slo.parts();
        let percent: f64 = limit.strip_prefix('<')?.trim_start_matches('=').trim().strip_suffix('%')?.parse().ok()?;
        (measure == "http_req_failed rate").then(|| (format!("{} % of requests", number(percent)), percent / 100.0))
    })
}

/// The figures behind the charts, for who wants to read or copy them.
fn table(figures: &Figures<'_>, out: &mut String) {
    let together = figures.steps.len().div_ceil(ROWS);
    let rows: Vec<Vec<&Point>> =
        figures.steps.chunks(together).map(|steps| steps.iter().flat_map(|step| step.iter()).collect()).collect();
    out.push_str(
        "<details class=\"figures\"><summary>The figures behind the charts</summary>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures over time\"><table class=\"num\"><thead><tr>\
         <th scope=\"col\">from s</th><th scope=\"col\">requests</th><th scope=\"col\">failed</th><th scope=\"col\">refused</th>\
         <th scope=\"col\">joined</th><th scope=\"col\">let in</th><th scope=\"col\">tickets</th><th scope=\"col\">p99 ms</th>\
         <th scope=\"col\">waiting</th><th scope=\"col\">inside</th><th scope=\"col\">sold</th></tr></thead><tbody>",
    );
    for row in rows {
        let sum = |of: fn(&Point) -> u64| number(row.iter().map(|second| of(second)).sum::<u64>() as f64);
        let last = |of: fn(&Point) -> Option<u64>| {
            row.iter().rev().find_map(|second| of(second)).map_or("-".into(), |value| number(value as f64))
        };
        let p99 = row.iter().filter_map(|second| second.response_p99_ms).reduce(f64::max);
        let cells = [
            sum(|second| second.requests),
            sum(|second| second.failed),
            sum(|second| second.refused),
            sum(|second| second.joined),
            sum(|second| second.admitted),
            sum(|second| second.tickets),
            p99.map_or("-".into(), number),
            last(|second| second.queue_depth),
            last(|second| second.inside),
            last(|second| second.tickets_sold),
        ];
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", row.first().map_or(0, |second| second.second));
        cells.iter().for_each(|cell| {
            let _ = write!(out, "<td>{cell}</td>");
        });
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div></details>\n");
}
