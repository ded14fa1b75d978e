import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addressOf, outdated, pathIn } from '../src/offline/kept'
import { versionOf } from '../tools/offline'

const SCOPE = 'https://example.org/faces/'

describe('kept files', () => {
  it('are found by path, whatever the question behind it', () => {
    expect(pathIn(SCOPE, SCOPE)).toBe('index.html')
    expect(pathIn(SCOPE, `${SCOPE}?from=home#stage`)).toBe('index.html')
    expect(pathIn(SCOPE, `${SCOPE}data/motions/look%20around.safetensors`)).toBe('data/motions/look around.safetensors')
    expect(pathIn(SCOPE, 'https://example.org/other/')).toBeNull()
  })

  it('stay while a version has them', () => {
    const version = { needed: { 'a b.js': '1' }, card: { 'c.wasm': '2' } }
    const kept = [addressOf(SCOPE, 'a b.js', '1'), addressOf(SCOPE, 'a b.js', '0'), addressOf(SCOPE, 'c.wasm', '2'), `${SCOPE}gone.js?1`]

    expect(outdated(SCOPE, version, kept)).toEqual([kept[1], kept[3]])
  })
})

describe('the files of a version', () => {
  let folder = ''
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'fom-version-'))))
  afterEach(() => rmSync(folder, { recursive: true }))
  const write = (...paths: string[]): void => {
    for (const path of paths) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), path)
    }
  }

  it('are those that the page asks for; what only a card needs is apart', () => {
    write('index.html', 'sw.js', 'assets/ort-wasm-x.wasm', 'assets/ort-wasm.asyncify-y.wasm', 'data/mini/generator.onnx',
      'data/mini/generator.int8.onnx', 'data/mini/keypoint_detector.onnx', 'data/mini/keypoint_detector.int8.onnx', 'data/mini/relative_generator.onnx')

    const { needed, card } = versionOf(folder)

    expect(Object.keys(needed)).toEqual(['assets/ort-wasm-x.wasm', 'data/mini/generator.int8.onnx', 'data/mini/keypoint_detector.onnx', 'index.html'])
    expect(Object.keys(card)).toEqual(['assets/ort-wasm.asyncify-y.wasm', 'data/mini/generator.onnx'])
    expect(needed['index.html']).toMatch(/^[0-9a-f]{64}$/)
  })

  it('include the generator in float32 where there is no other', () => {
    write('data/mini/generator.onnx')

    expect(Object.keys(versionOf(folder).needed)).toEqual(['data/mini/generator.onnx'])
  })
})
