//! `GET /sampling?service=NAME`, which is answered on every path, as by Jaeger.
//!
//! Clients look at the status alone: with 400 and above they keep what they were told before and ask again.

use super::{Encoding, answer};
use crate::ingest::Ingest;
use crate::listen::{self, Drained};
use crate::post::{discard_early, text};
use crate::refusal::{GrpcCode, Refusal};
use crate::registry::{Door, Receiver, Serve};
use crate::unary;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use fanal_pipeline::RequestRejection;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use tokio::net::TcpListener;

/// The receiver.
pub(crate) const HTTP: Receiver = Receiver {
    name: NAME,
    description: "Remote sampling over HTTP, as of a Jaeger agent or collector",
    setting: "sampling.http_address",
    default_address: "127.0.0.1:5778",
    is_essential: false,
    serve: Serve::Tcp(|listener, door| Box::pin(serve(listener, door))),
};

const NAME: &str = "sampling_http";

/// Where old clients ask which baggage they may set. None is restricted.
const BAGGAGE_PATH: &str = "/baggageRestrictions";

async fn serve(listener: TcpListener, door: Door) -> Drained {
    let ingest = Ingest::new(door.pipeline, door.config.requests, NAME);
    let router = Router::new().fallback(every_path).with_state(ingest);
    listen::serve(listener, NAME, router, door.config.listen, door.shutdown).await
}

async fn every_path(State(ingest): State<Ingest>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    ingest.began();
    if unary::is_call(&parts.headers) {
        let message =
            "this is the HTTP port of remote sampling; gRPC is on 5779 and 14250 by default";
        let refusal = Refusal::lasting(RequestRejection::Unsupported, message);
        ingest.refused(&refusal);
        return unary::failure(GrpcCode::Unimplemented, &refusal.message, &[]);
    }
    discard_early(&parts, body).await;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return wrong_method(&ingest, &parts.method);
    }
    let service = match asked_service(&parts.uri) {
        Ok(service) => service,
        Err(message) => {
            let refusal = Refusal::lasting(RequestRejection::Invalid, message);
            ingest.refused(&refusal);
            return text(refusal.http_status(), refusal.message);
        }
    };
    if parts.uri.path() == BAGGAGE_PATH {
        return json(b"[]".to_vec());
    }
    json(answer(&ingest.pipeline, &service, Encoding::Json))
}

/// The one service that the parameters name.
fn asked_service(uri: &Uri) -> Result<String, String> {
    let parameters = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let parameters = parameters.map_or_else(|_| Vec::new(), |Query(parameters)| parameters);
    let mut services =
        parameters.into_iter().filter(|(name, _)| name == "service").map(|(_, service)| service);
    match (services.next(), services.count()) {
        (Some(service), 0) => Ok(service),
        (first, more) => {
            let times = more + usize::from(first.is_some());
            Err(format!(
                "parameter `service` must be given once and is given {times} times; \
                 ask as in /sampling?service=checkout"
            ))
        }
    }
}

fn wrong_method(ingest: &Ingest, method: &Method) -> Response {
    let message = format!("{method} is not answered here; ask with GET /sampling?service=NAME");
    ingest.refused(&Refusal::lasting(RequestRejection::Invalid, message.clone()));
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn json(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_service_is_asked_for() {
        let check = |uri: &str, expect: Result<&str, &str>| {
            let asked = asked_service(&uri.parse().expect("a uri"));
            match expect {
                Ok(service) => assert_eq!(asked.as_deref(), Ok(service), "{uri}"),
                Err(words) => assert!(asked.is_err_and(|text| text.contains(words)), "{uri}"),
            }
        };
        check("/sampling?service=shop", Ok("shop"));
        check("/?x=1&service=a%20b+c&y", Ok("a b c"));
        check("/sampling?service=", Ok(""));
        check("/sampling", Err("given 0 times"));
        check("/sampling?Service=shop", Err("given 0 times"));
        check("/sampling?service=a&service=a", Err("given 2 times"));
    }
}
