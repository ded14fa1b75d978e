import { smoothStep, type Canvas } from './canvas'
import { unfolded, unlikeAPlane } from './folds'

const STEEPEST = 0.6 // of the room: a displacement that grows no faster cannot fold by itself
const SHOWN: [number, number] = [0.4, 0.8] // visibility over which the source's pixels take over from the network's
const STILL = 1e-5 // half sides that are no movement, but rounding
const LEAST_SEEN = 0.3 // visibility of the still source that counts at least: what was never seen is no measure
const UNLIKE: [number, number] = [0.025, 0.065] // movement unlike that of a plane, in half sides, over which sharp pixels lose trust
const UNSURE = 0.8 // the network's share in a face that turns furthest

/** What a network tells of a moment beside the pixels. */
export interface FlowMaps {
  /** (height, width, 2) where colours come from, corner pixels at exactly -1 and 1. */
  deformation: Float32Array
  /** (height, width) how much of the source is seen; null if the network does not tell: what moves may then be hidden. */
  occlusion: Float32Array | null
  width: number
  height: number
}

/**
 * Follows a face's flow on its canvas.
 *
 * `still` is what the network tells of the source in its own pose, and so what "all seen" looks like; `unit` the half
 * sides of the crop by which a flow of 1 moves.
 */
export class Follower {
  constructor(
    private readonly canvas: Canvas,
    private readonly still: FlowMaps,
    private readonly unit: number
  ) {}

  /**
   * What becomes of the canvas: (rows, columns, 3), x and y in pixels and a share of the network's pixels.
   *
   * The colour at p comes from p + (x, y); the network's pixels are laid over the source's own.
   */
  follow(now: FlowMaps): Float32Array<ArrayBuffer> {
    const { canvas } = this
    const moved = { values: displacementOf(now, this.unit), width: now.width, height: now.height }
    const { values } = unfolded(moved)
    if (values.every((value) => Math.abs(value) < STILL)) values.fill(0)
    const unsure = UNSURE * smoothStep(unlikeAPlane(moved), ...UNLIKE)
    const flow = new Float32Array(3 * canvas.columns * canvas.rows)
    for (let at = 0; at < canvas.room.length; at++) {
      if (canvas.room[at] === 0) continue
      const u = canvas.places[2 * at]
      const v = canvas.places[2 * at + 1]
      let x = seen(values, 2, 0, now, u, v)
      let y = seen(values, 2, 1, now, u, v)
      const kept = heldBack(Math.hypot(x, y), STEEPEST * canvas.room[at])
      x *= kept
      y *= kept
      const share = canvas.painted[at] > 0 ? Math.max(this.hidden(now, u, v, x, y, kept), unsure * kept) : 0
      flow.set(this.insideThePicture(x * canvas.half[0], y * canvas.half[1], at), 3 * at)
      flow[3 * at + 2] = share * canvas.painted[at]
    }
    return flow
  }

  /** How much of a place has to be painted: where the network sees less of the source than it does at rest. */
  private hidden(now: FlowMaps, u: number, v: number, x: number, y: number, kept: number): number {
    if (!now.occlusion || !this.still.occlusion) return x || y ? kept : 0
    const atRest = seen(this.still.occlusion, 1, 0, this.still, u + x, v + y)
    const lost = Math.max(0, atRest - seen(now.occlusion, 1, 0, now, u, v))
    const visible = 1 - lost / Math.max(atRest, LEAST_SEEN)
    return 1 - smoothStep(1 - (1 - visible) * kept, ...SHOWN)
  }

  private insideThePicture(x: number, y: number, at: number): [number, number] {
    const { columns, left, right, above, below } = this.canvas
    const [column, row] = [at % columns, Math.floor(at / columns)]
    return [
      x * heldBack(Math.abs(x), x < 0 ? left[column] : right[column]),
      y * heldBack(Math.abs(y), y < 0 ? above[row] : below[row])
    ]
  }
}

/** By what to multiply a displacement of this length, so that it stays below `room`: 1 while it is small. */
function heldBack(length: number, room: number): number {
  return room > 0 ? (1 + (length / Math.max(room, 1e-6)) ** 4) ** -0.25 : 0
}

function displacementOf({ deformation, width, height }: FlowMaps, unit: number): Float32Array {
  return deformation.map((place, at) => {
    const cell = at >> 1
    const identity = at % 2 ? (2 * Math.floor(cell / width)) / (height - 1) - 1 : (2 * (cell % width)) / (width - 1) - 1
    return (place - identity) * unit
  })
}

/** A map's value at a place in half sides; past the crop the nearest value. */
function seen(values: Float32Array, step: number, channel: number, { width, height }: FlowMaps, u: number, v: number): number {
  const x = Math.min(Math.max(((u + 1) * width - 1) / 2, 0), width - 1)
  const y = Math.min(Math.max(((v + 1) * height - 1) / 2, 0), height - 1)
  const [column, row] = [Math.floor(x), Math.floor(y)]
  const [right, down] = [column < width - 1 ? step : 0, row < height - 1 ? step * width : 0]
  const at = step * (row * width + column) + channel
  const above = values[at] + (x - column) * (values[at + right] - values[at])
  const below = values[at + down] + (x - column) * (values[at + down + right] - values[at + down])
  return above + (y - row) * (below - above)
}
