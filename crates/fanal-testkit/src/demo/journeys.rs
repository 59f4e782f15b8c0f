//! What visitors of the demo's shop do, as trees of steps. Pure data.

use fanal_model::SpanKind;

/// What a visitor does.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) weight: u64,
    pub(super) root: Step,
    pub(super) fault: Option<Fault>,
}

/// Something that goes wrong in the step of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) at: &'static str,
    /// Factor on the step's own work.
    pub(super) slower: u64,
    /// Text of the failure, if it fails.
    pub(super) failure: Option<&'static str>,
}

/// One span of the plan, with what it calls.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: SpanKind,
    /// Median of the step's own work, microseconds.
    pub(super) work_micros: f64,
    pub(super) attributes: &'static [(&'static str, Attribute)],
    pub(super) is_parallel: bool,
    pub(super) calls: &'static [Call],
}

/// A call of a step.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) step: Step,
    pub(super) times: usize,
    /// Whether the caller goes on without it.
    pub(super) is_optional: bool,
}

/// How an attribute gets its value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    Text(&'static str),
    Int(i64),
    /// True with a probability.
    Flag(f64),
    OneOf(&'static [&'static str]),
    Hex(usize),
    Between(u64, u64),
    Money,
}

use Attribute::{Between, Flag, Hex, Int, Money, OneOf, Text};

const fn server(
    service: &'static str,
    name: &'static str,
    work_micros: f64,
    attributes: &'static [(&'static str, Attribute)],
    calls: &'static [Call],
) -> Step {
    Step {
        service,
        name,
        kind: SpanKind::Server,
        work_micros,
        attributes,
        is_parallel: false,
        calls,
    }
}

const fn query(
    service: &'static str,
    name: &'static str,
    work_micros: f64,
    text: &'static str,
) -> Step {
    // A closure cannot be const, so each text has its own row in the table below.
    let attributes: &'static [(&'static str, Attribute)] = match text.as_bytes()[0] {
        b'S' => &[
            ("db.system.name", Text("postgresql")),
            ("db.operation.name", Text("SELECT")),
            ("db.response.returned_rows", Between(1, 40)),
            ("server.address", Text("db.shop.internal")),
        ],
        b'I' => &[
            ("db.system.name", Text("postgresql")),
            ("db.operation.name", Text("INSERT")),
            ("server.address", Text("db.shop.internal")),
        ],
        _ => &[
            ("db.system.name", Text("redis")),
            ("db.operation.name", Text("GET")),
            ("cache.hit", Flag(0.9)),
            ("server.address", Text("cache.shop.internal")),
        ],
    };
    Step {
        service,
        name,
        kind: SpanKind::Client,
        work_micros,
        attributes,
        is_parallel: false,
        calls: &[],
    }
}

const fn once(step: Step) -> Call {
    Call { step, times: 1, is_optional: false }
}

const CURRENCIES: &[&str] = &["EUR", "USD", "GBP", "JPY"];
const TIERS: &[&str] = &["basic", "silver", "gold"];

const PRODUCTS: Step = server(
    "catalog",
    "catalog.ListProducts",
    900.0,
    &[("shop.category", OneOf(&["lamps", "lenses", "wicks", "oil"])), ("shop.page", Between(1, 9))],
    &[
        once(query("catalog", "GET products", 180.0, "GET")),
        once(query("catalog", "SELECT products", 2400.0, "SELECT")),
    ],
);

const ADS: Step = server("ads", "ads.Pick", 700.0, &[("shop.ads.count", Between(1, 4))], &[]);

const RECOMMENDATIONS: Step = server(
    "recommendations",
    "recommendations.List",
    4200.0,
    &[("shop.model.version", Text("2026-10")), ("shop.model.candidates", Between(20, 400))],
    &[once(query("recommendations", "GET features", 210.0, "GET"))],
);

const BROWSE: Step = Step {
    service: "frontend",
    name: "GET /products",
    kind: SpanKind::Server,
    work_micros: 2600.0,
    attributes: &[
        ("http.request.method", Text("GET")),
        ("http.route", Text("/products")),
        ("http.response.status_code", Int(200)),
        ("user.id", Hex(8)),
        ("user.tier", OneOf(TIERS)),
        ("shop.mobile", Flag(0.6)),
    ],
    is_parallel: true,
    calls: &[
        once(PRODUCTS),
        Call { step: ADS, times: 1, is_optional: true },
        Call { step: RECOMMENDATIONS, times: 1, is_optional: true },
    ],
};

const CART: Step = server(
    "cart",
    "cart.Add",
    600.0,
    &[("shop.cart.items", Between(1, 12))],
    &[
        once(query("cart", "GET cart", 160.0, "GET")),
        once(query("cart", "INSERT cart_item", 1300.0, "INSERT")),
    ],
);

const ADD_TO_CART: Step = server(
    "frontend",
    "POST /cart",
    1400.0,
    &[
        ("http.request.method", Text("POST")),
        ("http.route", Text("/cart")),
        ("http.response.status_code", Int(201)),
        ("user.id", Hex(8)),
        ("user.tier", OneOf(TIERS)),
    ],
    &[once(CART)],
);

const CHARGE: Step = server(
    "payment",
    "payment.Charge",
    38_000.0,
    &[
        ("payment.amount", Money),
        ("payment.currency", OneOf(CURRENCIES)),
        ("payment.card", OneOf(&["visa", "mastercard", "amex"])),
        ("payment.three_d_secure", Flag(0.3)),
    ],
    &[once(query("payment", "INSERT charge", 1900.0, "INSERT"))],
);

const SHIP: Step = server(
    "shipping",
    "shipping.Quote",
    3100.0,
    &[
        ("shop.country", OneOf(&["DE", "FR", "US", "JP", "BR"])),
        ("shop.parcel.grams", Between(120, 9000)),
    ],
    &[],
);

const PUBLISH: Step = Step {
    service: "checkout",
    name: "orders publish",
    kind: SpanKind::Producer,
    work_micros: 500.0,
    attributes: &[
        ("messaging.system", Text("kafka")),
        ("messaging.destination.name", Text("orders")),
        ("messaging.message.id", Hex(16)),
    ],
    is_parallel: false,
    calls: &[once(Step {
        service: "fulfilment",
        name: "orders process",
        kind: SpanKind::Consumer,
        work_micros: 5200.0,
        attributes: &[
            ("messaging.system", Text("kafka")),
            ("messaging.destination.name", Text("orders")),
        ],
        is_parallel: false,
        calls: &[once(query("fulfilment", "INSERT order", 2200.0, "INSERT"))],
    })],
};

const PLACE_ORDER: Step = server(
    "checkout",
    "checkout.PlaceOrder",
    2300.0,
    &[
        ("shop.order.id", Hex(12)),
        ("shop.order.items", Between(1, 12)),
        ("user.tier", OneOf(TIERS)),
    ],
    &[once(CART_READ), once(SHIP), once(CHARGE), once(PUBLISH)],
);

const CART_READ: Step = server(
    "cart",
    "cart.Get",
    400.0,
    &[("shop.cart.items", Between(1, 12))],
    &[once(query("cart", "GET cart", 160.0, "GET"))],
);

const CHECKOUT: Step = server(
    "frontend",
    "POST /checkout",
    1800.0,
    &[
        ("http.request.method", Text("POST")),
        ("http.route", Text("/checkout")),
        ("user.id", Hex(8)),
        ("user.tier", OneOf(TIERS)),
        ("payment.currency", OneOf(CURRENCIES)),
    ],
    &[once(PLACE_ORDER)],
);

const ORDERS: Step = server(
    "frontend",
    "GET /orders",
    1500.0,
    &[
        ("http.request.method", Text("GET")),
        ("http.route", Text("/orders")),
        ("http.response.status_code", Int(200)),
        ("user.id", Hex(8)),
    ],
    &[once(server(
        "orders",
        "orders.History",
        900.0,
        &[("shop.orders", Int(40))],
        &[
            once(query("orders", "SELECT orders", 2100.0, "SELECT")),
            Call {
                step: query("orders", "SELECT order_item", 700.0, "SELECT"),
                times: 40,
                is_optional: false,
            },
        ],
    ))],
);

/// What visitors do, and how often.
pub(super) const JOURNEYS: &[Journey] = &[
    Journey { weight: 50, root: BROWSE, fault: None },
    Journey { weight: 20, root: ADD_TO_CART, fault: None },
    Journey { weight: 14, root: CHECKOUT, fault: None },
    Journey { weight: 8, root: ORDERS, fault: None },
    Journey {
        weight: 3,
        root: CHECKOUT,
        fault: Some(Fault { at: "payment.Charge", slower: 40, failure: None }),
    },
    Journey {
        weight: 2,
        root: CHECKOUT,
        fault: Some(Fault {
            at: "payment.Charge",
            slower: 1,
            failure: Some("card refused by issuer"),
        }),
    },
    Journey {
        weight: 3,
        root: BROWSE,
        fault: Some(Fault {
            at: "recommendations.List",
            slower: 3,
            failure: Some("feature store timed out"),
        }),
    },
];
