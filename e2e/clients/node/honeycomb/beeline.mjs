// Sends one trace with Honeycomb's beeline. Usage: node beeline.mjs HOST SERVICE
import beeline from "honeycomb-beeline";

const [apiHost, serviceName] = process.argv.slice(2);
beeline({ writeKey: "shop-key", dataset: "shop", serviceName, apiHost, enabledInstrumentations: [] });
const checkout = beeline.startTrace({ name: "checkout", "shop.note": "grüße ☕" });
const names = { node: process.version, trace: checkout.payload["trace.trace_id"], checkout: checkout.payload["trace.span_id"] };
const pay = beeline.startSpan({ name: "pay", "shop.items": 3, "shop.ratio": 0.25, "shop.paid": true });
names.pay = pay["trace.span_id"];
beeline.finishSpan(pay);
beeline.finishTrace(checkout);
await beeline.flush();
console.log(JSON.stringify(names));
