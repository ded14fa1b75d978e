import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Resvg } from '@resvg/resvg-js'
import type { Plugin } from 'vite'
import type { Files, Version } from '../src/offline/kept'

const ICON = fileURLToPath(new URL('../../../docs/icon.svg', import.meta.url))
const WORKER = 'sw.js'
const UNUSED = /(^|\/)(relative_generator\.|(keypoint_detector|source_encoder)\.int8\.|sw\.js$|\.)/ // the page never asks for them

/** Makes the built page one that installs: icons, and a service worker that knows all files. */
export function offline(): Plugin {
  let folder = ''
  return {
    name: 'offline',
    apply: 'build',
    configResolved: ({ root, build }) => void (folder = resolve(root, build.outDir)),
    generateBundle(_, bundle) {
      const worker = bundle[WORKER]
      if (worker?.type === 'chunk' && worker.imports.length) this.error(`${WORKER} shares ${worker.imports.join(', ')} with the page, and browsers start it from one file.`)
      const icon = readFileSync(ICON, 'utf8')
      for (const size of [192, 512]) this.emitFile({ type: 'asset', fileName: `icon-${size}.png`, source: painted(icon, size) })
      this.emitFile({ type: 'asset', fileName: 'icon-maskable.png', source: painted(withRoom(icon), 512) })
    },
    closeBundle() {
      const worker = join(folder, WORKER)
      writeFileSync(worker, readFileSync(worker, 'utf8').replaceAll('__VERSION__', JSON.stringify(versionOf(folder))))
    }
  }
}

/** The files of a built page. */
export function versionOf(folder: string): Version {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !UNUSED.test(path))
    .sort()
  const version: Version = { needed: {}, card: {} }
  for (const path of paths) {
    const files: Files = forCardAlone(path, paths) ? version.card : version.needed
    files[path] = createHash('sha256').update(readFileSync(join(folder, path))).digest('hex')
  }
  return version
}

/** Whether a processor does without a file: it has a smaller runtime, and the generator in eight bits if there is one. */
function forCardAlone(path: string, paths: string[]): boolean {
  if (/asyncify[^/]*\.(wasm|mjs)$/.test(path)) return true
  return path.endsWith('/generator.onnx') && paths.includes(path.replace('.onnx', '.int8.onnx'))
}

function painted(svg: string, size: number): Uint8Array {
  return new Resvg(svg, { fitTo: { mode: 'width', value: size } }).render().asPng()
}

/** The icon for systems that cut it to their own shape: all corners filled, and all that matters in the middle. */
function withRoom(svg: string): string {
  return svg.replace('rx="72"', 'rx="0"').replace('<g fill="none"', '<g transform="translate(40 40) scale(0.8)"><g fill="none"').replace('</svg>', '</g></svg>')
}
