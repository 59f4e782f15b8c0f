//! Where a page ended, as an opaque text that clients hand back.

use crate::error::{QueryError, shown};
use fanal_model::TraceId;
use fanal_storage::TracePosition;
use std::fmt;
use std::str::FromStr;

/// Where a page ended. Its text is `<start in nanoseconds>-<32 hex digits of the trace id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub TracePosition);

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.0.start_unix_nanos, self.0.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    /// Reads what `Display` wrote; anything else is `Invalid`.
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let read = || {
            let (start, id) = text.split_once('-')?;
            let trace_id = TraceId::parse_hex(id).ok()?;
            let cursor = Self(TracePosition { start_unix_nanos: start.parse().ok()?, trace_id });
            (cursor.to_string() == text).then_some(cursor)
        };
        read().ok_or_else(|| {
            QueryError::invalid(format!(
                "cursor {} was not given by a search; pass the cursor of the last answer unchanged",
                shown(text)
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let check = |input: &str, expect: bool| {
            let cursor = input.parse::<Cursor>().ok();
            assert_eq!(cursor.map(|it| it.to_string() == input), expect.then_some(true), "{input}");
        };
        check("1750000000000000000-0af7651916cd43dd8448eb211c80319c", true);
        check("0-00000000000000000000000000000000", true);
        check("18446744073709551615-ffffffffffffffffffffffffffffffff", true);
        check("18446744073709551616-ffffffffffffffffffffffffffffffff", false);
        check("+1-0af7651916cd43dd8448eb211c80319c", false);
        check("01-0af7651916cd43dd8448eb211c80319c", false);
        check("1-0AF7651916CD43DD8448EB211C80319C", false);
        check("1-abc", false);
        check("-1-0af7651916cd43dd8448eb211c80319c", false);
        check("", false);
        check("é-é", false);
        let long = "x".repeat(500).parse::<Cursor>().expect_err("no cursor").to_string();
        assert!(long.len() < 250, "{long}");
    }
}
