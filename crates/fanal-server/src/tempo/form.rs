//! The parameters of a call of Tempo's API: unknown ones are ignored, and an empty value counts as absent.

use crate::native::moments;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_model::TraceId;
use fanal_query::parse_duration;
use http::Uri;

pub(super) const NANOS_PER_SECOND: u64 = 1_000_000_000;

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
            let what = if ["start", "end"].contains(&name) { " of seconds since 1970" } else { "" };
            Refusal::parameter(name, format!("{name} is `{shown}`; give a whole number{what}"))
        };
        text.parse().map(Some).map_err(wrong)
    }

    /// Names and values of all others than those.
    pub(super) fn others(&self, known: &[&str]) -> Vec<(String, String)> {
        let others = self.0.pairs().iter().filter(|(name, _)| !known.contains(&&**name));
        others.cloned().collect()
    }

    /// A duration such as `1h30m`, in nanoseconds.
    pub(super) fn duration(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let refuse = |error: fanal_query::QueryError| Refusal::parameter(name, error.to_string());
        self.text(name).map(parse_duration).transpose().map_err(refuse)
    }

    /// `step`: seconds, maybe with a fraction, or a duration; in nanoseconds, 0 where it is absent.
    pub(super) fn step(&self) -> Result<u64, Refusal> {
        let Some(text) = self.text("step") else { return Ok(0) };
        let nanos = match seconds(text) {
            Some(nanos) => nanos,
            None => self.duration("step")?.unwrap_or(0),
        };
        if nanos == 0 {
            return Err(Refusal::parameter("step", "step is 0; give a duration above it"));
        }
        Ok(nanos)
    }

    /// The range of a search: `start` and `end` in seconds, both or neither, or back from now by `since`.
    pub(super) fn search_range(&self, now_unix_nanos: u64) -> Result<Option<Range>, Refusal> {
        match (self.number("start")?, self.number("end")?) {
            (Some(start), Some(end)) => Range::of_seconds(start, end).map(Some),
            (None, None) => Ok(self.duration("since")?.map(|since| Range {
                start_unix_nanos: now_unix_nanos.saturating_sub(since),
                end_unix_nanos: now_unix_nanos,
            })),
            _ => Err(Refusal::parameter("start", "give start and end, or neither of them")),
        }
    }

    /// `start` and `end` in seconds.
    pub(super) fn range(&self) -> Result<Range, Refusal> {
        let (start, end) = (self.number("start")?, self.number("end")?);
        Range::of_seconds(start.unwrap_or(0), end.unwrap_or(0))
    }
}

/// Nanoseconds of seconds that may have a fraction.
fn seconds(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_number {
        return None;
    }
    parse_duration(&format!("{text}s")).ok()
}

/// A moment of metrics in Unix nanoseconds: seconds of up to 10 digits or with a fraction, nanoseconds, or RFC 3339.
pub(super) fn moment(name: &str, text: &str) -> Result<u64, Refusal> {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    let read = if is_whole && text.len() > 10 {
        text.parse().ok()
    } else {
        seconds(text).or_else(|| moments::parse_rfc_3339(text))
    };
    read.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        let message = format!(
            "{name} is `{shown}`; give seconds or nanoseconds since 1970, or RFC 3339 such as 2026-01-31T08:30:00Z"
        );
        Refusal::parameter(name, message)
    })
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
        check("start=-1&end=9", Err("start is `-1`; give a whole number of seconds since 1970"));
        check("start=1.5&end=9", Err("start is `1.5`; give a whole number of seconds since 1970"));
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

    #[test]
    fn moments_are_told_apart_by_their_digits() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(moment("start", text).ok(), expect, "{text}");
        };
        check("1767225600", Some(1_767_225_600_000_000_000));
        check("1767225600.5", Some(1_767_225_600_500_000_000));
        check("1767225600000000001", Some(1_767_225_600_000_000_001));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000_000));
        check("now", None);
        check("-5", None);
    }
}
