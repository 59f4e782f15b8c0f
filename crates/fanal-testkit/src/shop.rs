//! The shop: services, their processes on hosts, their operations, and who calls whom.
//!
//! Built once from a seed, or by hand for the demo; read by drafts and attributes. A service calls only later ones,
//! so that calls never go round.

use crate::config::GeneratorConfig;
use crate::names::{
    CACHE_COMMANDS, FUNCTIONS, HTTP_SHAPES, RPC_VERBS, SERVICES, STATEMENTS, TOPICS,
};
use crate::random::{Random, Weights};
use fanal_base::cast;
use fanal_model::{Resource, Scope, Value};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) services: Vec<Service>,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Database system, where there is one.
    pub(crate) store: Option<&'static str>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) popularity: Weights,
    pub(crate) processes: Vec<Process>,
    /// HTTP, RPC, database and own code.
    pub(crate) scopes: [Arc<Scope>; 4],
}

/// What a service offers.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    /// Median of the time spent in the operation itself, nanoseconds.
    pub(crate) self_nanos: f64,
    pub(crate) calls: Vec<Call>,
    pub(crate) call_weights: Weights,
}

#[derive(Debug)]
pub(crate) enum Protocol {
    Http { method: &'static str, route: String },
    Rpc { service: String, method: &'static str },
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Function(String),
    Statement { verb: &'static str, table: String },
    Cache { command: &'static str, prefix: String },
    Service { service: usize, operation: usize },
    Publish { topic: &'static str, consumer: usize },
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) resource: Arc<Resource>,
    pub(crate) address: String,
    /// How far the clock of its host is ahead, nanoseconds.
    pub(crate) skew_nanos: i64,
}

impl Shop {
    pub(crate) fn generate(config: &GeneratorConfig, random: &mut Random) -> Self {
        let skews = host_skews(config, random);
        let count = config.services.clamp(1, 500);
        let services = (0..count)
            .map(|number| {
                let (name, entity, language, store) = SERVICES[number % SERVICES.len()];
                let name = match number / SERVICES.len() {
                    0 => name.to_owned(),
                    round => format!("{name}-{}", round + 1),
                };
                let processes = (0..config.instances_per_service.max(1))
                    .map(|_| process(&name, language, &skews, random))
                    .collect();
                let is_http = number < 2 || matches!(language, "nodejs" | "python" | "ruby");
                let operations = (0..config.operations_per_service.max(1))
                    .map(|index| operation(entity, is_http, index, random))
                    .collect();
                Service::new(name, language, store, processes, operations)
            })
            .collect();
        let mut shop = Self { services };
        shop.connect(random);
        shop
    }

    /// Decides who calls whom.
    fn connect(&mut self, random: &mut Random) {
        let offered: Vec<usize> = self.services.iter().map(|it| it.operations.len()).collect();
        for (number, service) in self.services.iter_mut().enumerate() {
            let (_, entity, _, _) = SERVICES[number % SERVICES.len()];
            let later = cast::wide(offered.len() - number - 1);
            for operation in &mut service.operations {
                for _ in 0..random.between(3, 6) {
                    let call = match random.below(10) {
                        0..=4 if later > 0 => {
                            // Near ones are preferred: a layered system, not a mesh.
                            let distance = random.below(later).min(random.below(later));
                            let target = number + 1 + cast::size(distance);
                            let operation = random.index(offered[target]);
                            Call::Service { service: target, operation }
                        }
                        5 if later > 0 => Call::Publish {
                            topic: random.pick(&TOPICS),
                            consumer: number + 1 + cast::size(random.below(later)),
                        },
                        9 => Call::Function(format!("{entity}.{}", random.pick(&FUNCTIONS))),
                        0..=7 if service.store.is_some() => Call::Statement {
                            verb: random.pick(&STATEMENTS),
                            table: format!("{entity}s"),
                        },
                        _ => Call::Cache {
                            command: random.pick(&CACHE_COMMANDS),
                            prefix: entity.to_owned(),
                        },
                    };
                    operation.calls.push(call);
                }
                operation.call_weights = Weights::zipf(operation.calls.len());
            }
        }
    }
}

impl Service {
    pub(crate) fn new(
        name: String,
        language: &str,
        store: Option<&'static str>,
        processes: Vec<Process>,
        operations: Vec<Operation>,
    ) -> Self {
        let popularity = Weights::zipf(operations.len());
        let scope = |library: &str, version: &str| {
            Arc::new(Scope {
                name: format!("io.opentelemetry.{language}.{library}"),
                version: version.to_owned(),
                ..Scope::default()
            })
        };
        let scopes = [
            scope("http", "2.18.1"),
            scope("grpc", "2.18.1"),
            scope("db", "2.16.0"),
            Arc::new(Scope { name: format!("shop.{name}"), ..Scope::default() }),
        ];
        Self { name, store, operations, popularity, processes, scopes }
    }
}

impl Operation {
    pub(crate) fn http(method: &'static str, route: String, self_nanos: f64) -> Self {
        let name = format!("{method} {route}");
        Self::new(name, Protocol::Http { method, route }, self_nanos)
    }

    pub(crate) fn rpc(service: String, method: &'static str, self_nanos: f64) -> Self {
        let name = format!("{service}/{method}");
        Self::new(name, Protocol::Rpc { service, method }, self_nanos)
    }

    fn new(name: String, protocol: Protocol, self_nanos: f64) -> Self {
        let call_weights = Weights::default();
        Self { name, protocol, self_nanos, calls: Vec::new(), call_weights }
    }
}

fn operation(entity: &str, is_http: bool, index: usize, random: &mut Random) -> Operation {
    let self_nanos = cast::figure(random.log_normal(1_500_000.0, 1.0));
    let round = index / HTTP_SHAPES.len();
    let suffix = if round == 0 { String::new() } else { format!("{}", round + 1) };
    if is_http {
        let (method, rest) = HTTP_SHAPES[index % HTTP_SHAPES.len()];
        Operation::http(method, format!("/api/{entity}s{suffix}{rest}"), self_nanos)
    } else {
        let (first, others) = entity.split_at(1);
        let service = format!("shop.v1.{}{others}{suffix}Service", first.to_uppercase());
        Operation::rpc(service, RPC_VERBS[index % RPC_VERBS.len()], self_nanos)
    }
}

fn host_skews(config: &GeneratorConfig, random: &mut Random) -> Vec<i64> {
    (0..config.hosts.max(1))
        .map(|_| {
            let is_skewed = random.chance(config.skew_probability);
            let amount = i64::try_from(random.below(config.skew_max_nanos)).unwrap_or(0);
            let sign = if random.chance(0.5) { 1 } else { -1 };
            if is_skewed { sign * amount } else { 0 }
        })
        .collect()
}

/// A process on one of the hosts, whose clock skews are given.
pub(crate) fn process(name: &str, language: &str, skews: &[i64], random: &mut Random) -> Process {
    let host = random.index(skews.len());
    let pod = format!("{name}-{}-{}", random.hex(9), random.hex(5));
    let address = format!("10.{}.{}.{}", 40 + host % 16, random.below(256), random.between(2, 254));
    let text = |value: &str| Value::String(value.to_owned());
    let version = format!("{}.{}.{}", random.between(1, 4), random.below(20), random.below(8));
    let instance = random.hex(16);
    let attributes = [
        ("service.name", text(name)),
        ("service.version", text(&version)),
        ("service.instance.id", text(&instance)),
        ("service.namespace", text("shop")),
        ("deployment.environment.name", text("production")),
        ("telemetry.sdk.language", text(language)),
        ("host.name", Value::String(format!("node-{host:03}"))),
        ("k8s.pod.name", Value::String(pod)),
        ("k8s.namespace.name", text("shop")),
        ("process.pid", Value::Int(i64::try_from(random.between(1, 60_000)).unwrap_or(1))),
    ];
    let attributes = attributes.map(|(key, value)| (key.to_owned(), value)).into();
    let resource = Arc::new(Resource { attributes, ..Resource::default() });
    Process { resource, address, skew_nanos: skews.get(host).copied().unwrap_or(0) }
}
