// Build of the UI: relative asset addresses (index.html carries `<base href="/">`, so any reverse-proxy
// prefix works once the server rewrites that one line), hashed names, no inlined assets (strict CSP).

import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/fanal': 'http://127.0.0.1:16686', '/v1': 'http://127.0.0.1:16686' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
