// Sends one trace through the OpenTracing API, over OpenTelemetry's shim. Usage: node shim.mjs EXPORTER ENDPOINT SERVICE
import { TracerShim } from "@opentelemetry/shim-opentracing";
import opentracing from "opentracing";
import { start } from "./sdk.mjs";

const [kind, endpoint, service] = process.argv.slice(2);
const { provider, names } = start(kind, endpoint, service);
const tracer = new TracerShim(provider.getTracer("opentracing-shim"));

const checkout = tracer.startSpan("checkout", { tags: { "span.kind": "server", "shop.note": "grüße ☕" } });
const pay = tracer.startSpan("pay", { childOf: checkout });
pay.addTags({ "span.kind": "client", "shop.items": 3, "shop.ratio": 0.25, "shop.paid": true, error: true });
pay.log({ event: "charged", amount: 12.5, tries: 2 });
pay.finish();
const follows = opentracing.followsFrom(pay.context());
const receipt = tracer.startSpan("receipt", { references: [follows, opentracing.childOf(checkout.context())] });
receipt.finish();
checkout.finish();
await provider.shutdown();
console.log(JSON.stringify(names));
