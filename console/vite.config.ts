import preact from '@preact/preset-vite'
import { defineConfig } from 'vite'

/** Where `node console/dev/fixture-server.ts` listens unless it is told otherwise; a real Manor's address works as well. */
const API_ORIGIN = process.env.MANOR_API ?? 'http://127.0.0.1:4400'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [preact()],
  server: { proxy: { '/api': API_ORIGIN } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // The server sends `img-src 'self'`: nothing may become a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
