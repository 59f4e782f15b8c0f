// Sends one trace with the X-Ray SDK over UDP. Usage: node send.mjs HOST:PORT SERVICE
import xray from "aws-xray-sdk-core";

const [address, service] = process.argv.slice(2);
xray.setDaemonAddress(address);
xray.enableManualMode();
const checkout = new xray.Segment(service);
checkout.setUser("ann");
checkout.addAnnotation("note", "grüße ☕");
const pay = checkout.addNewSubsegment("pay");
pay.namespace = "remote";
pay.addAnnotation("items", 3);
pay.addAnnotation("paid", true);
pay.addMetadata("basket", { apples: 2, names: ["red", "green"] }, "shop");
pay.close(new Error("card refused"));
checkout.close();
const [, seconds, rest] = checkout.trace_id.split("-");
const names = { trace: seconds + rest, node: process.version };
for (const [name, span] of Object.entries({ checkout, pay })) {
  names[name] = span.id;
  // Seconds in a double, which Fanal rounds to microseconds.
  names[`${name}.start`] = `${span.start_time.toFixed(6).replace(".", "")}000`;
  names[`${name}.end`] = `${span.end_time.toFixed(6).replace(".", "")}000`;
}
console.log(JSON.stringify(names));
