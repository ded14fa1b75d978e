import { expect } from 'vitest'
import type { Box } from '../src/faces/boxes'
import type { FlowMaps } from '../src/compose/flow'
import type { InitialFrame } from '../src/motion/initial'
import type { Keypoints } from '../src/motion/keypoints'
import type { Transfer } from '../src/motion/transfer'
import type { Picture } from '../src/pixels'
import json from './fixtures.json'

interface Plain {
  value: number[]
  jacobian: number[] | null
}

interface Maps {
  deformation: number[]
  occlusion: number[]
  width: number
  height: number
}

/** A small picture with faces in motion; of what is large, every so many rows. */
export interface Composed {
  size: [number, number]
  crops: Box[]
  others: Box[]
  unit: number
  picture: Rule
  painted: Rule
  every: number
  still: Maps[]
  moved: Maps[]
  canvases: { rect: Box; corner: [number, number]; cell: number; places: number[]; room: number[]; painted: number[] }[]
  flows: { displacement: number[]; share: number[] }[]
  composed: number[]
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
  driver: {
    clip: Plain[]
    seen: boolean[]
    fps: number
    source: Plain
    cases: { smoothing: number; seen: boolean; aligned: Plain[]; initial: Record<InitialFrame, number>; moved: Plain[] }[]
  }
  views: {
    boxes: Box[]
    scores: number[]
    crops: Box[]
    tracks: { boxes: Box[]; width: number; height: number; expected: Box; view: Box | null }[]
  }
  composed: Composed[]
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

type Rule = [number, number, number][]

/** A picture of waves of straight flanks, as in tools/fixtures.py. */
export function waves(rule: Rule, width: number, height: number): Picture {
  const pixels = Array.from({ length: width * height }, (_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)]
    return rule.map(([a, b, c]) => Math.abs(((((a * x + b * y + c) % 510) + 510) % 510) - 255))
  })
  return picture(pixels.flat(), width, height)
}

/** How a network's maps are stored. */
export function maps({ deformation, occlusion, width, height }: Maps): FlowMaps {
  return { deformation: Float32Array.from(deformation), occlusion: Float32Array.from(occlusion), width, height }
}

/** Every so many rows of values (rows, columns × channels). */
export function sampled(values: ArrayLike<number>, row: number, every: number): number[] {
  return Array.from(values).filter((_, at) => Math.floor(at / row) % every === 0)
}

export function near(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-6): void {
  expect(found.length).toBe(wanted.length)
  const apart = Array.from(found, (value, at) => Math.abs(value - wanted[at]))
  expect(Math.max(...apart)).toBeLessThanOrEqual(tolerance)
}
