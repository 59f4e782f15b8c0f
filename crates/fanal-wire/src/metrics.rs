//! `jaeger.api_v2.metrics`: rates, errors and latencies (`metrics.proto`).
#![expect(missing_docs, reason = "fields are those of the `.proto` file")]

use crate::{Duration, Timestamp};

/// `jaeger.api_v2.metrics.GetMinStepDurationRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetMinStepDurationRequest {}

/// `jaeger.api_v2.metrics.GetMinStepDurationResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetMinStepDurationResponse {
    #[prost(message, optional, tag = "1")]
    pub min_step: Option<Duration>,
}

/// `jaeger.api_v2.metrics.MetricsQueryBaseRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MetricsQueryBaseRequest {
    #[prost(string, repeated, tag = "1")]
    pub service_names: Vec<String>,
    #[prost(bool, tag = "2")]
    pub group_by_operation: bool,
    #[prost(message, optional, tag = "3")]
    pub end_time: Option<Timestamp>,
    #[prost(message, optional, tag = "4")]
    pub lookback: Option<Duration>,
    #[prost(message, optional, tag = "5")]
    pub step: Option<Duration>,
    #[prost(message, optional, tag = "6")]
    pub rate_per: Option<Duration>,
    #[prost(int32, repeated, tag = "7")]
    pub span_kinds: Vec<i32>,
}

/// `jaeger.api_v2.metrics.GetLatenciesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetLatenciesRequest {
    #[prost(message, optional, tag = "1")]
    pub base_request: Option<MetricsQueryBaseRequest>,
    #[prost(double, tag = "2")]
    pub quantile: f64,
}

/// `jaeger.api_v2.metrics.GetCallRatesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetCallRatesRequest {
    #[prost(message, optional, tag = "1")]
    pub base_request: Option<MetricsQueryBaseRequest>,
}

/// `jaeger.api_v2.metrics.GetErrorRatesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetErrorRatesRequest {
    #[prost(message, optional, tag = "1")]
    pub base_request: Option<MetricsQueryBaseRequest>,
}

/// `jaeger.api_v2.metrics.GetMetricsResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetMetricsResponse {
    #[prost(message, optional, tag = "1")]
    pub metrics: Option<MetricFamily>,
}

/// `jaeger.api_v2.metrics.MetricType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    Unknown = 0,
    Gauge = 1,
}

/// `jaeger.api_v2.metrics.MetricFamily`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MetricFamily {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(enumeration = "MetricType", tag = "2")]
    pub r#type: i32,
    #[prost(string, tag = "3")]
    pub unit: String,
    #[prost(string, tag = "4")]
    pub help: String,
    #[prost(message, repeated, tag = "5")]
    pub metrics: Vec<Metric>,
}

/// `jaeger.api_v2.metrics.Metric`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub metric_points: Vec<MetricPoint>,
}

/// `jaeger.api_v2.metrics.Label`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Label {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `jaeger.api_v2.metrics.MetricPoint`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MetricPoint {
    #[prost(oneof = "MetricPointValue", tags = "2")]
    pub value: Option<MetricPointValue>,
    #[prost(message, optional, tag = "8")]
    pub timestamp: Option<Timestamp>,
}

/// The arms of [`MetricPoint`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum MetricPointValue {
    #[prost(message, tag = "2")]
    Gauge(GaugeValue),
}

/// `jaeger.api_v2.metrics.GaugeValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GaugeValue {
    #[prost(oneof = "GaugeValueValue", tags = "1, 2")]
    pub value: Option<GaugeValueValue>,
}

/// The arms of [`GaugeValue`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum GaugeValueValue {
    #[prost(double, tag = "1")]
    Double(f64),
    #[prost(int64, tag = "2")]
    Int(i64),
}
