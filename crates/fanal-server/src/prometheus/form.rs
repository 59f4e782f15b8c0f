//! The parameters of a call of Prometheus' API, in the address and in a form in the body: unknown ones are ignored, and an
//! empty value counts as absent.

use super::promql::{PromqlError, Selector, parse_selector};
use crate::native::moments;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use http::Uri;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How far lists look back where a request does not say.
const SINCE_NANOS: u64 = 3_600 * NANOS_PER_SECOND;

/// Most selectors of one request.
const SELECTORS_MAX: usize = 20;

/// Names and values of a request.
#[derive(Debug)]
pub(super) struct Form {
    address: Parameters,
    body: Parameters,
}

impl Form {
    pub(super) fn read(uri: &Uri, body: &[u8]) -> Result<Self, Refusal> {
        Ok(Self { address: Parameters::read(uri)?, body: Parameters::read_form(body)? })
    }

    /// The value of a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.last(name).or_else(|| self.address.last(name))
    }

    /// The query.
    pub(super) fn query(&self) -> Result<&str, Refusal> {
        self.text("query").ok_or_else(|| Refusal::parameter("query", "query is missing; give one"))
    }

    /// A moment in nanoseconds since the Unix epoch.
    pub(super) fn moment(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.text(name).map(|text| moment(name, text)).transpose()
    }

    /// A moment that must be there.
    pub(super) fn needed_moment(&self, name: &str) -> Result<u64, Refusal> {
        let absent = || Refusal::parameter(name, format!("{name} is missing; give a time"));
        self.moment(name)?.ok_or_else(absent)
    }

    /// `step` in nanoseconds.
    pub(super) fn step(&self) -> Result<u64, Refusal> {
        let nanos = self.text("step").and_then(super::promql::duration);
        nanos.filter(|nanos| *nanos > 0).ok_or_else(|| {
            Refusal::parameter("step", "step is no duration above 0; write one such as 15 or 1m")
        })
    }

    /// The range of a list: `start` and `end`, else the last hour.
    pub(super) fn range(&self, now_unix_nanos: u64) -> Result<(u64, u64), Refusal> {
        let end = self.moment("end")?.unwrap_or(now_unix_nanos);
        let start = self.moment("start")?.unwrap_or(end.saturating_sub(SINCE_NANOS));
        if start >= end {
            let message = format!("end {end} is not after start {start}; swap them");
            return Err(Refusal::parameter("end", message));
        }
        Ok((start, end))
    }

    /// The selectors of `match[]`.
    pub(super) fn selectors(&self) -> Result<Vec<Selector>, Refusal> {
        let texts: Vec<&str> =
            self.body.all("match[]").chain(self.address.all("match[]")).collect();
        if texts.len() > SELECTORS_MAX {
            let count = texts.len();
            let message = format!(
                "there are {count} selectors, at most {SELECTORS_MAX} are read; send fewer"
            );
            return Err(Refusal::parameter("match[]", message));
        }
        texts.into_iter().map(|text| parse_selector(text).map_err(Refusal::from)).collect()
    }

    /// Most entries of a list.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        match self.text("limit") {
            None | Some("0") => Ok(usize::MAX),
            Some(text) => text.parse().map_err(|_| {
                Refusal::parameter("limit", "limit is no whole number; leave it out or give one")
            }),
        }
    }
}

impl From<PromqlError> for Refusal {
    fn from(error: PromqlError) -> Self {
        match error {
            PromqlError::Bad(message) | PromqlError::Execution(message) => Self::invalid(message),
        }
    }
}

/// A moment of seconds, maybe with a fraction, or RFC 3339.
fn moment(name: &str, text: &str) -> Result<u64, Refusal> {
    let moment = seconds(text).or_else(|| moments::parse_rfc_3339(text));
    moment.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        let message = format!(
            "{name} is `{shown}`; give seconds since 1970, or RFC 3339 such as 2026-01-31T08:30:00Z"
        );
        Refusal::parameter(name, message)
    })
}

/// Nanoseconds of decimal seconds, to the digit.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9.9}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_or_rfc_3339() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(moment("time", text).ok(), expect, "{text}");
        };
        check("1767225600", Some(1_767_225_600_000_000_000));
        check("1767225600.123", Some(1_767_225_600_123_000_000));
        check("1767225600.1234567891", Some(1_767_225_600_123_456_789));
        check("2026-01-01T00:00:00Z", Some(1_767_225_600_000_000_000));
        check("-5", None);
        check("1e9", None);
        check("now", None);
    }

    #[test]
    fn forms_in_the_body_come_before_the_address() {
        let uri: Uri = "/?query=a&time=5&match[]=x".parse().expect("an address");
        let form = Form::read(&uri, b"query=b%2B+c&match[]=y&match%5B%5D=z").expect("readable");
        assert_eq!((form.text("query"), form.text("time")), (Some("b+ c"), Some("5")));
        assert_eq!(form.selectors().expect("selectors").len(), 3);
        assert!(Form::read(&uri, &[0xff]).is_err());
    }
}
