//! The words of the shop: services, verbs, clients, failures. Order is popularity: earlier entries are drawn more often.

/// A service: name, what it keeps, language of its code, its database.
pub(crate) type ServiceName = (&'static str, &'static str, &'static str, Option<&'static str>);

/// The services; a service calls only later ones.
pub(crate) const SERVICES: [ServiceName; 20] = [
    ("frontend", "page", "nodejs", None),
    ("api-gateway", "session", "go", None),
    ("checkout", "checkout", "java", Some("postgresql")),
    ("cart", "cart", "dotnet", Some("postgresql")),
    ("recommendation", "recommendation", "python", None),
    ("search", "query", "java", Some("opensearch")),
    ("account", "account", "java", Some("postgresql")),
    ("order", "order", "java", Some("mysql")),
    ("catalog", "product", "go", Some("postgresql")),
    ("payment", "payment", "java", Some("postgresql")),
    ("promotion", "promotion", "python", Some("mongodb")),
    ("pricing", "price", "go", None),
    ("shipping", "shipment", "rust", Some("mysql")),
    ("inventory", "stock", "go", Some("postgresql")),
    ("review", "review", "python", Some("mongodb")),
    ("advertisement", "ad", "java", None),
    ("currency", "rate", "cpp", None),
    ("fraud-detection", "assessment", "java", Some("postgresql")),
    ("email", "message", "ruby", None),
    ("notification", "notification", "nodejs", Some("mongodb")),
];

/// Shapes of HTTP operations: method, and what follows the collection's path.
pub(crate) const HTTP_SHAPES: [(&str, &str); 10] = [
    ("GET", "/{id}"),
    ("GET", ""),
    ("POST", ""),
    ("PUT", "/{id}"),
    ("POST", "/{id}/validate"),
    ("DELETE", "/{id}"),
    ("GET", "/{id}/history"),
    ("POST", "/search"),
    ("PATCH", "/{id}"),
    ("GET", "/{id}/summary"),
];

/// Verbs of remote procedures.
pub(crate) const RPC_VERBS: [&str; 10] = [
    "Get", "List", "Create", "Update", "Validate", "Delete", "Search", "Reserve", "Refresh",
    "Estimate",
];

/// Functions inside a process.
pub(crate) const FUNCTIONS: [&str; 10] = [
    "authorize",
    "validate",
    "render",
    "serialize",
    "applyRules",
    "merge",
    "resolve",
    "enrich",
    "rank",
    "audit",
];

/// Verbs of statements.
pub(crate) const STATEMENTS: [&str; 5] = ["SELECT", "SELECT", "INSERT", "UPDATE", "DELETE"];

/// Commands of the cache.
pub(crate) const CACHE_COMMANDS: [&str; 4] = ["GET", "SET", "HGETALL", "EXPIRE"];

/// Topics on which events are published.
pub(crate) const TOPICS: [&str; 4] =
    ["orders.placed", "stock.changed", "payments.settled", "users.activity"];

/// Browsers and other clients.
pub(crate) const USER_AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/138.0.0.0 Mobile",
    "shop-android/7.12.3 (okhttp 5.1.0)",
    "curl/8.14.1",
];

/// Feature flags that a span may list.
pub(crate) const FEATURES: [&str; 5] =
    ["new-cart", "one-click", "dark-prices", "fast-search", "gift-wrap"];

/// A way to fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `exception.type`, and `error.type` of calls that have no status code.
    pub(crate) exception: &'static str,
    /// `exception.message` and the status text.
    pub(crate) message: &'static str,
    /// HTTP status code of a server that fails so.
    pub(crate) http_status: i64,
    /// gRPC status code of a server that fails so.
    pub(crate) grpc_status: i64,
}

/// The ways to fail.
pub(crate) const FAILURES: [Failure; 5] = [
    Failure {
        exception: "java.net.SocketTimeoutException",
        message: "read timed out after 2000 ms",
        http_status: 504,
        grpc_status: 4,
    },
    Failure {
        exception: "IllegalStateException",
        message: "state changed while the request was handled",
        http_status: 500,
        grpc_status: 13,
    },
    Failure {
        exception: "ConnectionRefusedError",
        message: "connect ECONNREFUSED",
        http_status: 503,
        grpc_status: 14,
    },
    Failure {
        exception: "ConstraintViolation",
        message: "duplicate key value violates unique constraint",
        http_status: 409,
        grpc_status: 6,
    },
    Failure {
        exception: "ResourceExhausted",
        message: "no connection left in the pool (size 20, waiting 64)",
        http_status: 503,
        grpc_status: 8,
    },
];

/// What a caller says whose callee failed.
pub(crate) const PROPAGATED: Failure = Failure {
    exception: "UpstreamError",
    message: "upstream call failed",
    http_status: 502,
    grpc_status: 13,
};
