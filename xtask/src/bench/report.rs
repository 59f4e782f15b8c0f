//! The table of figures.

/// Rows in the order measured.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<[String; 3]>);

impl Report {
    /// Adds a row and prints it at once, so that a long run shows what it does.
    pub(super) fn row(&mut self, name: impl Into<String>, goal: &str, measured: impl Into<String>) {
        let row = [name.into(), goal.to_owned(), measured.into()];
        println!("{}: {} {}", row[0], row[2], row[1]);
        self.0.push(row);
    }

    /// The table.
    pub(super) fn to_markdown(&self) -> String {
        let mut text =
            String::from("| what | first milestone (goal) | measured |\n|---|---|---|\n");
        for [name, goal, measured] in &self.0 {
            text.push_str(&format!("| {name} | {goal} | {measured} |\n"));
        }
        text
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn milliseconds(nanos: f64) -> String {
    format!("{:.1} ms", nanos / 1e6)
}

/// The smallest time below which `per_hundred` of a hundred lie, in nanoseconds.
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
}
