//! The table of figures: what was measured, against which goal.

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// Nothing is asked of it.
    None,
    /// At most so much.
    AtMost(f64),
    /// At least so much.
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds; shown in the unit that reads best.
    Seconds,
    /// Bytes; shown as megabytes.
    Bytes,
    /// Bytes of storage a span.
    BytesPerSpan,
    /// Spans in a second; shown in millions.
    SpansPerSecond,
    /// Frames in a second.
    FramesPerSecond,
    /// A plain number.
    Count,
}

/// Rows in the order measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<[String; 4]>,
    missed: usize,
}

impl Report {
    /// Adds a figure and prints it at once, so that a long run shows what it does.
    pub(super) fn row(&mut self, name: impl Into<String>, value: f64, unit: Unit, goal: Goal) {
        let (goal_text, verdict) = match goal {
            Goal::None => (String::new(), ""),
            Goal::AtMost(most) => (format!("≤ {}", show(most, unit)), verdict(value <= most)),
            Goal::AtLeast(least) => (format!("≥ {}", show(least, unit)), verdict(value >= least)),
        };
        self.missed += usize::from(verdict == MISSED);
        let row = [name.into(), goal_text, show(value, unit), verdict.to_owned()];
        println!("{}: {} {} {}", row[0], row[2], row[1], row[3]);
        self.rows.push(row);
    }

    /// The table, and how many goals were missed.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = String::from("| what | goal | measured | |\n|---|---|---|---|\n");
        for [name, goal, measured, verdict] in &self.rows {
            text.push_str(&format!("| {name} | {goal} | {measured} | {verdict} |\n"));
        }
        text.push_str(&format!("\n{} goals missed\n", self.missed));
        text
    }
}

const MISSED: &str = "**missed**";

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { MISSED }
}

fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value < 1e-4 => format!("{:.2} µs", value * 1e6),
        Unit::Seconds if value < 1.0 => format!("{:.1} ms", value * 1e3),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Bytes => format!("{:.0} MB", value / 1e6),
        Unit::BytesPerSpan => format!("{value:.1} B"),
        Unit::SpansPerSecond if value < 1e7 => format!("{:.2} M/s", value / 1e6),
        Unit::SpansPerSecond => format!("{:.0} M/s", value / 1e6),
        Unit::FramesPerSecond | Unit::Count => format!("{value:.0}"),
    }
}

/// The smallest time below which `per_hundred` of a hundred lie.
pub(super) fn percentile(sorted: &[f64], per_hundred: usize) -> f64 {
    let index = (sorted.len() * per_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert!((percentile(&times, 50) - 100.0).abs() < f64::EPSILON);
        assert!((percentile(&times, 99) - 198.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn goals_are_judged_and_shown_in_the_unit_of_the_figure() {
        let mut report = Report::default();
        report.row("cost", 2.6e-6, Unit::Seconds, Goal::AtMost(2.5e-6));
        report.row("rate", 9e5, Unit::SpansPerSecond, Goal::AtLeast(8.5e5));
        report.row("lost", f64::NAN, Unit::Count, Goal::AtMost(0.0));
        let table = report.to_markdown();
        assert!(table.contains("| cost | ≤ 2.50 µs | 2.60 µs | **missed** |"), "{table}");
        assert!(table.contains("| rate | ≥ 0.85 M/s | 0.90 M/s | met |"), "{table}");
        assert!(table.contains("| lost | ≤ 0 | NaN | **missed** |"), "{table}");
        assert!(table.ends_with("\n2 goals missed\n"), "{table}");
    }
}
