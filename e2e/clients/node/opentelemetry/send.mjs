// Sends one trace with OpenTelemetry's SDK. Usage: node send.mjs EXPORTER ENDPOINT SERVICE
import { SpanKind, SpanStatusCode, createTraceState } from "@opentelemetry/api";
import { start } from "./sdk.mjs";

const [kind, endpoint, service] = process.argv.slice(2);
const { provider, names } = start(kind, endpoint, service);
const tracer = provider.getTracer("shop", "1.2.3");

tracer.startActiveSpan("checkout", { kind: SpanKind.SERVER }, (checkout) => {
  checkout.setAttributes({ "shop.tags": ["new", "gift"], "shop.note": "grüße ☕", "shop.counts": [1, 2] });
  const context = {
    traceId: "00000000000000070000000000000007",
    spanId: "0000000000000009",
    traceFlags: 1,
    isRemote: true,
    traceState: createTraceState("rojo=00f067aa0ba902b7"),
  };
  const options = { kind: SpanKind.CLIENT, links: [{ context, attributes: { why: "retry" } }] };
  tracer.startActiveSpan("pay", options, (pay) => {
    pay.setAttributes({ "shop.items": 3, "shop.ratio": 0.25, "shop.paid": true, "shop.user": "ann" });
    pay.addEvent("charged", { amount: 12.5, tries: 2 });
    pay.setStatus({ code: SpanStatusCode.ERROR, message: "card refused" });
    pay.end();
  });
  tracer.startActiveSpan("receipt", { kind: SpanKind.PRODUCER }, (receipt) => {
    receipt.setStatus({ code: SpanStatusCode.OK });
    receipt.end();
  });
  checkout.end();
});
await provider.shutdown();
console.log(JSON.stringify(names));
