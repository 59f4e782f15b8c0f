//! From a span of version 1 to spans of version 2, one for each service that reported to it.
//!
//! The rules are Zipkin's own, which grew with its clients: which side owns the times, what a missing half means, whose
//! address an address is. Unlike there, what has no better place stays as an annotation.

use super::super::endpoint::Endpoint;
use super::super::fault::Fault;
use super::super::span::{Annotation, Version, ZipkinSpan};
use super::cores::{Core, Cores};
use super::{V1BinaryAnnotation, V1Span};
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, Refusal, RejectReason};
use crate::draft::{DraftValue, RawText};
use fanal_model::SpanKind;

/// Most services of one span. Two are usual.
const SERVICES_MAX: usize = 100;

/// Converts a span.
pub(super) fn convert(source: V1Span<'_>) -> Result<Vec<ZipkinSpan<'_>>, Fault> {
    let (annotations, tags) = (source.annotations.len(), source.binary_annotations.len());
    if annotations > EVENTS_MAX {
        return Err(Refusal::new(RejectReason::EventCount, annotations).into());
    }
    if tags > ATTRIBUTES_MAX {
        return Err(Refusal::new(RejectReason::AttributeCount, tags).into());
    }
    Conversion::new(source).run()
}

struct Conversion<'a> {
    source: V1Span<'a>,
    /// At least one.
    outputs: Vec<ZipkinSpan<'a>>,
    cores: Cores<'a>,
    /// Outputs of both sides, where there are any. They tell more than the cores where both sides are one service.
    client: Option<usize>,
    server: Option<usize>,
    producer: Option<usize>,
    consumer: Option<usize>,
}

impl<'a> Conversion<'a> {
    fn new(source: V1Span<'a>) -> Self {
        let first = output_of(&source);
        Self {
            source,
            outputs: vec![first],
            cores: Cores::default(),
            client: None,
            server: None,
            producer: None,
            consumer: None,
        }
    }

    fn run(mut self) -> Result<Vec<ZipkinSpan<'a>>, Fault> {
        self.annotations()?;
        self.assume_starts();
        self.call();
        self.message();
        self.lone_ends();
        self.binary_annotations()?;
        Ok(self.outputs)
    }

    /// The output of an endpoint: the one of its service, or the first where none is told.
    fn output(&mut self, endpoint: &Endpoint<'a>) -> Result<usize, Fault> {
        if endpoint.is_empty() {
            return Ok(0);
        }
        for (index, output) in self.outputs.iter_mut().enumerate() {
            if output.local.is_empty() {
                output.local = endpoint.clone();
                return Ok(index);
            }
            if output.local.is_same_service(endpoint) {
                return Ok(index);
            }
        }
        if self.outputs.len() == SERVICES_MAX {
            let text = format!("span has annotations of more than {SERVICES_MAX} services");
            return Err(Fault::malformed(text));
        }
        Ok(self.open(endpoint.clone()))
    }

    /// Opens another output.
    fn open(&mut self, local: Endpoint<'a>) -> usize {
        self.outputs.push(ZipkinSpan { local, ..output_of(&self.source) });
        self.outputs.len() - 1
    }

    fn annotations(&mut self) -> Result<(), Fault> {
        for annotation in std::mem::take(&mut self.source.annotations) {
            let output = self.output(&annotation.endpoint)?;
            match self.cores.take(annotation, output) {
                Ok(SpanKind::Unspecified) => {}
                Ok(kind) => self.outputs[output].kind = kind,
                Err(other) => self.outputs[output].annotations.push(Annotation {
                    timestamp_micros: other.timestamp_micros,
                    value: other.value,
                }),
            }
        }
        Ok(())
    }

    /// Clients that know the start of a span as its timestamp may not write it as an annotation as well.
    fn assume_starts(&mut self) {
        let V1Span { timestamp_micros, duration_micros, .. } = self.source;
        if timestamp_micros == 0 || duration_micros == 0 {
            return;
        }
        let end_micros = timestamp_micros.saturating_add(duration_micros);
        let start = |end: &Option<Core<'a>>| {
            let end = end.as_ref().filter(|end| end.timestamp_micros == end_micros)?;
            Some(Core { timestamp_micros, ..end.clone() })
        };
        let Cores { client_sent, client_received, server_received, server_sent, .. } =
            &mut self.cores;
        *client_sent = client_sent.take().or_else(|| start(client_received));
        *server_received = server_received.take().or_else(|| start(server_sent));
    }

    /// Times of the two sides of a call.
    fn call(&mut self) {
        let Cores { client_sent, client_received, server_received, server_sent, .. } = &self.cores;
        let [sent, received] = [client_sent.clone(), server_received.clone()];
        let [client_end, server_end] = [client_received.clone(), server_sent.clone()];
        match (sent, received) {
            (Some(sent), Some(received)) => {
                let ends = (client_end.as_ref(), server_end.as_ref());
                self.both_sides(&sent, &received, ends);
            }
            (Some(sent), None) if client_end.is_some() => self.time(&sent, client_end.as_ref()),
            (None, Some(received)) if server_end.is_some() => {
                self.time(&received, server_end.as_ref());
            }
            (sent, received) => self.incomplete(sent.or(received).as_ref()),
        }
        let Cores { client_sent, client_received, server_received, server_sent, .. } = &self.cores;
        let output = |core: &Core<'_>| core.output;
        let client = client_sent.as_ref().or(client_received.as_ref()).map(output);
        let server = server_received.as_ref().or(server_sent.as_ref()).map(output);
        (self.client, self.server) = (self.client.or(client), self.server.or(server));
        // Before there was a flag, a server that took its id from the client left the times to it.
        let V1Span { timestamp_micros, duration_micros, .. } = self.source;
        let leaves_times =
            timestamp_micros == 0 || (self.cores.server_sent.is_some() && duration_micros == 0);
        if let (None, Some(received)) = (&self.cores.client_sent, &self.cores.server_received)
            && leaves_times
        {
            self.outputs[received.output].is_shared = true;
        }
    }

    /// The client owns the times of the span, the server has its annotations.
    fn both_sides(
        &mut self,
        sent: &Core<'a>,
        received: &Core<'a>,
        (client_end, server_end): (Option<&Core<'a>>, Option<&Core<'a>>),
    ) {
        self.time(sent, client_end);
        let server = self.other_side(sent, received, [SpanKind::Client, SpanKind::Server]);
        let output = &mut self.outputs[server];
        output.is_shared = true;
        output.timestamp_micros = received.timestamp_micros;
        output.duration_micros = server_end.map_or(0, |end| received.micros_until(end));
        if client_end.is_none() && self.source.duration_micros == 0 {
            self.outputs[sent.output].duration_micros = 0;
        }
        (self.client, self.server) = (Some(sent.output), Some(server));
    }

    /// The output of the answering side. One service that calls itself gets a second output for it.
    fn other_side(&mut self, first: &Core<'a>, second: &Core<'a>, kinds: [SpanKind; 2]) -> usize {
        let output = if first.output == second.output {
            self.open(second.endpoint.clone())
        } else {
            second.output
        };
        self.outputs[first.output].kind = kinds[0];
        self.outputs[output].kind = kinds[1];
        output
    }

    /// A start alone, an end alone, or nothing but a timestamp.
    fn incomplete(&mut self, start: Option<&Core<'a>>) {
        if let Some(start) = start {
            self.outputs[start.output].timestamp_micros = start.timestamp_micros;
        }
        if self.source.timestamp_micros > 0 {
            self.outputs[0].timestamp_micros = self.source.timestamp_micros;
            self.outputs[0].duration_micros = self.source.duration_micros;
        }
    }

    /// Times of the output of `begin`: the span's own where it has both, else those of the annotations.
    fn time(&mut self, begin: &Core<'a>, end: Option<&Core<'a>>) {
        let V1Span { timestamp_micros, duration_micros, .. } = self.source;
        let output = &mut self.outputs[begin.output];
        if timestamp_micros > 0 && duration_micros > 0 {
            (output.timestamp_micros, output.duration_micros) = (timestamp_micros, duration_micros);
            return;
        }
        output.timestamp_micros = begin.timestamp_micros;
        if let Some(end) = end {
            output.duration_micros = begin.micros_until(end);
        }
    }

    /// Times of the two sides of a message.
    fn message(&mut self) {
        let Cores { message_sent, message_received, wire_sent, wire_received, .. } = &self.cores;
        let [sent, received] = [message_sent.clone(), message_received.clone()];
        let [wire_sent, wire_received] = [wire_sent.clone(), wire_received.clone()];
        match (&sent, &received) {
            (Some(sent), Some(received)) => {
                let kinds = [SpanKind::Producer, SpanKind::Consumer];
                let consumer = self.other_side(sent, received, kinds);
                let begin = wire_received.as_ref().unwrap_or(received);
                let output = &mut self.outputs[consumer];
                output.is_shared = true;
                output.timestamp_micros = begin.timestamp_micros;
                output.duration_micros = begin.micros_until(received);
                let output = &mut self.outputs[sent.output];
                output.timestamp_micros = sent.timestamp_micros;
                output.duration_micros = wire_sent.map_or(0, |end| sent.micros_until(&end));
                (self.producer, self.consumer) = (Some(sent.output), Some(consumer));
            }
            (Some(sent), None) => {
                self.time(sent, wire_sent.as_ref());
                self.producer = Some(sent.output);
            }
            (None, Some(received)) => {
                match wire_received {
                    Some(begin) => {
                        let begin = Core { output: received.output, ..begin };
                        self.time(&begin, Some(received));
                    }
                    None => self.time(received, None),
                }
                self.consumer = Some(received.output);
            }
            (None, None) => {}
        }
    }

    /// Ends whose start nobody told are no times; they stay as what they were sent.
    fn lone_ends(&mut self) {
        let Cores { client_sent, client_received, server_received, server_sent, .. } = &self.cores;
        let Cores { message_sent, message_received, wire_sent, wire_received, .. } = &self.cores;
        let pairs = [
            (client_received, client_sent, "cr"),
            (server_sent, server_received, "ss"),
            (wire_sent, message_sent, "ws"),
            (wire_received, message_received, "wr"),
        ];
        for (end, _, value) in pairs.into_iter().filter(|(_, other, _)| other.is_none()) {
            let Some(end) = end else { continue };
            let timestamp_micros = end.timestamp_micros;
            let value = value.as_bytes().into();
            self.outputs[end.output].annotations.push(Annotation { timestamp_micros, value });
        }
    }

    fn binary_annotations(&mut self) -> Result<(), Fault> {
        let (mut client, mut server, mut broker) = (None, None, None);
        for annotation in std::mem::take(&mut self.source.binary_annotations) {
            let place = match address_of(&annotation) {
                Some(Address::Client) => &mut client,
                Some(Address::Server) => &mut server,
                Some(Address::Broker) => &mut broker,
                None => {
                    self.tag(annotation)?;
                    continue;
                }
            };
            *place = Some(annotation.endpoint);
        }
        if self.client.is_none() && self.server.is_none() {
            self.addresses_alone(client, server)?;
        } else {
            self.addresses(client, server);
        }
        for output in [self.producer, self.consumer].into_iter().flatten() {
            if let Some(broker) = &broker {
                self.outputs[output].remote = broker.clone();
            }
        }
        Ok(())
    }

    fn tag(&mut self, annotation: V1BinaryAnnotation<'a>) -> Result<(), Fault> {
        let output = self.output(&annotation.endpoint)?;
        // "Local component" without a name: only its endpoint says something, which the line above took.
        let is_marker = *annotation.key == *b"lc"
            && matches!(&annotation.value, DraftValue::Text(text) if text.is_empty());
        if !is_marker {
            self.outputs[output].tags.push((annotation.key, annotation.value));
        }
        Ok(())
    }

    /// Each address belongs to the other side.
    fn addresses(&mut self, client: Option<Endpoint<'a>>, server: Option<Endpoint<'a>>) {
        if let (Some(mut client), Some(output)) = (client, self.server) {
            let output = &mut self.outputs[output];
            if client != output.local {
                // Some servers write their own service into the address of their client.
                if client.is_same_service(&output.local) {
                    client.service_name = RawText::default();
                }
                output.remote = client;
            }
        }
        if let (Some(server), Some(output)) = (server, self.client) {
            self.outputs[output].remote = server;
        }
    }

    /// Addresses of a span that tells no side by itself.
    fn addresses_alone(
        &mut self,
        client: Option<Endpoint<'a>>,
        server: Option<Endpoint<'a>>,
    ) -> Result<(), Fault> {
        match (client, server) {
            (Some(client), Some(server)) => {
                let output = self.output(&client)?;
                self.outputs[output].remote = server;
            }
            (None, Some(server)) => self.outputs[0].remote = server,
            (Some(client), None) => {
                let output = &mut self.outputs[0];
                if output.kind == SpanKind::Unspecified {
                    output.kind = SpanKind::Server;
                }
                output.remote = client;
            }
            (None, None) => {}
        }
        Ok(())
    }
}

/// An output without times, kind and endpoints.
fn output_of<'a>(source: &V1Span<'a>) -> ZipkinSpan<'a> {
    ZipkinSpan {
        version: Version::One,
        trace_id: source.trace_id,
        id: source.id,
        parent_id: source.parent_id,
        name: source.name.clone(),
        is_debug: source.is_debug,
        ..ZipkinSpan::default()
    }
}

enum Address {
    Client,
    Server,
    Broker,
}

/// Whose address a binary annotation is. By the book its value is a flag; some clients write it as text.
fn address_of(annotation: &V1BinaryAnnotation<'_>) -> Option<Address> {
    let is_set = match &annotation.value {
        DraftValue::Bool(flag) => *flag,
        DraftValue::Text(text) => matches!(&**text, b"1" | b"true"),
        _ => false,
    };
    match &*annotation.key {
        _ if !is_set || annotation.endpoint.is_empty() => None,
        b"ca" => Some(Address::Client),
        b"sa" => Some(Address::Server),
        b"ma" => Some(Address::Broker),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
