//! Names and attributes of spans after the OpenTelemetry semantic conventions, 8 to 14 a span.

use crate::draft::{Draft, Step, int, part};
use crate::names::{FEATURES, USER_AGENTS};
use crate::random::Random;
use crate::shop::{Operation, Process, Protocol, Shop};
use crate::span::Attributes;
use fanal_model::Value;

/// Who caused a trace; the same on all its spans.
#[derive(Debug)]
pub(crate) struct Visitor {
    user_id: String,
    session_id: String,
    entity_id: String,
    address: String,
    user_agent: &'static str,
}

/// What the attributes of a span follow from.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) shop: &'a Shop,
    pub(crate) draft: &'a Draft<'a>,
    pub(crate) process: &'a Process,
    /// The process of the parent.
    pub(crate) peer: Option<&'a Process>,
    pub(crate) visitor: &'a Visitor,
}

impl Visitor {
    pub(crate) fn draw(users: u64, random: &mut Random) -> Self {
        Self {
            user_id: format!("user-{:08}", random.below(users.max(1))),
            session_id: random.hex(16),
            entity_id: format!("{}", random.between(10_000_000, 99_999_999)),
            address: format!("198.51.{}.{}", random.below(256), random.between(1, 254)),
            user_agent: random.pick(&USER_AGENTS),
        }
    }
}

/// Name of the span.
pub(crate) fn span_name(draft: &Draft<'_>) -> String {
    match draft.step {
        Step::Serve(operation) => operation.name.clone(),
        Step::CallOut(_, operation) => match &operation.protocol {
            Protocol::Http { method, .. } => (*method).to_owned(),
            Protocol::Rpc { .. } => operation.name.clone(),
        },
        Step::Statement(verb, table) => format!("{verb} {table}"),
        Step::Cache(command, _) => command.to_owned(),
        Step::Publish(topic) => format!("send {topic}"),
        Step::Consume(topic) => format!("process {topic}"),
        Step::Function(name) => name.to_owned(),
    }
}

/// Which of the service's scopes made the span.
pub(crate) fn scope_index(draft: &Draft<'_>) -> usize {
    match draft.step {
        Step::Serve(operation) | Step::CallOut(_, operation) => match operation.protocol {
            Protocol::Http { .. } => 0,
            Protocol::Rpc { .. } => 1,
        },
        Step::Statement(..) | Step::Cache(..) => 2,
        Step::Publish(_) | Step::Consume(_) | Step::Function(_) => 3,
    }
}

/// Attributes of the span.
pub(crate) fn of(scene: &Scene<'_>, random: &mut Random) -> Attributes {
    let mut attributes = match scene.draft.step {
        Step::Serve(operation) => serve(scene, operation, random),
        Step::CallOut(service, operation) => call_out(scene, service, operation, random),
        Step::Statement(verb, table) => statement(scene, verb, table, random),
        Step::Cache(command, prefix) => cache(scene, command, prefix, random),
        Step::Publish(topic) => message(topic, "send", random),
        Step::Consume(topic) => message(topic, "process", random),
        Step::Function(name) => function(scene, name, random),
    };
    if scene.draft.parent.is_some() {
        attributes.push(("thread.id", int(random.between(1, 64))));
        attributes.push(("thread.name", Value::String(format!("worker-{}", random.below(32)))));
    }
    if let Some(failure) = scene.draft.failure {
        attributes.push(("error.type", text(failure.exception)));
    }
    attributes.extend(rarities(random).into_iter().take(14_usize.saturating_sub(attributes.len())));
    attributes
}

/// What few spans say.
fn rarities(random: &mut Random) -> Attributes {
    let mut attributes = Attributes::new();
    if random.chance(0.05) {
        let flags = (0..random.between(1, 3)).map(|_| text(random.pick(&FEATURES))).collect();
        attributes.push(("app.features", Value::Array(flags)));
    }
    if random.chance(0.1) {
        attributes.push(("app.is_canary", Value::Bool(random.chance(0.2))));
    }
    attributes
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn serve(scene: &Scene<'_>, operation: &Operation, random: &mut Random) -> Attributes {
    let visitor = scene.visitor;
    let peer = scene.peer.map_or(&*visitor.address, |peer| &*peer.address);
    let mut attributes = protocol(scene, operation, random);
    attributes.push(("server.address", text(&service_host(scene, scene.draft.service))));
    attributes.push(("network.peer.address", text(peer)));
    attributes.push(("network.peer.port", int(random.between(32_768, 60_999))));
    attributes.push(("user.id", text(&visitor.user_id)));
    if scene.draft.parent.is_none() {
        attributes.push(("session.id", text(&visitor.session_id)));
        attributes.push(("client.address", text(&visitor.address)));
        attributes.push(("user_agent.original", text(visitor.user_agent)));
    }
    attributes
}

fn call_out(
    scene: &Scene<'_>,
    service: usize,
    operation: &Operation,
    random: &mut Random,
) -> Attributes {
    let mut attributes = protocol(scene, operation, random);
    let processes = &scene.shop.services[service].processes;
    attributes.push(("server.address", text(&service_host(scene, service))));
    attributes.push(("server.port", Value::Int(8080)));
    attributes
        .push(("network.peer.address", text(&processes[random.index(processes.len())].address)));
    attributes.push(("network.peer.port", Value::Int(8080)));
    attributes
}

fn service_host(scene: &Scene<'_>, service: usize) -> String {
    format!("{}.shop.svc.cluster.local", scene.shop.services[service].name)
}

/// What both sides of a call say.
fn protocol(scene: &Scene<'_>, operation: &Operation, random: &mut Random) -> Attributes {
    let failure = scene.draft.failure;
    match &operation.protocol {
        Protocol::Http { method, route } => {
            let good = if *method == "POST" { 201 } else { 200 };
            let is_server = matches!(scene.draft.step, Step::Serve(_));
            let path = route.replace("{id}", &scene.visitor.entity_id);
            let mut attributes = vec![
                ("http.request.method", text(method)),
                ("http.response.status_code", Value::Int(failure.map_or(good, |f| f.http_status))),
                ("url.scheme", text("https")),
                ("http.response.body.size", int(random.log_normal(2_000.0, 1.0))),
            ];
            if is_server {
                attributes.push(("url.path", text(&path)));
                attributes.push(("http.route", text(route)));
            } else {
                let Step::CallOut(service, _) = scene.draft.step else { return attributes };
                let host = service_host(scene, service);
                attributes.push(("url.full", Value::String(format!("https://{host}{path}"))));
            }
            attributes
        }
        Protocol::Rpc { service, method } => vec![
            ("rpc.system", text("grpc")),
            ("rpc.service", text(service)),
            ("rpc.method", text(method)),
            ("rpc.grpc.status_code", Value::Int(failure.map_or(0, |f| f.grpc_status))),
            ("network.transport", text("tcp")),
            ("rpc.message.size", int(random.log_normal(600.0, 1.0))),
        ],
    }
}

fn statement(
    scene: &Scene<'_>,
    verb: &'static str,
    table: &str,
    random: &mut Random,
) -> Attributes {
    let service = &scene.shop.services[scene.draft.service];
    let system = service.store.unwrap_or("postgresql");
    // MySQL's driver sends literals, the others parameters.
    let id = if system == "mysql" { &scene.visitor.entity_id } else { "$1" };
    let query = match verb {
        "SELECT" => format!("SELECT id, state, amount, updated_at FROM {table} WHERE id = {id}"),
        "INSERT" => format!("INSERT INTO {table} (id, state, amount) VALUES ({id}, $2, $3)"),
        "UPDATE" => format!("UPDATE {table} SET state = $2, updated_at = now() WHERE id = {id}"),
        _ => format!("DELETE FROM {table} WHERE id = {id}"),
    };
    vec![
        ("db.system.name", text(system)),
        ("db.namespace", text(&service.name)),
        ("db.collection.name", text(table)),
        ("db.operation.name", text(verb)),
        ("db.query.text", Value::String(query)),
        ("db.response.returned_rows", int(random.log_normal(3.0, 1.5))),
        ("server.address", Value::String(format!("{system}-{}.db.internal", service.name))),
        ("server.port", Value::Int(5432)),
        ("app.pool.utilization", part(random.below(1_000), 1_000)),
    ]
}

fn cache(
    scene: &Scene<'_>,
    command: &'static str,
    prefix: &str,
    random: &mut Random,
) -> Attributes {
    let key = format!("{command} {prefix}:{}", scene.visitor.session_id);
    vec![
        ("db.system.name", text("redis")),
        ("db.namespace", text("0")),
        ("db.operation.name", text(command)),
        ("db.query.text", Value::String(key)),
        ("server.address", text("redis.cache.internal")),
        ("server.port", Value::Int(6379)),
        ("network.peer.address", text("10.60.0.17")),
        ("cache.hit", Value::Bool(random.chance(0.85))),
        ("cache.ttl_seconds", Value::Float(300.0)),
    ]
}

fn message(topic: &'static str, action: &str, random: &mut Random) -> Attributes {
    vec![
        ("messaging.system", text("kafka")),
        ("messaging.destination.name", text(topic)),
        ("messaging.operation.name", text(action)),
        ("messaging.operation.type", text(action)),
        ("messaging.message.id", Value::String(random.hex(32))),
        ("messaging.destination.partition.id", Value::String(random.below(24).to_string())),
        ("messaging.kafka.offset", int(random.below(5_000_000))),
        ("messaging.message.body.size", int(random.log_normal(900.0, 0.8))),
        ("messaging.client.id", text("shop-events")),
        ("server.address", text("kafka.shop.internal")),
    ]
}

fn function(scene: &Scene<'_>, name: &str, random: &mut Random) -> Attributes {
    let service = &scene.shop.services[scene.draft.service].name;
    vec![
        ("code.function.name", text(name)),
        ("code.file.path", Value::String(format!("src/{service}/{}", name.replace('.', "/")))),
        ("code.line.number", int(random.between(10, 400))),
        ("app.items.count", int(random.log_normal(4.0, 0.9))),
        ("app.score", part(random.below(100_000), 100_000)),
        ("app.is_cached", Value::Bool(random.chance(0.5))),
        ("user.id", text(&scene.visitor.user_id)),
    ]
}
