// Tells what jaeger-client for Node.js samples, again and again. Usage: node jaeger-client.mjs HOST PORT SERVICE
import jaeger from "jaeger-client";

const [host, port, serviceName] = process.argv.slice(2);
const sampler = { type: "remote", param: 0, host, port: Number(port), refreshIntervalMs: 100 };
const tracer = jaeger.initTracer({ serviceName, sampler, reporter: { agentHost: host } }, {});

// Spans that are not finished are not sent.
const count = (name) =>
  Array.from({ length: 1000 }, () => tracer.startSpan(name).context().isSampled()).filter(Boolean).length;
setInterval(() => console.log(JSON.stringify({ one: count("one"), two: count("two") })), 100);
