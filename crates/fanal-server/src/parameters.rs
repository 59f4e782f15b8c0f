//! The query string of a request as names and values, and the parameters inside its path.
//!
//! Native handlers name the parameters they know and refuse others with the nearest known name; Jaeger's
//! handlers ignore what they do not know, as Jaeger does. An empty value counts as absent, because forms send it.

use crate::limits::ADDRESS_BYTES_MAX;
use crate::refusal::Refusal;
use axum::extract::{FromRequestParts, Path, Query};
use http::Uri;
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Most changed letters between a typo and the name that is hinted at.
const TYPO_DISTANCE_MAX: usize = 3;

/// Decoded names and values, in the order sent, without empty values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads all parameters. Fails above the length limit and where the encoding is no UTF-8.
    pub(crate) fn read(uri: &Uri) -> Result<Self, Refusal> {
        let bytes = uri.path().len() + uri.query().map_or(0, str::len);
        if bytes > ADDRESS_BYTES_MAX {
            let message = format!(
                "address has {bytes} bytes, at most {ADDRESS_BYTES_MAX} are read; send fewer conditions"
            );
            return Err(Refusal::invalid(message));
        }
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Refusal::invalid(format!("query string is not readable: {error}")))?;
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// Reads a form in a body, whose length was held to a limit.
    pub(crate) fn read_form(body: &[u8]) -> Result<Self, Refusal> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Refusal::invalid(format!("form is not readable: {error}"))
        };
        let text = std::str::from_utf8(body).map_err(|error| unreadable(&error))?;
        let uri = Uri::try_from(format!("/?{text}")).map_err(|error| unreadable(&error))?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .map_err(|error| unreadable(&error))?;
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// Reads the parameters of a native call, which knows only these.
    pub(crate) fn read_known(uri: &Uri, known: &[&str]) -> Result<Self, Refusal> {
        let parameters = Self::read(uri)?;
        // Names with empty values count too: a typo is a typo.
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).unwrap_or_default();
        match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(unknown(name, known)),
            None => Ok(parameters),
        }
    }

    /// The last value of a name, as most servers read a repeated one.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The only value of a name. Fails when it is repeated.
    pub(crate) fn single<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Refusal::parameter(
                name,
                format!("parameter `{name}` is given more than once; give it once"),
            )),
            None => Ok(first),
        }
    }

    /// All names and values, in the order sent.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Parameters inside a path, refused in the words of the API whose refusal `R` is.
pub(crate) struct ApiPath<T, R>(pub(crate) T, PhantomData<R>);

impl<T, R, S> FromRequestParts<S> for ApiPath<T, R>
where
    T: DeserializeOwned + Send,
    R: From<Refusal> + axum::response::IntoResponse,
    S: Send + Sync,
{
    type Rejection = R;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, R> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value, PhantomData)),
            Err(error) => {
                let message = format!("address is not readable: {}", error.body_text());
                Err(Refusal::invalid(message).into())
            }
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> Refusal {
    let nearest = known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(changes, candidate)| {
            *changes <= TYPO_DISTANCE_MAX && *changes * 2 < candidate.len().max(3)
        })
        .min();
    let hint = match nearest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => "this address takes none".to_owned(),
        None => format!("known are {}", known.join(", ")),
    };
    let shown: String = name.chars().take(64).collect();
    Refusal::parameter(&shown, format!("unknown parameter `{shown}`; {hint}"))
}

/// Letters to insert, remove, replace or swap with a neighbour.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, &from) in left.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, &to) in right.iter().enumerate() {
            let replaced = previous[j] + usize::from(from != to);
            let mut best = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && from == right[j - 1] && left[i - 1] == to {
                best = best.min(before[j - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["service", "operation", "tag", "min_duration", "limit"];

    fn check(query: &str, expect: Result<&[&str], &str>) {
        let uri: Uri = format!("/search?{query}").parse().expect("an address");
        let read = Parameters::read_known(&uri, KNOWN);
        let tags = read.as_ref().map(|parameters| parameters.all("tag").collect::<Vec<_>>());
        match (tags, expect) {
            (Ok(tags), Ok(expect)) => assert_eq!(tags, expect, "{query}"),
            (Err(refusal), Err(expect)) => assert_eq!(refusal.message, expect, "{query}"),
            (read, expect) => panic!("{query}: {read:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn values_are_decoded_and_empty_ones_dropped() {
        check("tag=a%3Db+c&service=&tag=&tag=d", Ok(&["a=b c", "d"]));
        check("", Ok(&[]));
    }

    #[test]
    fn typos_get_the_nearest_name() {
        check("sevrice=a", Err("unknown parameter `sevrice`; did you mean `service`?"));
        check("tags=a", Err("unknown parameter `tags`; did you mean `tag`?"));
        check(
            "minDuration=1s",
            Err("unknown parameter `minDuration`; did you mean `min_duration`?"),
        );
        check(
            "colour=red",
            Err(
                "unknown parameter `colour`; known are service, operation, tag, min_duration, limit",
            ),
        );
        check("limti=", Err("unknown parameter `limti`; did you mean `limit`?"));
    }

    #[test]
    fn a_single_value_may_not_be_repeated() {
        let uri: Uri = "/?limit=1&limit=2".parse().expect("an address");
        let read = Parameters::read_known(&uri, KNOWN).expect("known");
        assert!(read.single("limit").is_err());
        assert_eq!(read.last("limit"), Some("2"));
        assert_eq!(read.single("tag"), Ok(None));
    }

    #[test]
    fn long_addresses_are_refused() {
        let uri: Uri =
            format!("/?tag={}", "a".repeat(ADDRESS_BYTES_MAX)).parse().expect("an address");
        assert!(Parameters::read(&uri).is_err());
    }
}
