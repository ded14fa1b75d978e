import { afterEach, expect, it, vi } from 'vitest'
import { Device } from '../src/offline/device'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.unstubAllEnvs()
})

/** What the page tells about its use without a network, before and after its service worker has answered. */
async function toldWith(backend: 'webgpu' | 'wasm', answer: boolean): Promise<string[]> {
  const told = { textContent: '' }
  let reply = (): void => undefined
  const active = { postMessage: (_: unknown, [port]: MessagePort[]) => void (reply = () => port.postMessage(answer)) }
  const registration = { active, addEventListener: () => undefined }
  vi.stubEnv('PROD', true)
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('document', { getElementById: () => told, body: { dataset: {} } })
  vi.stubGlobal('navigator', { serviceWorker: { register: async () => registration, ready: Promise.resolve(registration) } })
  const kept = new Device().keep(backend)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const before = told.textContent
  reply()
  await kept
  return [before, told.textContent]
}

it('says that it works without a network once what the card needs is kept, not before', async () => {
  const [before, after] = await toldWith('webgpu', true)

  expect(before).toMatch(/^Fetching what the graphics card needs/)
  expect(after).toBe('Kept on this device: it works without a network.')
})

it('says that the processor computes without a network where the files of the card are not kept', async () => {
  const [, after] = await toldWith('webgpu', false)

  expect(after).toMatch(/without a network the processor computes\.$/)
})

it('needs nothing more on a processor', async () => {
  const [before] = await toldWith('wasm', false)

  expect(before).toBe('Kept on this device: it works without a network.')
})
