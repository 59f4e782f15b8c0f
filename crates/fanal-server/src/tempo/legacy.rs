//! Tempo's search by tags, said in TraceQL: each tag is met somewhere in the trace, so each is a filter of its own.

use crate::refusal::Refusal;
use std::fmt::Write as _;

/// Parameters that are no tags.
pub(super) const RESERVED: [&str; 9] =
    ["q", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end", "cursor"];

/// Names and values of `k=v k2="v 2"`. Fails where a key is there twice.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let (value, behind) = match behind.strip_prefix('=') {
            Some(value) => read_value(value)?,
            None => (String::new(), behind),
        };
        if key.is_empty() || tags.iter().any(|(known, _)| known == key) {
            let message = format!("tags has the key `{key}` twice or empty; give each key once");
            return Err(Refusal::parameter("tags", message));
        }
        tags.push((key.to_owned(), value));
        rest = behind.trim_start();
    }
    Ok(tags)
}

fn read_value(text: &str) -> Result<(String, &str), Refusal> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Ok((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[place + 1..])),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    Err(Refusal::parameter("tags", "tags has a quote that does not end; close it"))
}

/// The query that asks for a trace with these tags and a duration between two bounds, both included.
pub(super) fn query(tags: &[(String, String)], durations: (Option<u64>, Option<u64>)) -> String {
    let mut filters: Vec<String> = tags.iter().map(|(key, value)| filter(key, value)).collect();
    let (least, most) = durations;
    filters.extend(least.map(|nanos| format!("traceDuration >= {nanos}ns")));
    filters.extend(most.map(|nanos| format!("traceDuration <= {nanos}ns")));
    if filters.is_empty() {
        return "{ }".to_owned();
    }
    let filters: Vec<String> = filters.iter().map(|filter| format!("{{ {filter} }}")).collect();
    filters.join(" && ")
}

fn filter(key: &str, value: &str) -> String {
    let part = |field: &str| format!("{field} =~ {}", quoted(&format!(".*{}.*", literal(value))));
    match key {
        "service.name" => return part("resource.service.name"),
        "name" => return part("name"),
        "root.name" => return part("rootName"),
        "root.service.name" => return part("rootServiceName"),
        "status.code" if ["unset", "ok", "error"].contains(&value) => {
            return format!("status = {value}");
        }
        _ => {}
    }
    let mut operands = vec![quoted(value)];
    let is_number = value.parse::<i64>().is_ok()
        || value.parse::<f64>().is_ok_and(f64::is_finite) && value.contains('.');
    if is_number || ["true", "false"].contains(&value) {
        operands.push(value.trim_start_matches('+').to_owned());
    }
    let mut any = Vec::new();
    for scope in ["span", "resource"] {
        let field = format!("{scope}.{}", quoted(key));
        any.extend(operands.iter().map(|operand| format!("{field} = {operand}")));
    }
    any.join(" || ")
}

/// A text as TraceQL writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A pattern that describes a text only.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' || !c.is_ascii() {
            pattern.push(c);
        } else if c.is_ascii_control() {
            let _ = write!(pattern, "\\x{:02x}", u32::from(c));
        } else {
            pattern.push('\\');
            pattern.push(c);
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_logfmt() {
        let check = |text: &str, expect: Option<&[(&str, &str)]>| {
            let read = read(text).ok();
            let pairs = read
                .as_ref()
                .map(|tags| tags.iter().map(|(key, value)| (&**key, &**value)).collect::<Vec<_>>());
            assert_eq!(pairs.as_deref(), expect, "{text}");
        };
        check("", Some(&[]));
        check("a=b c=\"d e\"", Some(&[("a", "b"), ("c", "d e")]));
        check(" a=\"q\\\"q\"  b= ", Some(&[("a", "q\"q"), ("b", "")]));
        check("a", Some(&[("a", "")]));
        check("a=1 a=2", None);
        check("a=\"1", None);
        check("=1", None);
    }

    #[test]
    fn every_tag_is_a_filter_that_the_language_takes() {
        let check = |tags: &[(&str, &str)], durations, expect: &str| {
            let tags: Vec<(String, String)> =
                tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
            let text = query(&tags, durations);
            assert_eq!(text, expect);
            assert!(fanal_traceql::compile(&text).is_ok(), "{text}");
        };
        check(&[], (None, None), "{ }");
        check(
            &[("service.name", "a.b")],
            (None, None),
            r#"{ resource.service.name =~ ".*a\\.b.*" }"#,
        );
        check(&[("status.code", "error")], (None, None), "{ status = error }");
        check(
            &[("k x", "5")],
            (None, Some(7)),
            r#"{ span."k x" = "5" || span."k x" = 5 || resource."k x" = "5" || resource."k x" = 5 } && { traceDuration <= 7ns }"#,
        );
        check(&[("name", "a\n\"")], (None, None), r#"{ name =~ ".*a\\x0a\\\".*" }"#);
    }
}
