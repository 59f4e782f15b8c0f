// The fifth hop: Jaeger's client for Node.js, which reads and sends its own headers. Usage: node jaeger.mjs INSTALLED HOST PORT
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";

const [installed, agentHost, agentPort] = process.argv.slice(2);
const require = createRequire(`${installed}/`);
const jaeger = require("jaeger-client");
const { FORMAT_HTTP_HEADERS } = require("opentracing");

const reporter = { agentHost, agentPort: Number(agentPort) };
const tracer = jaeger.initTracer({ serviceName: "courier", sampler: { type: "const", param: 1 }, reporter }, {});
const caller = tracer.extract(FORMAT_HTTP_HEADERS, JSON.parse(process.env.HOP_HEADERS));
const deliver = tracer.startSpan("deliver", { childOf: caller, tags: { "span.kind": "server" } });
const carried = {};
tracer.inject(deliver.context(), FORMAT_HTTP_HEADERS, carried);

const [next, ...rest] = JSON.parse(process.env.HOP_NEXT);
const env = { ...process.env, HOP_HEADERS: JSON.stringify(carried), HOP_NEXT: JSON.stringify(rest) };
const [program, ...commandArguments] = next;
const done = spawnSync(program, commandArguments, { env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
if (done.status !== 0) throw new Error(`the next hop ended with ${done.status}`);
deliver.finish();
await new Promise((resolve) => tracer.close(resolve));
const names = JSON.parse(done.stdout.trim().split("\n").at(-1));
console.log(JSON.stringify({ deliver: deliver.context().spanIdStr.padStart(16, "0"), ...names }));
