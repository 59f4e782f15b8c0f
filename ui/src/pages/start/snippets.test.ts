// Checks the addresses inside the snippets.

import { expect, it } from 'vitest';
import { clientAddress, endpointsOf, snippetsFor } from './snippets';

it.each([
  ['0.0.0.0:4318', 'box', 'box:4318'],
  ['[::]:4318', 'box', 'box:4318'],
  ['127.0.0.1:9', 'localhost', 'localhost:9'],
  ['10.0.0.5:4318', 'box', '10.0.0.5:4318'],
])('%s seen from %s is %s', (bound, pageHost, address) => expect(clientAddress(bound, pageHost)).toBe(address));

it('puts the bound addresses into every snippet', () => {
  const endpoints = endpointsOf(
    [
      { name: 'otlp_http', title: 'OTLP over HTTP', address: '127.0.0.1:40001' },
      { name: 'otlp_grpc', title: 'OTLP over gRPC', address: '127.0.0.1:40002' },
    ],
    'box',
  );
  for (const snippet of snippetsFor(endpoints)) expect(snippet.code, snippet.id).toMatch(/box:4000[12]/);
});

it('falls back to the standard ports', () => {
  expect(endpointsOf([], 'box')).toEqual({ http: 'http://box:4318', grpc: 'http://box:4317' });
});
