//! Typed attribute values, owned and borrowed, and the two enumerations of a span.

use crate::nested;
use std::borrow::Cow;

/// Type of an attribute value; part of a column's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeType {
    /// A key without a value.
    Empty,
    /// UTF-8 text.
    String,
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// A 64-bit float; every bit pattern survives.
    Float,
    /// Bytes.
    Bytes,
    /// A list of values.
    Array,
    /// A list of keys with values.
    Map,
}

/// An owned value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A key without a value.
    Empty,
    /// UTF-8 text.
    String(String),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Keys and values in order.
    Map(Vec<(String, Value)>),
}

/// A value as it lies in a column. Arrays and maps are in the encoding of [`nested`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// A key without a value.
    Empty,
    /// UTF-8 text.
    String(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An encoded [`Value::Array`].
    Array(&'a [u8]),
    /// An encoded [`Value::Map`].
    Map(&'a [u8]),
}

impl ValueRef<'_> {
    /// The type.
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Empty => AttributeType::Empty,
            Self::String(_) => AttributeType::String,
            Self::Bool(_) => AttributeType::Bool,
            Self::Int(_) => AttributeType::Int,
            Self::Float(_) => AttributeType::Float,
            Self::Bytes(_) => AttributeType::Bytes,
            Self::Array(_) => AttributeType::Array,
            Self::Map(_) => AttributeType::Map,
        }
    }

    /// The value, owned and decoded. Nested bytes that do not decode become [`Value::Empty`]; a validated
    /// batch has none.
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Empty => Value::Empty,
            Self::String(text) => Value::String(text.to_owned()),
            Self::Bool(flag) => Value::Bool(flag),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::Array(bytes) | Self::Map(bytes) => nested::decode(bytes).unwrap_or(Value::Empty),
        }
    }

    /// Text for comparing and showing: strings as they are, numbers and booleans in their shortest form,
    /// bytes as lower-case hex, arrays and maps as JSON-like text.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_value().to_text()),
        }
    }
}

impl Value {
    /// Text as in [`ValueRef::to_text`].
    pub fn to_text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::String(text) => text.clone(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Array(values) => {
                let items: Vec<String> = values.iter().map(Self::to_quoted_text).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(entries) => {
                let items: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{key:?}:{}", value.to_quoted_text()))
                    .collect();
                format!("{{{}}}", items.join(","))
            }
        }
    }

    fn to_quoted_text(&self) -> String {
        match self {
            Self::String(text) => format!("{text:?}"),
            Self::Empty => "null".to_owned(),
            other => other.to_text(),
        }
    }
}

/// Role of a span. The numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SpanKind {
    /// Not told.
    #[default]
    Unspecified,
    /// Within a process.
    Internal,
    /// Handles a remote call.
    Server,
    /// Makes a remote call.
    Client,
    /// Sends a message.
    Producer,
    /// Receives a message.
    Consumer,
}

impl SpanKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Internal,
        Self::Server,
        Self::Client,
        Self::Producer,
        Self::Consumer,
    ];

    /// The kind of a number; unknown numbers are unspecified.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or_default()
    }

    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// The kind of a lower-case word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Outcome of a span. The numbers are OTLP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StatusCode {
    /// Not told.
    #[default]
    Unset,
    /// Declared good.
    Ok,
    /// Failed.
    Error,
}

impl StatusCode {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// The code of a number; unknown numbers are unset.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or_default()
    }

    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }

    /// The code of a lower-case word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}
