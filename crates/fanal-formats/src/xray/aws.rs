//! The object `aws`: of a segment the place where it ran, of a subsegment the call that it made.
//!
//! Used by the walk of segments. What has no name of OpenTelemetry's is kept under `aws.`.

use super::members::{add, members, value};
use crate::draft::{DraftAttribute, DraftValue};
use fanal_model::{ValueRef, nested};
use serde_json::value::RawValue;

/// Names of what tells where a segment ran: the object, its key, the attribute.
const PLACES: [(&str, &str, &str); 15] = [
    ("ec2", "instance_id", "host.id"),
    ("ec2", "availability_zone", "cloud.availability_zone"),
    ("ec2", "instance_size", "host.type"),
    ("ec2", "ami_id", "host.image.id"),
    ("ecs", "container", "container.name"),
    ("ecs", "container_id", "container.id"),
    ("ecs", "container_arn", "aws.ecs.container.arn"),
    ("eks", "cluster_name", "k8s.cluster.name"),
    ("eks", "pod", "k8s.pod.name"),
    ("eks", "container_id", "container.id"),
    ("elastic_beanstalk", "environment_name", "service.namespace"),
    ("elastic_beanstalk", "version_label", "service.version"),
    ("elastic_beanstalk", "deployment_id", "service.instance.id"),
    ("xray", "sdk", "telemetry.sdk.name"),
    ("xray", "sdk_version", "telemetry.sdk.version"),
];

/// Names of what tells of a call.
const CALLS: [(&str, &str); 5] = [
    ("operation", "rpc.method"),
    ("account_id", "cloud.account.id"),
    ("region", "cloud.region"),
    ("request_id", "aws.request_id"),
    ("queue_url", "aws.sqs.queue.url"),
];

/// Reads the object: the place goes to `resource`, everything else to `attributes`. Account and region are the place of a
/// segment, and of a subsegment what it called.
pub(super) fn read<'a>(
    object: &'a RawValue,
    is_segment: bool,
    resource: &mut Vec<DraftAttribute<'a>>,
    attributes: &mut Vec<DraftAttribute<'a>>,
) {
    for (key, raw) in members(Some(object)) {
        match &*key {
            "ec2" | "ecs" | "eks" | "elastic_beanstalk" | "xray" => place(&key, raw, resource),
            "cloudwatch_logs" => logs(raw, resource),
            "account_id" | "region" if is_segment => call(&key, raw, resource),
            "table_name" | "table_names" => tables(raw, attributes),
            _ => call(&key, raw, attributes),
        }
    }
}

fn place<'a>(object: &str, raw: &'a RawValue, into: &mut Vec<DraftAttribute<'a>>) {
    for (key, raw) in members(Some(raw)) {
        let known = PLACES.iter().find(|place| place.0 == object && place.1 == key);
        match known {
            Some((.., name)) => add(*name, raw, into),
            None => add(format!("aws.{object}.{key}"), raw, into),
        }
        if let ("sdk", Some(language)) = (&*key, language(raw)) {
            into.push((b"telemetry.sdk.language".into(), DraftValue::Text(language.into())));
        }
    }
    let is_cloud = object != "xray" && !into.iter().any(|(key, _)| &**key == b"cloud.provider");
    if is_cloud {
        into.push((b"cloud.provider".into(), DraftValue::Text(b"aws".into())));
    }
}

/// The language that the name of an SDK ends with, as in `X-Ray for Python`, in OpenTelemetry's word for it.
fn language(raw: &RawValue) -> Option<Vec<u8>> {
    let Some(DraftValue::Text(name)) = value(raw) else { return None };
    let language = name.strip_prefix(b"X-Ray for ")?.to_ascii_lowercase();
    Some(match &*language {
        b"node.js" => b"nodejs".to_vec(),
        b".net" => b"dotnet".to_vec(),
        _ => language,
    })
}

fn call<'a>(key: &str, raw: &'a RawValue, into: &mut Vec<DraftAttribute<'a>>) {
    match CALLS.iter().find(|(known, _)| *known == key) {
        Some((_, name)) => add(*name, raw, into),
        None => add(format!("aws.{key}"), raw, into),
    }
}

/// One table is a list of one.
fn tables<'a>(raw: &'a RawValue, into: &mut Vec<DraftAttribute<'a>>) {
    let name = b"aws.dynamodb.table_names";
    match value(raw) {
        Some(DraftValue::Text(table)) => {
            let table = String::from_utf8_lossy(&table).into_owned();
            into.push((name.into(), DraftValue::Array(list(&[table]))));
        }
        Some(value) => into.push((name.into(), value)),
        None => {}
    }
}

/// Groups and streams of logs: a list of objects becomes a list for each key.
fn logs<'a>(raw: &'a RawValue, into: &mut Vec<DraftAttribute<'a>>) {
    let logs: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    for (key, name) in [("log_group", "aws.log.group.names"), ("arn", "aws.log.group.arns")] {
        let texts: Vec<String> = logs
            .iter()
            .flat_map(|log| members(Some(log)))
            .filter(|(found, _)| found == key)
            .filter_map(|(_, raw)| serde_json::from_str(raw.get()).ok())
            .collect();
        if !texts.is_empty() {
            into.push((name.as_bytes().into(), DraftValue::Array(list(&texts))));
        }
    }
}

/// A list of texts in the nested encoding.
fn list(texts: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    nested::begin_array(texts.len(), &mut out);
    texts.iter().for_each(|text| nested::encode_ref(ValueRef::String(text), &mut out));
    out
}
