import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const STYLE = readFileSync(new URL('../src/style.css', import.meta.url), 'utf8')
const READABLE = 4.5 // contrast of text by WCAG 2.2, level AA
const TEXTS = [
  ['ink', 'paper'], ['ink', 'card'], ['soft', 'paper'], ['soft', 'card'], ['soft', 'stage'], ['accent', 'paper'], ['accent', 'card'],
  ['on-accent', 'accent'], ['second', 'paper'], ['second', 'card'], ['red', 'paper']
]

function coloursOf(scheme: 0 | 1): Record<string, string> {
  const pairs = [...STYLE.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)]
  return Object.fromEntries(pairs.map(([, name, light, dark]) => [name, [light, dark][scheme]]))
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const level = parseInt(colour.slice(at, at + 2), 16) / 255
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

describe.each([['light', 0], ['dark', 1]] as const)('colours of the %s page', (_, scheme) => {
  const colours = coloursOf(scheme)

  it.each(TEXTS)('%s can be read on %s', (text, ground) => {
    expect(contrast(colours[text], colours[ground])).toBeGreaterThanOrEqual(READABLE)
  })
})
