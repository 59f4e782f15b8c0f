//! `jaeger.expression.v1`: structured filters (`expression.proto`).
#![expect(missing_docs, reason = "fields are those of the `.proto` file")]

/// `jaeger.expression.v1.Expression`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Expression {
    #[prost(oneof = "ExpressionTerm", tags = "1, 2, 3, 4, 5, 6")]
    pub term: Option<ExpressionTerm>,
}

/// The arms of [`Expression`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum ExpressionTerm {
    #[prost(message, tag = "1")]
    Attr(AttributeReference),
    #[prost(message, tag = "2")]
    Field(FieldReference),
    #[prost(message, tag = "3")]
    Nested(NestedReference),
    #[prost(message, tag = "4")]
    Scalar(Scalar),
    #[prost(message, tag = "5")]
    List(List),
    #[prost(message, tag = "6")]
    Call(Call),
}

/// `jaeger.expression.v1.AttributeReference`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeReference {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub level: String,
}

/// `jaeger.expression.v1.FieldReference`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FieldReference {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub level: String,
}

/// `jaeger.expression.v1.NestedReference`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NestedReference {
    #[prost(string, tag = "1")]
    pub level: String,
}

/// `jaeger.expression.v1.Scalar`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Scalar {
    #[prost(string, tag = "1")]
    pub value: String,
    #[prost(string, tag = "2")]
    pub r#type: String,
}

/// `jaeger.expression.v1.List`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct List {
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
    #[prost(string, tag = "2")]
    pub r#type: String,
}

/// `jaeger.expression.v1.Call`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    #[prost(string, tag = "1")]
    pub op: String,
    #[prost(message, repeated, tag = "2")]
    pub args: Vec<Expression>,
}
