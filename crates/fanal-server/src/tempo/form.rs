//! The parameters of a call of Tempo's API: unknown ones are ignored, and an empty value counts as absent.

use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_model::TraceId;
use http::Uri;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A range of starts, inclusive, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start_unix_nanos: u64,
    pub(super) end_unix_nanos: u64,
}

/// Everything that is stored.
pub(super) const ALL_TIME: Range = Range { start_unix_nanos: 0, end_unix_nanos: u64::MAX };

impl Range {
    /// Of seconds; where one is 0 or absent, all time.
    pub(super) fn of_seconds(start: u64, end: u64) -> Result<Self, Refusal> {
        if start == 0 || end == 0 {
            return Ok(ALL_TIME);
        }
        if end <= start {
            let message = format!("end {end} is not after start {start}; swap them");
            return Err(Refusal::parameter("end", message));
        }
        Ok(Self {
            start_unix_nanos: start.saturating_mul(NANOS_PER_SECOND),
            end_unix_nanos: end.saturating_mul(NANOS_PER_SECOND),
        })
    }
}

/// Names and values of a request.
#[derive(Debug, Clone)]
pub(super) struct Form(Parameters);

impl Form {
    pub(super) fn read(uri: &Uri) -> Result<Self, Refusal> {
        Parameters::read(uri).map(Self)
    }

    /// The value of a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.last(name)
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = |_| {
            let shown: String = text.chars().take(64).collect();
            Refusal::parameter(name, format!("{name} is `{shown}`; give a whole number"))
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// `start` and `end` in seconds.
    pub(super) fn range(&self) -> Result<Range, Refusal> {
        let (start, end) = (self.number("start")?, self.number("end")?);
        Range::of_seconds(start.unwrap_or(0), end.unwrap_or(0))
    }
}

/// A trace id of 1 to 32 hex digits.
pub(super) fn trace_id(text: &str) -> Result<TraceId, Refusal> {
    TraceId::parse_hex(text).map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Refusal::parameter("id", format!("`{shown}` is no trace id; give 1 to 32 hex digits"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_seconds_and_all_time_where_a_side_is_missing() {
        let check = |query: &str, expect: Result<(u64, u64), &str>| {
            let uri: Uri = format!("/?{query}").parse().expect("an address");
            let range = Form::read(&uri).and_then(|form| form.range());
            let range = range.map(|it| (it.start_unix_nanos, it.end_unix_nanos));
            assert_eq!(
                range.as_ref().map_err(|it| &*it.message),
                expect.as_ref().map_err(|it| *it)
            );
        };
        check("", Ok((0, u64::MAX)));
        check("start=5", Ok((0, u64::MAX)));
        check("start=&end=9", Ok((0, u64::MAX)));
        check("start=5&end=9", Ok((5_000_000_000, 9_000_000_000)));
        check("start=9&end=9", Err("end 9 is not after start 9; swap them"));
        check("start=-1&end=9", Err("start is `-1`; give a whole number"));
        check("start=1.5&end=9", Err("start is `1.5`; give a whole number"));
    }

    #[test]
    fn trace_ids_are_up_to_32_digits() {
        let check = |text: &str, expect: Option<&str>| {
            let id = trace_id(text).map(|id| id.to_string()).ok();
            assert_eq!(id.as_deref(), expect, "{text}");
        };
        check("A", Some("0000000000000000000000000000000a"));
        check("0af7651916cd43dd8448eb211c80319c", Some("0af7651916cd43dd8448eb211c80319c"));
        check("00af7651916cd43dd8448eb211c80319c", None);
        check("", None);
        check("xyz", None);
    }
}
