import { expect } from 'vitest'
import type { Box } from '../src/faces/boxes'
import type { Keypoints } from '../src/motion/keypoints'
import type { Transfer } from '../src/motion/transfer'
import type { Picture } from '../src/pixels'
import json from './fixtures.json'

interface Plain {
  value: number[]
  jacobian: number[] | null
}

/** What Python computed; written by `npm run fixtures`. */
export const fixtures = json as unknown as {
  transfer: {
    source: Plain
    initial: Plain
    driving: Plain[]
    in_line: Plain
    hull_areas: number[]
    scale: number
    best_frame: number
    moved: { transfer: Transfer; expected: Plain }[]
  }
  views: {
    boxes: Box[]
    scores: number[]
    crops: Box[]
    tracks: { boxes: Box[]; width: number; height: number; expected: Box }[]
  }
  masks: { crops: Box[]; size: [number, number]; layers: { rect: Box; weight: number[] }[] }[]
  crops: [{ width: number; height: number; pixels: number[] }, ...{ box: Box; size: number; expected: number[] }[]]
}

export function keypoints({ value, jacobian }: Plain): Keypoints {
  return { value: Float32Array.from(value), jacobian: jacobian && Float32Array.from(jacobian) }
}

/** RGB, row by row, as a canvas would give it. */
export function picture(pixels: number[], width: number, height: number): Picture {
  const data = new Uint8ClampedArray(4 * width * height).fill(255)
  for (let at = 0; at < width * height; at++) data.set(pixels.slice(3 * at, 3 * at + 3), 4 * at)
  return { data, width, height }
}

export function near(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-6): void {
  expect(found.length).toBe(wanted.length)
  const apart = Array.from(found, (value, at) => Math.abs(value - wanted[at]))
  expect(Math.max(...apart)).toBeLessThanOrEqual(tolerance)
}
