import { defineConfig } from 'vitest/config'
import openWabt from 'wabt'
import { offline } from './tools/offline.ts'

// Threads of WebAssembly need a page that is isolated from other origins; whatever serves the built page may send these.
const isolated = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp'
}
const here = { host: '127.0.0.1', headers: isolated }

export default defineConfig({
  base: './', // the page may live in any folder of a site
  // The runtime's binaries stay files of their own: its threads start from them.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    rollupOptions: {
      input: ['index.html', 'src/offline/sw.ts'],
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') } // a worker's scope is its folder
    }
  },
  worker: { format: 'es' },
  server: here,
  preview: here,
  plugins: [
    offline(),
    {
      name: 'assemble-wat',
      async transform(text, id) {
        if (!id.endsWith('.wat')) return null
        const { buffer } = (await openWabt()).parseWat(id, text, { simd: true }).toBinary({})
        return { code: `export default Uint8Array.of(${buffer})`, map: null }
      }
    },
    {
      name: 'no-policy-while-developing',
      apply: 'serve',
      // Vite's development server brings styles and scripts of its own into the page.
      transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, '')
    }
  ],
  test: { include: ['tests/**/*.test.ts'] }
})
