// Sends one trace with libhoney, as hand-made events. Usage: node libhoney.mjs HOST SERVICE
import Libhoney from "libhoney";

const [apiHost, service] = process.argv.slice(2);
const answers = [];
const honey = new Libhoney({
  writeKey: "shop-key",
  dataset: "shop till",
  apiHost,
  responseCallback: (responses) => answers.push(...responses),
});
const start = Date.now();
const trace = "0af7651916cd43dd8448eb211c80319d";
const send = (quarters, rate, fields) => {
  const event = honey.newEvent();
  event.timestamp = new Date(start + quarters * 250);
  event.sampleRate = rate;
  event.add({ "trace.trace_id": trace, service_name: service, ...fields });
  event.sendPresampled();
};
send(0, 4, { "trace.span_id": "checkout-1", name: "checkout", duration_ms: 1500, "shop.note": "grüße ☕" });
send(1, 1, {
  "trace.span_id": "b7ad6b7169203331",
  "trace.parent_id": "checkout-1",
  name: "pay",
  duration_ms: 500.5,
  "span.kind": "client",
  "shop.items": 3,
  "shop.ratio": 0.25,
  "shop.paid": true,
  error: "card refused",
});
await honey.flush();
const refused = answers.filter((answer) => answer.status_code !== 202);
if (refused.length > 0 || answers.length !== 2) throw new Error(JSON.stringify(answers));
const names = { trace };
for (let quarters = 0; quarters < 7; quarters += 1) names[`t${quarters}`] = `${start + quarters * 250}000000`;
names["pay.end"] = `${start + 750}500000`;
console.log(JSON.stringify(names));
