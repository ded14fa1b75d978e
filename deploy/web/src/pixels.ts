import type { Box } from './faces/boxes'

/** Pixels as a canvas gives them: RGBA, row by row. */
export interface Picture {
  data: Uint8ClampedArray
  width: number
  height: number
}

const GREY = 2 // levels between channels, on average, below which a picture has no colours
const LUMA = [0.299, 0.587, 0.114]
const CUBIC = -0.75 // the sharpness of OpenCV's bicubic interpolation, which the models' crops are made with

/** Cut a rectangle in whole pixels out of a picture, reflected past the border. */
export function crop(picture: Picture, [x0, y0, x1, y1]: Box): Picture {
  const [width, height] = [x1 - x0, y1 - y0]
  const data = new Uint8ClampedArray(4 * width * height)
  const columns = Array.from({ length: width }, (_, x) => reflect(x0 + x, picture.width))
  const from = new Uint32Array(picture.data.buffer, picture.data.byteOffset, picture.width * picture.height)
  const to = new Uint32Array(data.buffer)
  for (let y = 0; y < height; y++) {
    const row = reflect(y0 + y, picture.height) * picture.width
    for (let x = 0; x < width; x++) to[y * width + x] = from[row + columns[x]]
  }
  return { data, width, height }
}

/** Bring a picture to another size: averaging where it shrinks, bicubic where it grows. */
export function resize(picture: Picture, width: number, height: number): Picture {
  if (picture.width === width && picture.height === height) return picture
  const shrinks = Math.max(picture.width / width, picture.height / height) > 1
  const taps = shrinks ? averaging : cubic
  const across = taps(picture.width, width)
  const down = taps(picture.height, height)
  const rows = new Float32Array(4 * width * picture.height) // resized in width alone
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) mix(picture.data, 4 * y * picture.width, 4, across[x], rows, 4 * (y * width + x))
  }
  const sums = new Float32Array(4 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) mix(rows, 4 * x, 4 * width, down[y], sums, 4 * (y * width + x))
  }
  return { data: Uint8ClampedArray.from(sums), width, height } // clamps and rounds
}

/** Colours as the networks take them: (3, h, w) in [0, 1]. */
export function toBatch({ data, width, height }: Picture): Float32Array {
  const plane = width * height
  const batch = new Float32Array(3 * plane)
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) batch[channel * plane + at] = data[4 * at + channel] / 255
  }
  return batch
}

/** Whether colours differ so little from grey, on average, that there are none. */
export function isGrey({ data }: Picture): boolean {
  let apart = 0
  for (let at = 0; at < data.length; at += 4) {
    apart += Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2])
  }
  return apart / (data.length / 4) < GREY
}

/** (3, h, w) with each pixel's brightness in all channels. */
export function withoutColours(batch: Float32Array): Float32Array {
  const plane = batch.length / 3
  return batch.map((_, at) => LUMA.reduce((sum, weight, channel) => sum + weight * batch[channel * plane + (at % plane)], 0))
}

/** The other way round: (3, h, w) in [0, 1] to opaque pixels. */
export function toPixels(batch: Float32Array, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
  const plane = width * height
  const data = new Uint8ClampedArray(4 * plane).fill(255)
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) data[4 * at + channel] = batch[channel * plane + at] * 255
  }
  return data
}

interface Taps {
  start: number
  weights: number[]
}

function mix(values: ArrayLike<number>, offset: number, step: number, taps: Taps, out: Float32Array, at: number): void {
  for (let channel = 0; channel < 4; channel++) {
    let sum = 0
    for (let tap = 0; tap < taps.weights.length; tap++) {
      sum += taps.weights[tap] * values[offset + (taps.start + tap) * step + channel]
    }
    out[at + channel] = sum
  }
}

/** The share of each pixel in the stretch that a new pixel covers. */
function averaging(from: number, to: number): Taps[] {
  const stretch = from / to
  return Array.from({ length: to }, (_, index) => {
    const [low, high] = [index * stretch, Math.min(from, (index + 1) * stretch)]
    const start = Math.floor(low)
    const weights: number[] = []
    for (let at = start; at < high - 1e-6; at++) weights.push((Math.min(high, at + 1) - Math.max(low, at)) / (high - low))
    return { start, weights }
  })
}

function cubic(from: number, to: number): Taps[] {
  return Array.from({ length: to }, (_, index) => {
    const middle = ((index + 0.5) * from) / to - 0.5
    const first = Math.floor(middle) - 1
    const weights = [0, 1, 2, 3].map((tap) => cubicWeight(Math.abs(first + tap - middle)))
    return insideOnly(first, weights, from)
  })
}

function cubicWeight(distance: number): number {
  const d = distance
  if (d <= 1) return (CUBIC + 2) * d ** 3 - (CUBIC + 3) * d ** 2 + 1
  return d < 2 ? CUBIC * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0
}

/** Give the weights of pixels past the border to the border's. */
function insideOnly(first: number, weights: number[], length: number): Taps {
  const start = Math.min(Math.max(first, 0), length - 1)
  const inside: number[] = []
  weights.forEach((weight, tap) => {
    const at = Math.min(Math.max(first + tap, 0), length - 1) - start
    inside[at] = (inside[at] ?? 0) + weight
  })
  return { start, weights: inside }
}

/** …cba|abc…cba|abc… */
function reflect(at: number, length: number): number {
  const around = ((at % (2 * length)) + 2 * length) % (2 * length)
  return around < length ? around : 2 * length - 1 - around
}
