import { expect, it, vi } from 'vitest'
import { phoneApp, saveByApp } from '../src/offline/app'

it('hands a recording to the app in pieces that make the same file', async () => {
  const told: string[] = []
  const pieces: Uint8Array[] = []
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 7) % 251)

  await saveByApp({
    begin: () => void told.push('begin'),
    append: (base64) => void pieces.push(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))),
    save: (name, type) => void told.push(name, type)
  }, new Blob([bytes], { type: 'video/webm' }), 'one.webm')

  expect(told).toEqual(['begin', 'one.webm', 'video/webm'])
  expect(pieces.length).toBeGreaterThan(1)
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
})

it('is in no app when a browser shows the page', () => {
  expect(phoneApp()).toBeNull()
})

it('hands over one recording at a time', async () => {
  const pieces: string[] = []
  const app = { begin: () => void pieces.splice(0), append: (base64: string) => void pieces.push(base64), save: vi.fn() }
  const [one, other] = ['1', '2'].map((letter) => new Blob([letter.repeat(1_000_000)], { type: 'video/webm' }))

  const first = saveByApp(app, one, 'one.webm')
  await expect(saveByApp(app, other, 'other.webm')).rejects.toThrow('A recording is being saved already')
  await first

  expect(app.save.mock.calls).toEqual([['one.webm', 'video/webm']])
  expect(atob(pieces.join('')).replaceAll('1', '')).toBe('')
  await saveByApp(app, other, 'other.webm')
  expect(app.save).toHaveBeenCalledTimes(2)
})
