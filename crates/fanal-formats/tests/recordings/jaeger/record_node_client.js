// Records what jaeger-client 3.19.0 for Node.js sends. Usage: node record_node_client.js FOLDER
const dgram = require('dgram'), fs = require('fs'), http = require('http');
const { initTracer } = require('jaeger-client');
const opentracing = require('opentracing');
const out = process.argv[2];

function trace(tracer, done) {
  const root = tracer.startSpan('POST /pay', { tags: { 'span.kind': 'server', 'http.status_code': 503, 'http.status_message': 'busy' } });
  root.setTag('paid', false).setTag('total', 12.5);
  const child = tracer.startSpan('charge', { childOf: root.context() });
  child.log({ event: 'retry', attempt: 2 });
  child.finish();
  root.finish();
  tracer.close(done);
}

const udp = dgram.createSocket('udp4');
let datagrams = 0;
udp.on('message', (bytes) => fs.writeFileSync(`${out}/node_client.${datagrams++}.binary`, bytes));
udp.bind(0, '127.0.0.1', () => {
  const reporter = { agentHost: '127.0.0.1', agentPort: udp.address().port };
  const tracer = initTracer({ serviceName: 'node-shop', sampler: { type: 'const', param: 1 }, reporter }, {});
  trace(tracer, () => setTimeout(() => udp.close(overHttp), 500));
});

function overHttp() {
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      fs.writeFileSync(`${out}/node_client.http`, Buffer.concat(chunks));
      response.writeHead(202).end();
    });
  });
  server.listen(0, '127.0.0.1', () => {
    const reporter = { collectorEndpoint: `http://127.0.0.1:${server.address().port}/api/traces` };
    const tracer = initTracer({ serviceName: 'node-shop', sampler: { type: 'const', param: 1 }, reporter }, {});
    trace(tracer, () => setTimeout(() => { server.close(); process.exit(0); }, 500));
  });
}
