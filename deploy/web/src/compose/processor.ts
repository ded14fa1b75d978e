import { resize, type Picture } from '../pixels'
import type { Canvas } from './canvas'
import { cubicTable, ONE, PAINTS, PHASES, type Composer, type MovedFace, type Scene } from './composer'
import { mirrored } from './folds'
import code from './move.wat'
import { Spread } from './spread'

const AROUND = 3 // pixels around the picture that bicubic sampling may touch
const PAGE = 65536 // bytes, of WebAssembly's memory

type Move = (
  out: number, away: number, from: number, to: number, row: number,
  picture: number, stride: number, right: number, bottom: number, weights: number, phases: number
) => void

/** Composing by the processor, for machines without a graphics card. The full picture's part of it is WebAssembly. */
export class ProcessorComposer implements Composer {
  /** The picture as it was last composed. */
  readonly frame: Picture
  private readonly table = cubicTable()
  private readonly spreads: Spread[]
  private readonly away: Float32Array // x and y for each pixel of a row
  private readonly moveRow: (row: number, from: number, to: number) => void

  constructor(private readonly scene: Scene) {
    const { width, height } = scene.picture
    const stride = width + 2 * AROUND
    const sizes = [this.table.byteLength, 8 * width, 4 * width * height, 4 * stride * (height + 2 * AROUND)]
    const starts = sizes.map((_, part) => sizes.slice(0, part).reduce((sum, size) => sum + 16 * Math.ceil(size / 16), 0))
    const memory = new WebAssembly.Memory({ initial: Math.ceil((starts[3] + sizes[3]) / PAGE) })
    const [weights, away, out, picture] = starts
    new Int16Array(memory.buffer, weights, this.table.length).set(this.table)
    this.away = new Float32Array(memory.buffer, away, 2 * width)
    this.frame = { data: new Uint8ClampedArray(memory.buffer, out, sizes[2]), width, height }
    this.frame.data.set(scene.picture.data)
    surround(scene.picture, new Uint32Array(memory.buffer, picture, sizes[3] / 4))
    this.spreads = scene.canvases.map((canvas) => new Spread(canvas))
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { page: { memory } })
    const { move } = instance.exports as { move: Move }
    const corner = picture + 4 * (AROUND - 1) * (stride + 1)
    this.moveRow = (row, from, to) =>
      move(out + 4 * (row * width + from), away + 8 * from, from, to, row, corner, stride, width, height, weights, PHASES)
  }

  draw(context: CanvasRenderingContext2D, faces: MovedFace[]): void {
    const { data, width, height } = this.compose(faces)
    const image = new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height)
    for (const { rect: [x0, y0, x1, y1] } of this.scene.canvases) context.putImageData(image, 0, 0, x0, y0, x1 - x0, y1 - y0)
  }

  close(): void {}

  /** The picture with these faces; the same pixels are written anew by the next call. */
  compose(faces: MovedFace[]): Picture {
    const { canvases, crops } = this.scene
    for (const { rect: [left, top, right, bottom] } of canvases) {
      for (let row = top; row < bottom; row++) {
        this.away.fill(0, 2 * left, 2 * right)
        this.spreads.forEach((spread, at) => spread.add(faces[at].flow, row, left, right, this.away))
        this.moveRow(row, left, right)
      }
    }
    faces.forEach((face, at) => this.lay(face, this.spreads[at], crops[at]))
    return this.frame
  }

  /** Lay the network's pixels of a crop over the frame. */
  private lay({ flow, pixels }: MovedFace, spread: Spread, [x0, y0, x1, y1]: number[]): void {
    const part = partShown(flow, spread.canvas)
    if (!part) return
    const [left, top, right, bottom] = part
    const crop = resize(pixels, Math.min(pixels.width, x1 - x0), Math.min(pixels.height, y1 - y0))
    const { data, width } = this.frame
    const line = new Float32Array(4 * crop.width)
    const share = new Float32Array(right - left)
    const { places, weights } = this.taps(left, right, x0, x1, crop.width, 4)
    const down = this.taps(top, bottom, y0, y1, crop.height, 4 * crop.width)
    for (let row = top; row < bottom; row++) {
      spread.share(flow, row, left, share)
      mix(crop.data, down, 4 * (row - top), line)
      for (let column = left; column < right; column++) {
        const weight = share[column - left]
        if (weight < PAINTS) continue
        const at = 4 * (row * width + column)
        const tap = 4 * (column - left)
        const [p0, p1, p2, p3] = [places[tap], places[tap + 1], places[tap + 2], places[tap + 3]]
        const [w0, w1, w2, w3] = [weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]]
        for (let channel = 0; channel < 3; channel++) {
          const sum = w0 * line[p0 + channel] + w1 * line[p1 + channel] + w2 * line[p2 + channel] + w3 * line[p3 + channel]
          const level = Math.min(Math.max((sum + 0.5) | 0, 0), 255)
          data[at + channel] += weight * (level - data[at + channel])
        }
      }
    }
  }

  /** For pixels `from` to `to` of the picture, the four of a crop's row or column around each, `step` values apart. */
  private taps(from: number, to: number, low: number, high: number, length: number, step: number): Taps {
    const taps: Taps = { places: new Int32Array(4 * (to - from)), weights: new Float32Array(4 * (to - from)) }
    for (let at = from; at < to; at++) {
      const place = ((at - low + 0.5) * length) / (high - low) - 0.5
      const first = Math.floor(place)
      const phase = 4 * Math.round((place - first) * PHASES)
      for (let tap = 0; tap < 4; tap++) {
        taps.places[4 * (at - from) + tap] = step * Math.min(Math.max(first - 1 + tap, 0), length - 1)
        taps.weights[4 * (at - from) + tap] = this.table[phase + tap] / ONE
      }
    }
    return taps
  }
}

interface Taps {
  places: Int32Array
  weights: Float32Array
}

/** One line of a crop between its rows. */
function mix(data: Uint8ClampedArray, { places, weights }: Taps, tap: number, line: Float32Array): void {
  const [a, b, c, d] = [places[tap], places[tap + 1], places[tap + 2], places[tap + 3]]
  const [w0, w1, w2, w3] = [weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]]
  for (let at = 0; at < line.length; at++) {
    line[at] = w0 * data[a + at] + w1 * data[b + at] + w2 * data[c + at] + w3 * data[d + at]
  }
}

/** The pixels on which the network has a share; null where it has none. */
function partShown(flow: Float32Array, { rect, corner, cell, columns, rows }: Canvas): number[] | null {
  const part = [Infinity, Infinity, -Infinity, -Infinity]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (flow[3 * (row * columns + column) + 2] <= PAINTS) continue
      part[0] = Math.min(part[0], corner[0] + (column - 1) * cell)
      part[1] = Math.min(part[1], corner[1] + (row - 1) * cell)
      part[2] = Math.max(part[2], corner[0] + (column + 2) * cell)
      part[3] = Math.max(part[3], corner[1] + (row + 2) * cell)
    }
  }
  const shown = [Math.max(part[0], rect[0]), Math.max(part[1], rect[1]), Math.min(part[2], rect[2]), Math.min(part[3], rect[3])]
  return shown[0] < shown[2] && shown[1] < shown[3] ? shown : null
}

/** A picture with pixels around it, mirrored at the border. */
function surround({ data, width, height }: Picture, out: Uint32Array): void {
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height)
  const stride = width + 2 * AROUND
  for (let at = 0; at < out.length; at++) {
    const [x, y] = [(at % stride) - AROUND, Math.floor(at / stride) - AROUND]
    out[at] = from[mirrored(y, height) * width + mirrored(x, width)]
  }
}
