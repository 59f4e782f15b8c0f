//! Jaeger's structured filters (`jaeger.expression.v1`) as conditions on one span.
//!
//! The HTTP API reads them from JSON, the gRPC APIs from protobuf. What a condition of the store can say is translated
//! exactly; anything else is refused, never left out, for that would answer with traces that nobody asked for.
//! [`OPERATORS`] is what Fanal tells Jaeger that it can do.

use crate::native::moments;
use crate::refusal::Refusal;
use fanal_model::{SpanKind, StatusCode, Value};
use fanal_query::parse_duration;
use fanal_storage::{AttributeCondition, AttributeLevel, AttributeTest, Comparison, SpanCondition};
use serde::Deserialize;

/// Deepest nesting of calls.
const DEPTH_MAX: usize = 20;

/// Operators that are translated.
pub(crate) const OPERATORS: [&str; 8] = ["and", "eq", "gt", "gte", "lt", "lte", "in", "exists"];

/// An operator and what it is applied to.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) op: String,
    pub(crate) args: Vec<Expression>,
}

/// One operand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Expression {
    /// An attribute. No level: of the span or its resource.
    Attr {
        key: String,
        #[serde(default)]
        level: String,
    },
    /// A field of a level.
    Field { name: String, level: String },
    /// The events or links of a span.
    Nested { level: String },
    /// One constant.
    Scalar {
        value: String,
        #[serde(default, rename = "type")]
        hint: String,
    },
    /// Constants of one type.
    List {
        values: Vec<String>,
        #[serde(default, rename = "type")]
        hint: String,
    },
    /// A call.
    Call(Call),
}

/// What a filter asks for: every condition must hold on one span, which must start within the range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    pub(crate) conditions: Vec<SpanCondition>,
    pub(crate) start_min_unix_nanos: u64,
    pub(crate) start_max_unix_nanos: u64,
}

impl Default for Filter {
    fn default() -> Self {
        Self { conditions: Vec::new(), start_min_unix_nanos: 0, start_max_unix_nanos: u64::MAX }
    }
}

/// A filter from JSON.
pub(crate) fn parse(text: &str) -> Result<Call, Refusal> {
    serde_json::from_str(text).map_err(|error| refuse(format!("is not readable: {error}")))
}

/// Translates a filter.
pub(crate) fn translate(call: &Call) -> Result<Filter, Refusal> {
    let mut filter = Filter::default();
    filter.add(call, 1)?;
    Ok(filter)
}

fn refuse(why: impl AsRef<str>) -> Refusal {
    Refusal::parameter("query.filter", format!("filter {}", why.as_ref()))
}

impl Filter {
    fn add(&mut self, call: &Call, depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH_MAX {
            return Err(refuse(format!("is nested deeper than {DEPTH_MAX} calls")));
        }
        match (call.op.as_str(), call.args.as_slice()) {
            ("and", args) if args.len() >= 2 => args.iter().try_for_each(|arg| match arg {
                Expression::Call(call) => self.add(call, depth + 1),
                _ => Err(refuse("has an operand of `and` that is no call")),
            }),
            ("exists", [Expression::Attr { key, level }]) => {
                self.attribute(key, level, AttributeTest::Exists)
            }
            ("in", [reference, Expression::List { values, hint }]) => {
                let mut operands = Vec::new();
                for value in values {
                    operands.extend(readings(value, hint)?);
                }
                match reference {
                    Expression::Attr { key, level } if !values.is_empty() => self.attribute(
                        key,
                        level,
                        AttributeTest::Compare(Comparison::Equal, operands),
                    ),
                    _ => Err(refuse("has an `in` that is not an attribute in a list of values")),
                }
            }
            (op, [left, right]) => match (comparison(op), left, right) {
                (Some(is), reference, Expression::Scalar { value, hint }) => {
                    self.compare(reference, is, value, hint)
                }
                (Some(is), Expression::Scalar { value, hint }, reference) => {
                    self.compare(reference, turned(is), value, hint)
                }
                _ => Err(unsupported(op)),
            },
            (op, _) => Err(unsupported(op)),
        }
    }

    fn compare(
        &mut self,
        reference: &Expression,
        is: Comparison,
        value: &str,
        hint: &str,
    ) -> Result<(), Refusal> {
        match reference {
            Expression::Attr { key, level } => {
                let test = if is == Comparison::Equal && hint.is_empty() {
                    AttributeTest::TextEquals(value.to_owned())
                } else {
                    AttributeTest::Compare(is, readings(value, hint)?)
                };
                self.attribute(key, level, test)
            }
            Expression::Field { name, level } => self.field(level, name, is, value),
            _ => Err(refuse("compares what is neither an attribute nor a field")),
        }
    }

    fn attribute(&mut self, key: &str, level: &str, test: AttributeTest) -> Result<(), Refusal> {
        let levels = match level {
            "" => vec![AttributeLevel::Span, AttributeLevel::Resource],
            "span" => vec![AttributeLevel::Span],
            "resource" => vec![AttributeLevel::Resource],
            "scope" => vec![AttributeLevel::Scope],
            "event" => vec![AttributeLevel::Event],
            "link" => vec![AttributeLevel::Link],
            other => return Err(refuse(format!("names the unknown level `{other}`"))),
        };
        let condition = AttributeCondition { levels, key: key.to_owned(), test };
        self.conditions.push(SpanCondition::Attribute(condition));
        Ok(())
    }

    fn field(
        &mut self,
        level: &str,
        name: &str,
        is: Comparison,
        value: &str,
    ) -> Result<(), Refusal> {
        match (level, name) {
            ("span", "duration") => return self.duration(is, value),
            ("span", "startTime") => return self.start(is, value),
            _ if is != Comparison::Equal => {
                return Err(refuse(format!("orders {level}.{name}, which can only be equal")));
            }
            _ => {}
        }
        let text = value.to_owned();
        self.conditions.push(match (level, name) {
            ("span", "name") => SpanCondition::Name(text),
            ("span", "kind") => SpanCondition::Kind(
                SpanKind::parse(value)
                    .ok_or_else(|| refuse(format!("names no kind: `{value}`")))?,
            ),
            ("span", "status") => SpanCondition::Status(
                StatusCode::parse(value)
                    .ok_or_else(|| refuse(format!("names no status: `{value}`")))?,
            ),
            ("resource", "service") => SpanCondition::Service(text),
            ("scope", "name") => SpanCondition::ScopeName(text),
            ("scope", "version") => SpanCondition::ScopeVersion(text),
            _ => return Err(refuse(format!("names {level}.{name}, which cannot be filtered by"))),
        });
        Ok(())
    }

    fn duration(&mut self, is: Comparison, value: &str) -> Result<(), Refusal> {
        let nanos = parse_duration(value).map_err(|error| refuse(format!("has a {error}")))?;
        let (min, max) = bounds(is, nanos)?;
        self.conditions.extend(min.map(SpanCondition::DurationMin));
        self.conditions.extend(max.map(SpanCondition::DurationMax));
        Ok(())
    }

    fn start(&mut self, is: Comparison, value: &str) -> Result<(), Refusal> {
        let nanos = moments::parse_rfc_3339(value)
            .ok_or_else(|| refuse(format!("has a time that is not RFC 3339: `{value}`")))?;
        let (min, max) = bounds(is, nanos)?;
        self.start_min_unix_nanos = self.start_min_unix_nanos.max(min.unwrap_or(0));
        self.start_max_unix_nanos = self.start_max_unix_nanos.min(max.unwrap_or(u64::MAX));
        Ok(())
    }
}

fn unsupported(op: &str) -> Refusal {
    let shown: String = op.chars().take(32).collect();
    refuse(format!(
        "has a `{shown}` that cannot be evaluated; operators are {}, a comparison is between an attribute or a \
         field and a value",
        OPERATORS.join(", ")
    ))
}

fn comparison(op: &str) -> Option<Comparison> {
    Some(match op {
        "eq" => Comparison::Equal,
        "gt" => Comparison::Greater,
        "gte" => Comparison::GreaterOrEqual,
        "lt" => Comparison::Less,
        "lte" => Comparison::LessOrEqual,
        _ => return None,
    })
}

/// The same comparison with its sides swapped.
fn turned(is: Comparison) -> Comparison {
    match is {
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        same => same,
    }
}

/// Least and greatest number that compare so, both inclusive.
fn bounds(is: Comparison, nanos: u64) -> Result<(Option<u64>, Option<u64>), Refusal> {
    let none = || refuse("has a bound beyond which nothing can be");
    Ok(match is {
        Comparison::Greater => (Some(nanos.checked_add(1).ok_or_else(none)?), None),
        Comparison::GreaterOrEqual => (Some(nanos), None),
        Comparison::Less => (None, Some(nanos.checked_sub(1).ok_or_else(none)?)),
        Comparison::LessOrEqual => (None, Some(nanos)),
        _ => (Some(nanos), Some(nanos)),
    })
}

/// The values that a constant may mean: one where it says its type, otherwise every one that its text can be read as.
fn readings(text: &str, hint: &str) -> Result<Vec<Value>, Refusal> {
    let string = || Some(Value::String(text.to_owned()));
    let int = || text.parse().ok().map(Value::Int);
    let float = || text.parse().ok().map(Value::Float);
    let flag = || text.parse().ok().map(Value::Bool);
    let found: Vec<Value> = match hint {
        "" => [string(), int().or_else(float), flag()].into_iter().flatten().collect(),
        "string" => string().into_iter().collect(),
        "int" => int().into_iter().collect(),
        "double" => float().into_iter().collect(),
        "bool" => flag().into_iter().collect(),
        other => return Err(refuse(format!("has a value of the unknown type `{other}`"))),
    };
    if found.is_empty() {
        return Err(refuse(format!("has the value `{text}`, which is no {hint}")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: &str) {
        let shown = match parse(json).and_then(|call| translate(&call)) {
            Ok(filter) => {
                let range = (filter.start_min_unix_nanos, filter.start_max_unix_nanos);
                let range =
                    if range == (0, u64::MAX) { String::new() } else { format!(" {range:?}") };
                format!("{:?}{range}", filter.conditions)
            }
            Err(refusal) => refusal.message,
        };
        assert!(shown.starts_with(expect), "{json}\n got {shown}\nwant {expect}");
    }

    fn of_field(level: &str, name: &str, op: &str, value: &str) -> String {
        format!(
            r#"{{"op":"{op}","args":[{{"field":{{"level":"{level}","name":"{name}"}}}},{{"scalar":{{"value":"{value}"}}}}]}}"#
        )
    }

    fn of_attribute(op: &str, level: &str, scalar: &str) -> String {
        format!(r#"{{"op":"{op}","args":[{{"attr":{{"key":"k","level":"{level}"}}}},{scalar}]}}"#)
    }

    #[test]
    fn attributes_compare() {
        let attribute = |levels: &str, test: &str| {
            format!(
                r#"[Attribute(AttributeCondition {{ levels: [{levels}], key: "k", test: {test} }})]"#
            )
        };
        let text = r#"{"scalar":{"value":"5"}}"#;
        check(&of_attribute("eq", "", text), &attribute("Span, Resource", r#"TextEquals("5")"#));
        let int = r#"{"scalar":{"value":"5","type":"int"}}"#;
        check(
            &of_attribute("gte", "event", int),
            &attribute("Event", "Compare(GreaterOrEqual, [Int(5)])"),
        );
        check(
            &of_attribute("lt", "scope", text),
            &attribute("Scope", r#"Compare(Less, [String("5"), Int(5)])"#),
        );
        let list = r#"{"list":{"values":["a","true"],"type":""}}"#;
        check(
            &of_attribute("in", "link", list),
            &attribute("Link", r#"Compare(Equal, [String("a"), String("true"), Bool(true)])"#),
        );
        check(
            r#"{"op":"exists","args":[{"attr":{"key":"k","level":"resource"}}]}"#,
            &attribute("Resource", "Exists"),
        );
        check(
            r#"{"op":"gt","args":[{"scalar":{"value":"5","type":"double"}},{"attr":{"key":"k","level":"span"}}]}"#,
            &attribute("Span", "Compare(Less, [Float(5.0)])"),
        );
    }

    #[test]
    fn fields_compare() {
        check(&of_field("span", "name", "eq", "a"), r#"[Name("a")]"#);
        check(&of_field("span", "kind", "eq", "client"), "[Kind(Client)]");
        check(&of_field("span", "status", "eq", "error"), "[Status(Error)]");
        check(&of_field("resource", "service", "eq", "a"), r#"[Service("a")]"#);
        check(&of_field("scope", "version", "eq", "a"), r#"[ScopeVersion("a")]"#);
        check(&of_field("span", "duration", "gt", "2us"), "[DurationMin(2001)]");
        check(&of_field("span", "duration", "eq", "2us"), "[DurationMin(2000), DurationMax(2000)]");
        let both = format!(
            r#"{{"op":"and","args":[{{"call":{}}},{{"call":{}}}]}}"#,
            of_field("span", "startTime", "gte", "1970-01-01T00:00:01Z"),
            of_field("span", "startTime", "lt", "1970-01-01T00:00:02Z")
        );
        check(&both, "[] (1000000000, 1999999999)");
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        check("{", "filter is not readable");
        check(r#"{"op":"or","args":[]}"#, "filter has a `or` that cannot be evaluated");
        check(&of_field("span", "traceID", "eq", "a"), "filter names span.traceID, which cannot");
        check(&of_field("span", "name", "gt", "a"), "filter orders span.name");
        check(&of_field("span", "kind", "eq", "robot"), "filter names no kind");
        check(&of_field("span", "duration", "lt", "0s"), "filter has a bound beyond");
        check(&of_field("span", "duration", "lt", "5"), "filter has a duration");
        check(&of_attribute("regex", "", r#"{"scalar":{"value":"a"}}"#), "filter has a `regex`");
        check(&of_attribute("ne", "", r#"{"scalar":{"value":"a"}}"#), "filter has a `ne`");
        check(
            &of_attribute("eq", "planet", r#"{"scalar":{"value":"a"}}"#),
            "filter names the unknown level",
        );
        let int = r#"{"scalar":{"value":"a","type":"int"}}"#;
        check(&of_attribute("eq", "", int), "filter has the value `a`, which is no int");
    }

    #[test]
    fn deep_filters_are_refused() {
        let leaf = Call {
            op: "exists".into(),
            args: vec![Expression::Attr { key: "k".into(), level: String::new() }],
        };
        let nested = |depth: usize| {
            (1..depth).fold(leaf.clone(), |inner, _| Call {
                op: "and".into(),
                args: vec![Expression::Call(inner), Expression::Call(leaf.clone())],
            })
        };
        assert!(translate(&nested(DEPTH_MAX)).is_ok());
        assert!(translate(&nested(DEPTH_MAX + 1)).is_err());
    }
}
