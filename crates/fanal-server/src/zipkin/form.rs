//! The parameters of a call of Zipkin's API. As Zipkin does, unknown ones are ignored, and one that is there without a
//! value differs from one that is missing.

use crate::parameters::Parameters;
use crate::refusal::Refusal;
use axum::extract::Query;
use fanal_model::TraceId;
use http::Uri;

/// Most traces of `traceMany`.
const TRACES_MAX: usize = 1_000;

const DAY_MILLIS: u64 = 86_400_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Names and values in the order sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

/// A range of times, inclusive, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start_micros: u64,
    pub(super) end_micros: u64,
}

impl Window {
    /// Starts of spans in the window, in nanoseconds: Zipkin cuts them to microseconds.
    pub(super) fn nanos(self) -> (u64, u64) {
        (self.start_micros.saturating_mul(1_000), self.end_micros.saturating_mul(1_000) + 999)
    }

    pub(super) fn contains(self, micros: u64) -> bool {
        (self.start_micros..=self.end_micros).contains(&micros)
    }
}

impl Form {
    pub(super) fn read(uri: &Uri) -> Result<Self, Refusal> {
        // Refuses what is too long or not readable.
        Parameters::read(uri)?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).unwrap_or_default();
        Ok(Self(pairs))
    }

    /// The first value of a name, which may be empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The same, absent when empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::parameter(name, format!("parameter {name} is missing; give it"));
        self.get(name).ok_or_else(missing)
    }

    /// A whole number above 0.
    pub(super) fn positive(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number > 0);
        let wrong = || {
            let shown: String = text.chars().take(64).collect();
            Refusal::parameter(name, format!("{name} is `{shown}`; give a whole number above 0"))
        };
        number.ok_or_else(wrong).map(Some)
    }

    /// `endTs` and `lookback`, both in milliseconds.
    pub(super) fn window(&self, now_unix_nanos: u64) -> Result<Window, Refusal> {
        let end = self.positive("endTs")?.unwrap_or(now_unix_nanos / NANOS_PER_MILLI);
        let lookback = self.positive("lookback")?.unwrap_or(DAY_MILLIS);
        let micros = |millis: u64| millis.saturating_mul(1_000).min(u64::MAX / 1_000 - 1);
        Ok(Window { start_micros: micros(end.saturating_sub(lookback)), end_micros: micros(end) })
    }

    /// The ids of `traceMany`.
    pub(super) fn trace_ids(&self) -> Result<Vec<TraceId>, Refusal> {
        let refuse = |message: String| Err(Refusal::parameter("traceIds", message));
        let text = self.required("traceIds")?;
        let mut ids = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let id = trace_id(part)?;
            if ids.contains(&id) {
                return refuse(format!("traceIds has {id} twice; give each id once"));
            }
            ids.push(id);
            if ids.len() > TRACES_MAX {
                return refuse(format!("traceIds has more than {TRACES_MAX} ids; ask in parts"));
            }
        }
        match ids.len() {
            0 => refuse("traceIds is empty; give at least 2 ids".to_owned()),
            1 => refuse("traceIds has 1 id; ask for it by /api/v2/trace".to_owned()),
            _ => Ok(ids),
        }
    }
}

/// A trace id of 1 to 32 hex digits.
pub(super) fn trace_id(text: &str) -> Result<TraceId, Refusal> {
    let id = TraceId::parse_hex(text.trim()).ok().filter(|id| !id.is_zero());
    id.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        let message = format!("`{shown}` is no trace id; give 1 to 32 hex digits, not all 0");
        Refusal::parameter("traceId", message)
    })
}
