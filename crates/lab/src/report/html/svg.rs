//! One chart as inline SVG. The plot is stretched to the width of the page; its text is not, so it stays readable on any.

use std::fmt::Write as _;

/// The plot's own units; what is drawn in them is stretched.
const WIDE: f64 = 1_000.0;
const HIGH: f64 = 100.0;
/// Pixels above the plot for the label of the highest line, and below it for the time.
const TOP_PX: u32 = 14;
const FOOT_PX: u32 = 20;
/// A limit this many times above all that was seen would press the figures flat: it is told, not drawn.
const LIMIT_IN_SIGHT: f64 = 3.0;
/// Below this a logarithm shows noise: a tenth of a millisecond.
const LOG_FLOOR: f64 = 0.1;
/// Two labels of limits closer than this are one too many; the legend has both.
const LABEL_PX: f64 = 11.0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Line,
    Bars,
    /// Filled down to the axis; later ones are drawn over earlier ones.
    Area,
}

/// One value for each step of the time axis; nothing is a gap, never zero.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// 1 to 4: a colour of the page.
    pub(super) colour: u8,
    pub(super) kind: Kind,
    pub(super) values: Vec<Option<f64>>,
}

pub(super) struct Limit {
    /// Ready for HTML.
    pub(super) label: String,
    pub(super) values: Vec<Option<f64>>,
}

impl Limit {
    pub(super) fn flat(label: String, value: f64, steps: usize) -> Self {
        Limit { label, values: vec![Some(value); steps] }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// What all charts of a page share.
pub(super) struct Axis {
    pub(super) steps: usize,
    pub(super) step_sec: u64,
    /// Where a phase of the run ends, in seconds, and the name of that phase.
    pub(super) phases: Vec<(u64, &'static str)>,
}

impl Axis {
    fn total_sec(&self) -> f64 {
        (self.steps as u64 * self.step_sec) as f64
    }
}

pub(super) struct Chart<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    pub(super) scale: Scale,
    pub(super) series: &'a [Series],
    pub(super) limits: &'a [Limit],
}

fn seen(values: &[Option<f64>]) -> impl Iterator<Item = f64> {
    values.iter().flatten().copied()
}

pub(super) fn most(values: &[Option<f64>]) -> Option<f64> {
    seen(values).reduce(f64::max)
}

/// `1,234`, `12.5`, `0.35`: three digits are enough for a chart.
pub(super) fn number(value: f64) -> String {
    let digits = if value.abs() >= 100.0 || value.fract() == 0.0 { 0 } else { if value.abs() >= 10.0 { 1 } else { 2 } };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let rest = rest.trim_end_matches('0').trim_end_matches('.');
    format!("{sign}{grouped}{rest}")
}

impl Chart<'_> {
    /// The figure: heading, legend with the highest values, plot. All of it in words for who cannot see it.
    pub(super) fn draw(&self, axis: &Axis, out: &mut String) {
        let Chart { id, title, unit, .. } = self;
        // Writing into a `String` cannot fail, here and below.
        let _ = write!(
            out,
            "<figure class=\"chart\"><figcaption><h3>{title} <small>{unit}</small></h3><ul class=\"legend\">"
        );
        for series in self.series {
            let peak = most(&series.values).map_or("no data".into(), |most| format!("{} at most", number(most)));
            let _ = write!(
                out,
                "<li><svg class=\"key\" width=\"14\" height=\"10\" aria-hidden=\"true\"><rect class=\"f{}\" width=\"14\" height=\"10\" rx=\"2\"/></svg>{} <span>{peak}</span></li>",
                series.colour, series.name
            );
        }
        for limit in self.limits {
            let _ = write!(
                out,
                "<li><svg class=\"key\" width=\"14\" height=\"10\" aria-hidden=\"true\"><line class=\"limit\" x1=\"0\" y1=\"5\" x2=\"14\" y2=\"5\"/></svg>{}</li>",
                limit.label
            );
        }
        let _ = write!(
            out,
            "</ul></figcaption><svg class=\"frame\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" width=\"100%\" height=\"{}\">\
             <title id=\"{id}-t\">{title}, {unit}</title><desc id=\"{id}-d\">{}</desc>",
            TOP_PX + self.plot_px() + FOOT_PX,
            self.words(axis)
        );
        let span = self.span();
        self.grid(axis, span, out);
        self.plot(axis, span, out);
        self.labels(axis, span, out);
        out.push_str("</svg></figure>\n");
    }

    fn words(&self, axis: &Axis) -> String {
        let of = |series: &Series| {
            let values: Vec<f64> = seen(&series.values).collect();
            let (Some(most), Some(last)) = (most(&series.values), values.last()) else {
                return format!("{}: no data.", series.name);
            };
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let least = values.iter().copied().fold(most, f64::min);
            format!(
                "{}: {} to {}, {} on average, {} at the end.",
                series.name,
                number(least),
                number(most),
                number(mean),
                number(*last)
            )
        };
        let series = self.series.iter().map(of);
        let limits = self.limits.iter().map(|limit| format!("Limit: {}.", limit.label));
        let over = format!("Over {} seconds from the doors.", axis.total_sec());
        std::iter::once(over).chain(series).chain(limits).collect::<Vec<_>>().join(" ")
    }

    fn plot_px(&self) -> u32 {
        // Decades need room to be told apart.
        if self.scale == Scale::Log { 156 } else { 112 }
    }

    /// The lower and upper end of the scale.
    fn span(&self) -> (f64, f64) {
        let data = self.series.iter().filter_map(|series| most(&series.values)).fold(0.0, f64::max);
        let limits = self.limits.iter().filter_map(|limit| most(&limit.values));
        match self.scale {
            Scale::Linear => {
                let in_sight = |limit: &f64| *limit <= data * LIMIT_IN_SIGHT;
                (0.0, nice(limits.filter(in_sight).fold(data, f64::max) * 1.08))
            }
            Scale::Log => {
                let least = self.series.iter().flat_map(|series| seen(&series.values)).fold(data, f64::min);
                let low = 10f64.powf(least.max(LOG_FLOOR).log10().floor());
                (low, 10f64.powf(limits.fold(data.max(low * 10.0), f64::max).log10().ceil()))
            }
        }
    }

    /// 0 at the axis, 1 at the top.
    fn height(&self, value: f64, (low, top): (f64, f64)) -> f64 {
        match self.scale {
            Scale::Linear => value / top,
            Scale::Log => (value.max(low) / low).log10() / (top / low).log10(),
        }
    }

    /// In pixels from the top of the figure.
    fn y_px(&self, value: f64, span: (f64, f64)) -> f64 {
        f64::from(TOP_PX) + (1.0 - self.height(value, span)) * f64::from(self.plot_px())
    }

    fn ticks(&self, (low, top): (f64, f64)) -> Vec<f64> {
        match self.scale {
            Scale::Linear => vec![0.0, top / 2.0, top],
            Scale::Log => {
                let mut ticks = vec![low];
                while ticks[ticks.len() - 1] * 10.0 <= top * 1.001 {
                    ticks.push(ticks[ticks.len() - 1] * 10.0);
                }
                // Five lines are enough to read it by.
                let every = ticks.len().div_ceil(5);
                ticks.into_iter().rev().step_by(every).collect()
            }
        }
    }

    fn grid(&self, axis: &Axis, span: (f64, f64), out: &mut String) {
        for tick in self.ticks(span) {
            let y = self.y_px(tick, span);
            let _ = write!(out, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        }
        let (total, foot) = (axis.total_sec(), TOP_PX + self.plot_px());
        for (end, _) in axis.phases.iter().filter(|(end, _)| (*end as f64) < total) {
            let x = *end as f64 * 100.0 / total;
            let _ = write!(out, "<line class=\"phase\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{TOP_PX}\" y2=\"{foot}\"/>");
        }
    }

    /// All text, over the lines and never stretched.
    fn labels(&self, axis: &Axis, span: (f64, f64), out: &mut String) {
        for tick in self.ticks(span).into_iter().filter(|tick| *tick > 0.0) {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"0\" y=\"{:.1}\">{}</text>",
                self.y_px(tick, span) - 3.0,
                number(tick)
            );
        }
        let (total, base) = (axis.total_sec(), TOP_PX + self.plot_px() + FOOT_PX - 6);
        let every = time_step(total);
        let mut at = 0.0;
        while at < total - every * 0.4 {
            let anchor = if at == 0.0 { "start" } else { "middle" };
            let x = at * 100.0 / total;
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{x:.2}%\" y=\"{base}\" text-anchor=\"{anchor}\">{}</text>",
                clock_face(at)
            );
            at += every;
        }
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"100%\" y=\"{base}\" text-anchor=\"end\">{}</text>",
            clock_face(total)
        );
        let mut taken: Vec<f64> = Vec::new();
        for limit in self.drawn(span) {
            // One that bends has no height of its own to stand at.
            let Some(value) = limit.values.first().copied().flatten() else { continue };
            if limit.values.iter().any(|other| *other != Some(value)) {
                continue;
            }
            let y = self.y_px(value, span) - 3.0;
            if taken.iter().all(|other| (other - y).abs() >= LABEL_PX) {
                let _ = write!(
                    out,
                    "<text class=\"tick over\" x=\"100%\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
                    limit.label
                );
                taken.push(y);
            }
        }
    }

    fn drawn(&self, (_, top): (f64, f64)) -> impl Iterator<Item = &Limit> {
        self.limits.iter().filter(move |limit| most(&limit.values).is_some_and(|most| most <= top * 1.001))
    }

    fn plot(&self, axis: &Axis, span: (f64, f64), out: &mut String) {
        let _ = write!(
            out,
            "<svg x=\"0\" y=\"{TOP_PX}\" width=\"100%\" height=\"{}\" viewBox=\"0 0 {WIDE} {HIGH}\" preserveAspectRatio=\"none\">",
            self.plot_px()
        );
        let wide = WIDE / axis.steps.max(1) as f64;
        let y = |value: f64| HIGH - self.height(value, span).clamp(0.0, 1.0) * HIGH;
        for series in self.series {
            let path = match series.kind {
                Kind::Bars => bars(&series.values, wide, y),
                Kind::Line => run_of(&series.values, wide, y, false),
                Kind::Area => run_of(&series.values, wide, y, true),
            };
            let class = if series.kind == Kind::Line { "l" } else { "f" };
            let _ = write!(out, "<path class=\"{class}{}\" d=\"{path}\"/>", series.colour);
        }
        for limit in self.drawn(span) {
            let path = run_of(&limit.values, wide, y, false);
            let _ = write!(out, "<path class=\"limit\" d=\"{path}\"/>");
        }
        out.push_str("</svg>");
    }
}

fn bars(values: &[Option<f64>], wide: f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (step, value) in values.iter().enumerate().filter_map(|(step, value)| Some((step, (*value)?))) {
        if value > 0.0 {
            let (x, to) = (step as f64 * wide + wide * 0.1, y(value));
            let _ = write!(path, "M{x:.1} {HIGH}V{to:.1}h{:.1}V{HIGH}z", wide * 0.8);
        }
    }
    path
}

/// A line through the middle of every step, broken at gaps; closed down to the axis where it is filled.
fn run_of(values: &[Option<f64>], wide: f64, y: impl Fn(f64) -> f64, filled: bool) -> String {
    let mut path = String::new();
    let mut runs: Vec<Vec<(f64, f64)>> = vec![vec![]];
    for (step, value) in values.iter().enumerate() {
        match value {
            Some(value) => runs.last_mut().expect("never empty").push(((step as f64 + 0.5) * wide, y(*value))),
            None => runs.push(vec![]),
        }
    }
    for run in runs.iter().filter(|run| !run.is_empty()) {
        // A single value is a line as wide as its step, and the ends reach to the edges of theirs.
        let (first, last) = (run[0], run[run.len() - 1]);
        let half = wide / 2.0;
        let _ = write!(path, "M{:.1} {:.1}", first.0 - half, first.1);
        run.iter().for_each(|(x, y)| {
            let _ = write!(path, "L{x:.1} {y:.1}");
        });
        let _ = write!(path, "H{:.1}", last.0 + half);
        if filled {
            let _ = write!(path, "V{HIGH}H{:.1}z", first.0 - half);
        }
    }
    path
}

/// The next of 1, 2, 2.5, 5, 10 times a power of ten.
fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= value * 0.999).unwrap_or(10.0);
    factor * power
}

/// Seconds between two marks of the time axis: at most seven of them.
fn time_step(total: f64) -> f64 {
    const STEPS: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0];
    STEPS.into_iter().find(|step| total / step <= 7.0).unwrap_or(86_400.0)
}

fn clock_face(sec: f64) -> String {
    let sec = sec as u64;
    match sec {
        0 => "doors".into(),
        1..120 => format!("{sec} s"),
        _ => format!("{}:{:02}", sec / 60, sec % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(scale: Scale, series: &[Series], limits: &[Limit]) -> String {
        let mut out = String::new();
        let axis = Axis { steps: 4, step_sec: 1, phases: vec![(2, "ramp up"), (9, "steady")] };
        Chart { id: "c", title: "Requests", unit: "a second", scale, series, limits }.draw(&axis, &mut out);
        out
    }

    fn line(values: &[Option<f64>]) -> Series {
        Series { name: "sent", colour: 1, kind: Kind::Line, values: values.to_vec() }
    }

    #[test]
    fn a_gap_breaks_the_line_and_is_never_zero() {
        let chart = draw(Scale::Linear, &[line(&[Some(1.0), None, Some(1.0), Some(1.0)])], &[]);
        assert_eq!(chart.matches("class=\"l1\" d=\"M").count(), 1);
        let path = chart.split("class=\"l1\" d=\"").nth(1).expect("a line").split('"').next().expect("its end");
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(!path.contains(" 100.0"), "{path}");
    }

    #[test]
    fn the_words_tell_what_the_picture_shows() {
        let limits = [Limit::flat("12 a second".into(), 12.0, 4)];
        let chart = draw(Scale::Linear, &[line(&[Some(2.0), Some(4.0), Some(12.0), None])], &limits);
        assert!(chart.contains(
            "Over 4 seconds from the doors. sent: 2 to 12, 6 on average, 12 at the end. Limit: 12 a second."
        ));
        assert!(chart.contains("role=\"img\"") && chart.contains("path class=\"limit\""));
    }

    #[test]
    fn a_limit_far_above_everything_is_told_and_not_drawn() {
        let limits = [Limit::flat("room for 100,000".into(), 100_000.0, 4)];
        let chart = draw(Scale::Linear, &[line(&[Some(5.0); 4])], &limits);
        assert!(chart.contains("room for 100,000") && !chart.contains("path class=\"limit\""));
        let log = draw(Scale::Log, &[line(&[Some(5.0); 4])], &[Limit::flat("1 s".into(), 1_000.0, 4)]);
        assert!(log.contains("path class=\"limit\""));
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(250.4), "250");
        assert_eq!(number(-1_000.0), "-1,000");
        assert_eq!(nice(101.0), 200.0);
        assert_eq!(nice(0.0), 1.0);
    }
}
