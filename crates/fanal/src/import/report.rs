//! What came of a file, for people and for programs.

use crate::storage::words::counted;
use fanal_formats::file::{FileFormat, Tally};
use fanal_formats::rfc3339;
use serde_json::json;
use std::fmt::Write as _;

/// What came of a file.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) name: String,
    /// Address of the UI.
    pub(super) ui: String,
    pub(super) format: Option<FileFormat>,
    pub(super) tally: Tally,
    /// Spans that the server refused after all.
    pub(super) refused_spans: u64,
}

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Report {
    pub(super) fn rejected_spans(&self) -> u64 {
        self.tally.rejected_spans() + self.refused_spans
    }

    /// Where the UI shows what was stored: the trace, or a search whose range covers them all.
    fn place(&self) -> Option<String> {
        let (tally, ui) = (&self.tally, &self.ui);
        if tally.trace_count() == 1 {
            return tally.first_trace.map(|trace_id| format!("{ui}/trace/{trace_id}"));
        }
        // The page reads milliseconds.
        let (min, max) = tally.starts?;
        let start = rfc3339::format(min / NANOS_PER_MILLI * NANOS_PER_MILLI);
        let end = rfc3339::format(max.div_ceil(NANOS_PER_MILLI).saturating_mul(NANOS_PER_MILLI));
        Some(format!("{ui}/explore?t={start}..{end}"))
    }

    fn format(&self) -> &'static str {
        self.format.map_or("", FileFormat::as_str)
    }

    pub(super) fn to_text(&self) -> String {
        let tally = &self.tally;
        let Some(format) = self.format else { return format!("{}: holds no span\n", self.name) };
        let more = if tally.has_more_traces { "more than " } else { "" };
        let mut text = format!(
            "{}: {}, {} of {more}{} stored\n",
            self.name,
            format.as_str(),
            counted(tally.accepted_spans, "span", "spans"),
            counted(tally.trace_count(), "trace", "traces"),
        );
        for reject in &tally.rejects {
            let spans = counted(reject.spans, "span", "spans");
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {spans} rejected, {}: {}", reject.reason, reject.detail);
        }
        if self.refused_spans > 0 {
            let spans = counted(self.refused_spans, "span", "spans");
            let _ = writeln!(text, "  {spans} rejected by the server; its status page says why");
        }
        if let Some(place) = self.place() {
            let _ = writeln!(text, "  {place}");
        }
        text
    }

    pub(super) fn to_json(&self) -> String {
        let tally = &self.tally;
        let reject = |reject: &fanal_formats::file::TallyReject| {
            json!({
                "reason": reject.reason.as_str(),
                "span_count": reject.spans,
                "detail": reject.detail,
            })
        };
        let line = json!({
            "file": self.name,
            "format": self.format(),
            "accepted_spans": tally.accepted_spans,
            "rejected_spans": self.rejected_spans(),
            "rejects": tally.rejects.iter().map(reject).collect::<Vec<_>>(),
            "trace_count": tally.trace_count(),
            "has_more_traces": tally.has_more_traces,
            "open": self.place(),
        });
        format!("{line}\n")
    }
}
