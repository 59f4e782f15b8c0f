//! Remote sampling through real sockets.

mod grpc;
mod http;

/// Strategies of every kind.
const FILE: &[u8] = br#"{
    "default_strategy": {"type": "probabilistic", "param": 0.5},
    "service_strategies": [
        {"service": "rated", "type": "ratelimiting", "param": 5},
        {"service": "by operation", "type": "probabilistic", "param": 0.5, "operation_strategies": [
            {"operation": "op1", "type": "probabilistic", "param": 0.25}
        ]}
    ]
}"#;
