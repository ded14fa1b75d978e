import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { addressOf, type Files } from '../src/offline/kept'
import { keepForCard } from '../src/offline/wishes'

const FOLDER = 'https://example.org/faces/'
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const filesOf = (texts: Files): Files => Object.fromEntries(Object.entries(texts).map(([path, text]) => [path, hashOf(text)]))

let hosted: Files = {} // what each path of the site holds
const kept = new Map<string, Response>()
const cache = {
  match: async (address: string) => kept.get(address),
  put: async (address: string, answer: Response) => void kept.set(address, answer),
  delete: async (address: string) => kept.delete(address),
  keys: async () => [...kept.keys()].map((url) => ({ url }))
}

beforeEach(() => {
  kept.clear()
  vi.stubGlobal('caches', { open: async () => cache })
  vi.stubGlobal('fetch', async (url: URL) => new Response(hosted[url.href.slice(FOLDER.length)], { status: url.href.slice(FOLDER.length) in hosted ? 200 : 404 }))
})
afterEach(() => vi.unstubAllGlobals())

/** The service worker of a version whose files hold these texts; its events end when all that they wait for has. */
async function workerOf(needed: Files, card: Files): Promise<(name: string, event?: object) => Promise<unknown>> {
  const listeners = new Map<string, (event: object) => void>()
  vi.stubGlobal('__VERSION__', { needed: filesOf(needed), card: filesOf(card) })
  vi.stubGlobal('self', {
    registration: { scope: FOLDER },
    clients: { claim: async () => undefined },
    addEventListener: (name: string, listener: (event: object) => void) => void listeners.set(name, listener)
  })
  vi.resetModules()
  await import('../src/offline/sw')
  hosted = { ...needed, ...card }
  return async (name, event = {}) => {
    let end: unknown
    listeners.get(name)!({ ...event, waitUntil: (promise: unknown) => (end = promise) })
    return end
  }
}

const keptHere = (path: string, text: string): boolean => kept.has(addressOf(FOLDER, path, hashOf(text)))

it("tells the page that a card's files are kept once they are, and that they are not", async () => {
  const happen = await workerOf({ 'index.html': 'page' }, { 'data/mini/generator.onnx': 'network' })
  await happen('install')
  const asked = (): Promise<boolean> => keepForCard({ postMessage: (data: unknown, ports: unknown) => void happen('message', { data, ports }) })

  hosted = {}
  expect(await asked()).toBe(false)
  hosted = { 'data/mini/generator.onnx': 'network' }
  expect(await asked()).toBe(true)
  expect(keptHere('data/mini/generator.onnx', 'network')).toBe(true)
})

it("has a card's newer files before the older ones go, where a card computed", async () => {
  await (await workerOf({ 'index.html': 'old' }, {}))('install')
  kept.set(addressOf(FOLDER, 'assets/ort.asyncify-AbCd_-12.wasm', hashOf('old runtime')), new Response('old runtime'))
  const happen = await workerOf({ 'index.html': 'new' }, { 'assets/ort.asyncify-12345678.wasm': 'new runtime' })

  await happen('install')
  await happen('activate')

  expect(keptHere('assets/ort.asyncify-12345678.wasm', 'new runtime')).toBe(true)
  expect(kept.size).toBe(2)
})

it('leaves the older version whole where a newer file of the card cannot be had', async () => {
  kept.set(addressOf(FOLDER, 'data/mini/generator.onnx', hashOf('old')), new Response('old'))
  const happen = await workerOf({ 'index.html': 'new' }, { 'data/mini/generator.onnx': 'new' })
  hosted = { 'index.html': 'new' }

  await expect(happen('install')).rejects.toThrow('generator.onnx is not the one of this version')
})

it("fetches no card's files where none computed", async () => {
  const happen = await workerOf({ 'index.html': 'new' }, { 'data/mini/generator.onnx': 'new' })

  await happen('install')

  expect(kept.size).toBe(1)
})
