// Tells what OpenTelemetry's sampler for JavaScript samples, again and again. Usage: node opentelemetry.mjs URL SERVICE
import { ROOT_CONTEXT } from "@opentelemetry/api";
import { JaegerRemoteSampler } from "@opentelemetry/sampler-jaeger-remote";
import { AlwaysOffSampler, TracerProvider } from "@opentelemetry/sdk-trace";

const [endpoint, serviceName] = process.argv.slice(2);
const initialSampler = new AlwaysOffSampler();
const sampler = new JaegerRemoteSampler({ endpoint, serviceName, initialSampler, poolingInterval: 100 });
const tracer = new TracerProvider({ sampler }).getTracer("e2e");

const count = (name) =>
  Array.from({ length: 1000 }, () => tracer.startSpan(name, {}, ROOT_CONTEXT).isRecording()).filter(Boolean).length;
setInterval(() => console.log(JSON.stringify({ one: count("one"), two: count("two") })), 100);
