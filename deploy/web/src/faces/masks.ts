import type { Box } from './boxes'

const FEATHER = 0.3
const ROUNDNESS = 4 // exponent of the outline |x|ⁿ + |y|ⁿ = 1: a rounded square
const SHARPNESS = 12 // of the border between two faces

/** Where a face covers the picture: weights (h, w) in [0, 1] on the pixels of `rect`. */
export interface Layer {
  rect: Box
  weight: Float32Array
}

interface Measured extends Layer {
  distance: Float32Array
}

/** A soft mask for each crop; where crops overlap, each pixel goes to the face whose middle is nearer. */
export function softMasks(crops: Box[], width: number, height: number): Layer[] {
  const alone = crops.map((crop) => measure(crop, width, height))
  return alone.map((layer) => shareOut(layer, alone))
}

/**
 * Weights for laying the masks over a picture one after another.
 *
 * A weight says how much of the result is the face; of what is laid first the later ones cover a part, so it must
 * be laid on the stronger.
 */
export function stackingOrder(layers: Layer[]): Layer[] {
  return layers.map((layer, index) => {
    const later = layers.slice(index + 1)
    const weight = layer.weight.map((own, at) => {
      const [x, y] = pixel(layer.rect, at)
      const left = 1 - later.reduce((sum, other) => sum + weightAt(other, other.weight, x, y), 0)
      return left > 1e-6 ? Math.min(1, own / left) : 0
    })
    return { rect: layer.rect, weight }
  })
}

function measure(crop: Box, width: number, height: number): Measured {
  const rect: Box = [Math.max(0, crop[0]), Math.max(0, crop[1]), Math.min(width, crop[2]), Math.min(height, crop[3])]
  const across = axis(crop[0], crop[2], rect[0], rect[2], width)
  const down = axis(crop[1], crop[3], rect[1], rect[3], height)
  const distance = new Float32Array(across.length * down.length)
  down.forEach((y, row) => across.forEach((x, column) => {
    distance[row * across.length + column] = (y + x) ** (1 / ROUNDNESS)
  }))
  return { rect, distance, weight: distance.map(fade) }
}

/** How far pixels lie from a side's middle, to the power of the outline; along the picture's border nothing fades. */
function axis(low: number, high: number, start: number, stop: number, border: number): number[] {
  return Array.from({ length: Math.max(0, stop - start) }, (_, index) => {
    let away = (start + index + 0.5 - (low + high) / 2) / ((high - low) / 2)
    if (low <= 0) away = Math.max(away, 0)
    if (high >= border) away = Math.min(away, 0)
    return Math.abs(away) ** ROUNDNESS
  })
}

/** 1 in the middle, falling smoothly to 0 on the outline. */
function fade(distance: number): number {
  const ramp = Math.min(Math.max((1 - distance) / FEATHER, 0), 1)
  return ramp * ramp * (3 - 2 * ramp)
}

function shareOut(layer: Measured, all: Measured[]): Layer {
  const others = all.filter((other) => other !== layer && overlap(other.rect, layer.rect))
  if (!others.length) return layer
  const weight = layer.weight.map((own, at) => {
    if (own === 0) return 0
    const [x, y] = pixel(layer.rect, at)
    const here = [layer, ...others]
      .map((other) => ({ own: weightAt(other, other.weight, x, y), away: weightAt(other, other.distance, x, y) }))
      .filter((face) => face.own > 0)
    const nearest = Math.min(...here.map((face) => face.away))
    const pulls = here.map((face) => face.own * Math.exp(-SHARPNESS * (face.away - nearest)))
    return (Math.max(...here.map((face) => face.own)) * pulls[0]) / pulls.reduce((sum, pull) => sum + pull)
  })
  return { rect: layer.rect, weight }
}

function overlap(a: Box, b: Box): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

function pixel(rect: Box, at: number): [number, number] {
  const width = rect[2] - rect[0]
  return [rect[0] + (at % width), rect[1] + Math.floor(at / width)]
}

function weightAt({ rect }: Layer, values: Float32Array, x: number, y: number): number {
  if (x < rect[0] || y < rect[1] || x >= rect[2] || y >= rect[3]) return 0
  return values[(y - rect[1]) * (rect[2] - rect[0]) + x - rect[0]]
}
