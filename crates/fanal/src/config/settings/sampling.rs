//! The settings of remote sampling, a part of the table.

use super::{Apply, Setting, number};
use std::time::Duration;

/// Least probability of adaptive sampling: below it an operation is as good as never seen again.
const PROBABILITY_LEAST: f64 = 1e-9;

/// Every setting of sampling but the addresses of its doors.
pub(super) const SAMPLING: &[Setting] = &[
    Setting {
        path: "sampling.strategies_file",
        value_name: "FILE|URL",
        default: "",
        help: "What services are told about sampling, as a file in the format of Jaeger's collector, or an http:// address of one",
        apply: Apply::Text(|config, text| {
            if text.starts_with("https://") {
                return Err(format!(
                    "`{text}`: https is not spoken here; name a file or an http:// address"
                ));
            }
            text.clone_into(&mut config.strategies.place);
            Ok(())
        }),
    },
    Setting {
        path: "sampling.reload_seconds",
        value_name: "SECONDS",
        default: "10",
        help: "Time between two looks whether the strategies file has changed, seconds",
        apply: Apply::Text(|config, text| {
            seconds(text, 86_400).map(|value| config.strategies.reload = value)
        }),
    },
    Setting {
        path: "sampling.default_probability",
        value_name: "PROBABILITY",
        default: "1",
        help: "Probability of a trace where no file and nothing adaptive tells another, 0 to 1",
        apply: Apply::Text(|config, text| {
            fraction(text, 0.0, 1.0)
                .map(|value| config.pipeline.sampling.default_probability = value)
        }),
    },
    Setting {
        path: "sampling.adaptive.target_spans_per_second",
        value_name: "RATE",
        default: "0",
        help: "Adaptive sampling: traces a second wanted of each operation (their root spans), from which probabilities are computed; 0 is off",
        apply: Apply::Text(|config, text| {
            fraction(text, 0.0, 1e6)
                .map(|value| config.pipeline.sampling.adaptive.target_spans_per_second = value)
        }),
    },
    Setting {
        path: "sampling.adaptive.interval_seconds",
        value_name: "SECONDS",
        default: "30",
        help: "Adaptive sampling: time over which traces are counted, seconds",
        apply: Apply::Text(|config, text| {
            seconds(text, 3600).map(|value| config.pipeline.sampling.adaptive.interval = value)
        }),
    },
    Setting {
        path: "sampling.adaptive.delay_seconds",
        value_name: "SECONDS",
        default: "90",
        help: "Adaptive sampling: time that clients get to take a new probability over before traces are counted again, seconds; longer than they wait between two questions",
        apply: Apply::Text(|config, text| {
            seconds(text, 3600).map(|value| config.pipeline.sampling.adaptive.delay = value)
        }),
    },
    Setting {
        path: "sampling.adaptive.initial_probability",
        value_name: "PROBABILITY",
        default: "0.001",
        help: "Adaptive sampling: probability of an operation of which nothing is known yet",
        apply: Apply::Text(|config, text| {
            fraction(text, PROBABILITY_LEAST, 1.0)
                .map(|value| config.pipeline.sampling.adaptive.initial_probability = value)
        }),
    },
    Setting {
        path: "sampling.adaptive.probability_min",
        value_name: "PROBABILITY",
        default: "0.00001",
        help: "Adaptive sampling: least probability, however much arrives",
        apply: Apply::Text(|config, text| {
            fraction(text, PROBABILITY_LEAST, 1.0)
                .map(|value| config.pipeline.sampling.adaptive.probability_min = value)
        }),
    },
];

/// Whole seconds, at least one.
fn seconds(text: &str, most: usize) -> Result<Duration, String> {
    number(text, 1, most).map(|value| Duration::from_secs(fanal_base::cast::wide(value)))
}

fn fraction(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{value} is outside {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_point_have_bounds() {
        let check = |input: &str, expect: Result<f64, &str>| {
            let read = fraction(input, 0.0, 1.0);
            assert_eq!(read.as_ref().map_err(String::as_str), expect.as_ref().map_err(|e| *e));
        };
        check("0.25", Ok(0.25));
        check("1", Ok(1.0));
        check("1.5", Err("1.5 is outside 0 to 1"));
        check("NaN", Err("NaN is outside 0 to 1"));
        check("much", Err("`much` is no number"));
    }
}
