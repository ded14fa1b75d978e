import { resize, type Picture } from '../pixels'
import type { Canvas } from './canvas'
import { cubicTable, PAINTS, PHASES, type Composer, type MovedFace, type Scene } from './composer'

/** Composing by the processor alone, for browsers without WebGL. */
export class PlainComposer implements Composer {
  /** The picture as it was last composed. */
  readonly frame: Picture
  private readonly table = cubicTable()
  private readonly opaque: boolean
  private readonly x: Float32Array // of one row of the picture, how far its colours come
  private readonly y: Float32Array

  constructor(private readonly scene: Scene) {
    const { data, width, height } = scene.picture
    this.frame = { data: data.slice(), width, height }
    this.opaque = data.every((value, at) => at % 4 !== 3 || value === 255)
    this.x = new Float32Array(width)
    this.y = new Float32Array(width)
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
    for (const { rect } of canvases) {
      for (let row = rect[1]; row < rect[3]; row++) {
        this.x.fill(0, rect[0], rect[2])
        this.y.fill(0, rect[0], rect[2])
        canvases.forEach((canvas, at) => {
          const [from, to] = [Math.max(rect[0], canvas.rect[0]), Math.min(rect[2], canvas.rect[2])]
          if (row < canvas.rect[1] || row >= canvas.rect[3] || from >= to) return
          addRow(faces[at].course, canvas, 0, row, from, to, this.x)
          addRow(faces[at].course, canvas, 1, row, from, to, this.y)
        })
        this.moveRow(row, rect[0], rect[2])
      }
    }
    faces.forEach((face, at) => this.lay(face, canvases[at], crops[at]))
    return this.frame
  }

  /** Write a row of the frame, from where its colours come. */
  private moveRow(row: number, from: number, to: number): void {
    const { picture: { data, width, height } } = this.scene
    const { table, opaque, x, y } = this
    const out = this.frame.data
    const channels = opaque ? 3 : 4
    for (let column = from; column < to; column++) {
      const at = 4 * (row * width + column)
      const [placeX, placeY] = [column + x[column], row + y[column]]
      const [left, top] = [Math.floor(placeX), Math.floor(placeY)]
      const across = 4 * Math.round((placeX - left) * PHASES)
      const down = 4 * Math.round((placeY - top) * PHASES)
      const inside = left > 0 && left < width - 2
      const c0 = 4 * (inside ? left - 1 : mirrored(left - 1, width))
      const c1 = 4 * (inside ? left : mirrored(left, width))
      const c2 = 4 * (inside ? left + 1 : mirrored(left + 1, width))
      const c3 = 4 * (inside ? left + 2 : mirrored(left + 2, width))
      const [w0, w1, w2, w3] = [table[across], table[across + 1], table[across + 2], table[across + 3]]
      let [red, green, blue, alpha] = [0, 0, 0, 0]
      for (let tap = 0; tap < 4; tap++) {
        const weight = table[down + tap]
        const line = 4 * width * mirrored(top - 1 + tap, height)
        const [p0, p1, p2, p3] = [line + c0, line + c1, line + c2, line + c3]
        red += weight * (w0 * data[p0] + w1 * data[p1] + w2 * data[p2] + w3 * data[p3])
        green += weight * (w0 * data[p0 + 1] + w1 * data[p1 + 1] + w2 * data[p2 + 1] + w3 * data[p3 + 1])
        blue += weight * (w0 * data[p0 + 2] + w1 * data[p1 + 2] + w2 * data[p2 + 2] + w3 * data[p3 + 2])
        if (channels === 4) alpha += weight * (w0 * data[p0 + 3] + w1 * data[p1 + 3] + w2 * data[p2 + 3] + w3 * data[p3 + 3])
      }
      out[at] = red
      out[at + 1] = green
      out[at + 2] = blue
      if (channels === 4) out[at + 3] = alpha
    }
  }

  /** Lay the network's pixels of a crop over the frame. */
  private lay({ course, pixels }: MovedFace, canvas: Canvas, [x0, y0, x1, y1]: number[]): void {
    const part = partShown(course, canvas)
    if (!part) return
    const [left, top, right, bottom] = part
    const crop = resize(pixels, Math.min(pixels.width, x1 - x0), Math.min(pixels.height, y1 - y0))
    const { data, width } = this.frame
    const line = new Float32Array(4 * crop.width)
    const across = this.taps(left, right, x0, x1, crop.width)
    const down = this.taps(top, bottom, y0, y1, crop.height)
    for (let row = top; row < bottom; row++) {
      this.x.fill(0, left, right)
      addRow(course, canvas, 2, row, left, right, this.x)
      mix(crop.data, 4 * crop.width, down, row - top, line)
      for (let column = left; column < right; column++) {
        const weight = this.x[column]
        if (weight < PAINTS) continue
        const at = 4 * (row * width + column)
        for (let channel = 0; channel < 3; channel++) {
          let sum = 0
          for (let tap = 4 * (column - left); tap < 4 * (column - left) + 4; tap++) {
            sum += across.weights[tap] * line[4 * across.places[tap] + channel]
          }
          const colour = Math.min(Math.max(Math.round(sum), 0), 255)
          data[at + channel] += weight * (colour - data[at + channel])
        }
      }
    }
  }

  /** For pixels `from` to `to` of the picture, the four of a crop's row or column that lie around each. */
  private taps(from: number, to: number, low: number, high: number, length: number): Taps {
    const taps: Taps = { places: new Int32Array(4 * (to - from)), weights: new Float32Array(4 * (to - from)) }
    for (let at = from; at < to; at++) {
      const place = ((at - low + 0.5) * length) / (high - low) - 0.5
      const first = Math.floor(place)
      const phase = 4 * Math.round((place - first) * PHASES)
      for (let tap = 0; tap < 4; tap++) {
        taps.places[4 * (at - from) + tap] = Math.min(Math.max(first - 1 + tap, 0), length - 1)
        taps.weights[4 * (at - from) + tap] = this.table[phase + tap]
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
function mix(data: Uint8ClampedArray, step: number, { places, weights }: Taps, index: number, line: Float32Array): void {
  const [a, b, c, d] = [0, 1, 2, 3].map((tap) => step * places[4 * index + tap])
  const [w0, w1, w2, w3] = weights.subarray(4 * index, 4 * index + 4)
  for (let at = 0; at < line.length; at++) {
    line[at] = w0 * data[a + at] + w1 * data[b + at] + w2 * data[c + at] + w3 * data[d + at]
  }
}

/** Add a channel of a course to the pixels `from` to `to` of a row of the picture, linear between the cells' middles. */
function addRow(
  course: Float32Array, canvas: Canvas, channel: number, row: number, from: number, to: number, sums: Float32Array
): void {
  const { corner, cell, columns, rows } = canvas
  const y = Math.min(Math.max((row - corner[1] + 0.5) / cell - 0.5, 0), rows - 1)
  const above = Math.floor(y)
  const [upper, lower] = [3 * columns * above + channel, 3 * columns * Math.min(above + 1, rows - 1) + channel]
  const down = y - above
  for (let column = from; column < to; column++) {
    const x = Math.min(Math.max((column - corner[0] + 0.5) / cell - 0.5, 0), columns - 1)
    const left = Math.floor(x)
    const right = 3 * Math.min(left + 1, columns - 1)
    const across = x - left
    const high = course[upper + 3 * left] * (1 - across) + course[upper + right] * across
    const low = course[lower + 3 * left] * (1 - across) + course[lower + right] * across
    sums[column] += high * (1 - down) + low * down
  }
}

/** The pixels on which the network has a share; null where it has none. */
function partShown(course: Float32Array, { rect, corner, cell, columns, rows }: Canvas): number[] | null {
  const part = [Infinity, Infinity, -Infinity, -Infinity]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (course[3 * (row * columns + column) + 2] <= PAINTS) continue
      part[0] = Math.min(part[0], corner[0] + (column - 1) * cell)
      part[1] = Math.min(part[1], corner[1] + (row - 1) * cell)
      part[2] = Math.max(part[2], corner[0] + (column + 2) * cell)
      part[3] = Math.max(part[3], corner[1] + (row + 2) * cell)
    }
  }
  const shown = [Math.max(part[0], rect[0]), Math.max(part[1], rect[1]), Math.min(part[2], rect[2]), Math.min(part[3], rect[3])]
  return shown[0] < shown[2] && shown[1] < shown[3] ? shown : null
}

/** …cb|abc…cb| of a|bc…: past the border the way back, the border's pixels once. */
function mirrored(at: number, length: number): number {
  if (at >= 0 && at < length) return at
  if (length === 1) return 0
  const around = Math.abs(at) % (2 * length - 2)
  return around < length ? around : 2 * length - 2 - around
}
