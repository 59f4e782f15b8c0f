// Sends one trace with Jaeger's own client. Usage: node send.mjs udp|http HOST PORT SERVICE 64|128
import jaeger from "jaeger-client";
import opentracing from "opentracing";

const [transport, host, port, service, bits] = process.argv.slice(2);
const reporter =
  transport === "udp"
    ? { agentHost: host, agentPort: Number(port) }
    : { collectorEndpoint: `http://${host}:${port}/api/traces` };
const config = { serviceName: service, sampler: { type: "const", param: 1 }, reporter };
const options = { tags: { "shop.floor": 2 }, traceId128bit: bits === "128" };
const tracer = jaeger.initTracer(config, options);

const start = Date.now();
const checkout = tracer.startSpan("checkout", {
  startTime: start,
  tags: { "span.kind": "server", "shop.note": "grüße ☕" },
});
const pay = tracer.startSpan("pay", { childOf: checkout, startTime: start + 250 });
pay.addTags({ "span.kind": "client", error: true, "shop.items": 3, "shop.ratio": 0.25, "shop.paid": true });
pay.log({ event: "charged", amount: 12.5, tries: 2 }, start + 500);
pay.finish(start + 750);
const references = [opentracing.followsFrom(checkout.context()), opentracing.childOf(pay.context())];
const receipt = tracer.startSpan("receipt", { references, startTime: start + 1000 });
receipt.setTag("span.kind", "producer");
receipt.finish(start + 1250);
checkout.finish(start + 1500);

const names = { trace: checkout.context().traceIdStr.padStart(32, "0") };
for (const [name, span] of Object.entries({ checkout, pay, receipt })) {
  names[name] = span.context().spanIdStr.padStart(16, "0");
}
for (let quarters = 0; quarters < 7; quarters += 1) names[`t${quarters}`] = `${start + quarters * 250}000000`;
await new Promise((resolve) => tracer.close(resolve));
console.log(JSON.stringify(names));
