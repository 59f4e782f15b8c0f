// Sends one trace with Datadog's tracer, which is set by its environment.
import ddTrace from "dd-trace";

const tracer = ddTrace.init({ plugins: false, startupLogs: false });
const start = Date.now();
const checkout = tracer.startSpan("web.request", {
  startTime: start,
  tags: { "resource.name": "GET /checkout", "span.type": "web", "span.kind": "server", "shop.note": "grüße ☕" },
});
const pay = tracer.startSpan("pay", {
  childOf: checkout,
  startTime: start + 250,
  tags: { "resource.name": "bank", "span.kind": "client", "shop.items": 3, "shop.ratio": 0.25, "shop.user": "ann" },
});
pay.setTag("error", true);
pay.setTag("error.type", "Refused");
pay.setTag("error.message", "card refused");
pay.setTag("error.stack", "at till 7");
pay.addLink({ context: checkout.context(), attributes: { why: "retry" } });
pay.finish(start + 750);
const receipt = tracer.startSpan("receipt", {
  childOf: pay,
  startTime: start + 1000,
  tags: { "service.name": "printer", "span.kind": "producer" },
});
receipt.finish(start + 1250);
checkout.finish(start + 1500);

const names = { trace: checkout.context().toTraceparent().split("-")[1], node: process.version };
for (const [name, span] of Object.entries({ checkout, pay, receipt })) {
  names[name] = span.context().toTraceparent().split("-")[2];
}
// The tracer computes nanoseconds in a double, which rounds the start.
const spans = { checkout: [0, 1500], pay: [250, 500], receipt: [1000, 250] };
for (const [name, [after, lasts]] of Object.entries(spans)) {
  const begins = BigInt((start + after) * 1e6);
  names[`${name}.start`] = String(begins);
  names[`${name}.end`] = String(begins + BigInt(lasts * 1e6));
}
console.log(JSON.stringify(names));
// The tracer sends what is left when the process ends by itself.
