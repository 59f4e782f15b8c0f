// Sends one trace with zipkin-js, three spans of it shared as B3 shares them. Usage: node send.mjs JSON_V1|JSON_V2 URL SERVICE
import zipkin from "zipkin";
import transport from "zipkin-transport-http";

const { Annotation, BatchRecorder, ExplicitContext, InetAddress, Tracer, jsonEncoder } = zipkin;
const [encoder, endpoint, service] = process.argv.slice(2);
const logger = new transport.HttpLogger({ endpoint, jsonEncoder: jsonEncoder[encoder], httpInterval: 100 });
const tracer = new Tracer({
  ctxImpl: new ExplicitContext(),
  recorder: new BatchRecorder({ logger }),
  localServiceName: service,
  traceId128Bit: true,
  supportsJoin: true,
});

const start = Date.now();
const at = (quarters) => (start + quarters * 250) * 1000;
const names = {};
for (let quarters = 0; quarters < 7; quarters += 1) names[`t${quarters}`] = `${at(quarters)}000`;

// Four spans: the server's, the client's of a call, its server half with the same id, and a local one.
const failed = new Promise((_, reject) => logger.on("error", reject));
let sent = 0;
const done = new Promise((resolve) => {
  const logSpan = logger.logSpan.bind(logger);
  logger.logSpan = (span) => {
    logSpan(span);
    sent += 1;
    if (sent === 4) logger.on("success", resolve);
  };
});

tracer.scoped(() => {
  const root = tracer.createRootId();
  const record = (id, annotation, quarters) => {
    tracer.setId(id);
    tracer.recordAnnotation(annotation, quarters === undefined ? undefined : at(quarters));
  };
  const start = (id, name, annotation, quarters) => {
    record(id, new Annotation.ServiceName(service));
    record(id, new Annotation.Rpc(name));
    record(id, annotation, quarters);
  };
  start(root, "checkout", new Annotation.ServerRecv(), 0);
  record(root, new Annotation.LocalAddr({ host: new InetAddress("10.1.2.3"), port: 8080 }));
  record(root, new Annotation.BinaryAnnotation("shop.note", "grüße ☕"));
  tracer.setId(root);
  const call = tracer.createChildId();
  start(call, "pay", new Annotation.ClientSend(), 1);
  record(call, new Annotation.ServerAddr({ serviceName: "bank", host: new InetAddress("10.9.8.7"), port: 443 }));
  record(call, new Annotation.BinaryAnnotation("error", "card refused"));
  record(call, new Annotation.Message("charged"), 2);
  record(call, new Annotation.ClientRecv(), 3);
  tracer.setId(root);
  const local = tracer.createChildId();
  record(local, new Annotation.ServiceName(service));
  record(local, new Annotation.LocalOperationStart("receipt"), 4);
  record(local, new Annotation.LocalOperationStop(), 5);
  record(root, new Annotation.ServerSend(), 6);
  Object.assign(names, { trace: root.traceId, checkout: root.spanId, pay: call.spanId, receipt: local.spanId });

  // The callee joins the caller's span.
  const joined = tracer.join(call);
  start(joined, "charge", new Annotation.ServerRecv(), 2);
  record(joined, new Annotation.ServerSend(), 3);
});
// The logger's own timer does not keep the process alive.
setInterval(() => {}, 1000);
await Promise.race([done, failed]);
console.log(JSON.stringify(names));
process.exit(0);
