import { beforeEach, expect, it, vi } from 'vitest'
import { Engine } from '../src/engine/engine'
import { openRuntime } from '../src/engine/runtime'

const MODEL = { name: 'mini', size: [128, 128], points: 10, leftToProcessor: [] }
vi.mock('../src/engine/runtime', () => ({ openRuntime: vi.fn() }))
vi.mock('../src/engine/model', () => ({ Model: { open: vi.fn(async () => MODEL) } }))

beforeEach(() => {
  vi.stubGlobal('fetch', async () => new Response('detector'))
  vi.mocked(openRuntime).mockImplementation(async (choice) => {
    if (choice !== 'wasm') throw new TypeError('Failed to fetch dynamically imported module')
    return { backend: 'wasm', threads: 1, open: vi.fn(), tensor: vi.fn() }
  })
})

it("computes on the processor where the runtime of the card cannot be fetched", async () => {
  const ready = await new Engine().open('auto', { folder: 'data/mini' }, 'face_detector.onnx')

  expect(ready.backend).toBe('wasm')
})

it('says what is wrong where the card was asked for', async () => {
  await expect(new Engine().open('webgpu', { folder: 'data/mini' }, 'face_detector.onnx')).rejects.toThrow('Failed to fetch')
})
