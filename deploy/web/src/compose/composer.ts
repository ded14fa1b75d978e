import type { Box } from '../faces/boxes'
import type { Canvas } from './canvas'
import type { Picture } from '../pixels'

/** What a face became at one moment. */
export interface MovedFace {
  /** (rows, columns, 3) on the grid of the face's canvas, see `Follower`. */
  flow: Float32Array<ArrayBuffer>
  /** The network's pixels of the crop. */
  pixels: Picture
}

/** Whether a face is as it is in the picture, bit for bit. */
export function isStill({ flow }: MovedFace): boolean {
  return flow.every((value, at) => (at % 3 === 2 ? value < PAINTS : value === 0))
}

/** Makes whole pictures of faces in motion: the picture's own pixels moved, the network's where it has none to show. */
export interface Composer {
  /** Show faces, one for each canvas, on the picture's drawing surface. Pixels outside the canvases are left alone. */
  draw(context: CanvasRenderingContext2D, faces: MovedFace[]): void
  /** Give back what it holds. */
  close(): void
}

/** What a composer works on: a picture, and the crops and canvases of the faces that move. */
export interface Scene {
  picture: Picture
  crops: Box[]
  canvases: Canvas[]
}

export const PAINTS = 1 / 512 // share of the network's pixels from which they can be seen
export const PHASES = 1024 // places between two pixels that are told apart
export const ONE = 2048 // so that 255 levels times two weights fit in 32 bits
export const CUBIC = -0.75 // the sharpness of OpenCV's bicubic interpolation

/** Weights of four neighbours, in parts of ONE, for each of PHASES places between the middle two: (PHASES + 1, 4). */
export function cubicTable(): Int16Array {
  const table = new Int16Array(4 * (PHASES + 1))
  for (let phase = 0; phase <= PHASES; phase++) {
    const t = phase / PHASES
    const weights = [0, 1, 2, 3].map((tap) => Math.round(ONE * cubic(Math.abs(tap - 1 - t))))
    weights[t < 0.5 ? 1 : 2] += ONE - weights.reduce((sum, weight) => sum + weight)
    table.set(weights, 4 * phase)
  }
  return table
}

function cubic(d: number): number {
  if (d <= 1) return (CUBIC + 2) * d ** 3 - (CUBIC + 3) * d ** 2 + 1
  return d < 2 ? CUBIC * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0
}
