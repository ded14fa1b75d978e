import type { KeypointSequence, Keypoints } from './keypoints'

export const SMOOTHING = 0.15 // takes the jitter out, and leaves the movements alone
const WINDOW_S = 1.4 // at full strength

/** Let the first and the last frame in which the driver is seen stand for all before and after: a detector finds keypoints in a black picture, too, anywhere. */
export function held<C extends KeypointSequence>(motion: C): C {
  const [first, last] = [motion.seen?.indexOf(true) ?? -1, motion.seen?.lastIndexOf(true) ?? -1]
  if (first < 0) return motion
  const frames = motion.frames.map((_, frame) => motion.frames[Math.min(Math.max(frame, first), last)])
  return { ...motion, frames }
}

/**
 * Take the jitter out of a motion without delaying or flattening it.
 *
 * Savitzky and Golay's filter: each frame goes where the parabola puts it that fits its neighbours best, which are
 * those in a window of `strength` × 1.4 s; near the ends the parabola is that of the first and the last whole window.
 */
export function smooth<C extends KeypointSequence>(motion: C, strength: number): C {
  if (!strength) return motion
  const whole = held(motion) // or what was found without a driver would reach into what follows
  const width = strength * WINDOW_S * motion.fps // in frames
  if (width <= 3) return whole // a parabola goes through three points
  const values = fitted(whole.frames.map(({ value }) => value), width)
  const jacobians = whole.frames.some(({ jacobian }) => !jacobian) ? null : fitted(whole.frames.map(({ jacobian }) => jacobian!), width)
  return { ...motion, frames: values.map((value, t): Keypoints => ({ value, jacobian: jacobians && jacobians[t] })) }
}

/** Frames as the parabolas have them that fit windows `width` frames wide. Near the ends the window holds whole frames alone. */
function fitted(frames: Float32Array[], width: number): Float32Array[] {
  const half = Math.ceil((width - 1) / 2)
  const whole = Math.min(2 * Math.floor((width - 1) / 2) + 1, frames.length)
  const ends = parabola(whole, whole)
  const inside = parabola(2 * half + 1, width)[half]
  return frames.map((_, t) => {
    if (frames.length > 2 * half && t >= half && t < frames.length - half) return weighted(frames, t - half, inside)
    const start = Math.min(Math.max(t - (whole >> 1), 0), frames.length - whole)
    return weighted(frames, start, ends[t - start])
  })
}

/** The sum of frames from `start` on, each times its weight. */
function weighted(frames: Float32Array[], start: number, weights: number[]): Float32Array {
  return frames[start].map((_, at) => weights.reduce((sum, weight, t) => sum + weight * frames[start + t][at], 0))
}

/**
 * The matrix that takes `count` values to those of the parabola fitted to them.
 *
 * The window is `width` frames wide; of the outermost frames it may hold a part alone, and they weigh as much.
 */
function parabola(count: number, width: number): number[][] {
  const offsets = Array.from({ length: count }, (_, t) => t - (count - 1) / 2)
  const weights = offsets.map((offset) => Math.min(Math.max((width + 1) / 2 - Math.abs(offset), 0), 1))
  const basis = orthogonal(offsets, weights, Math.min(3, count))
  return offsets.map((_, t) => weights.map((weight, other) => basis.reduce((sum, vector) => sum + vector[t] * vector[other] * weight, 0)))
}

/** Polynomials of the first degrees at these places, of length 1 and at right angles under these weights (Gram and Schmidt). */
function orthogonal(places: number[], weights: number[], degrees: number): number[][] {
  const product = (a: number[], b: number[]): number => a.reduce((sum, value, t) => sum + value * b[t] * weights[t], 0)
  const basis: number[][] = []
  for (let degree = 0; degree < degrees; degree++) {
    const power = places.map((place) => (place / Math.max(places.length / 2, 1)) ** degree)
    const rest = basis.reduce((left, vector) => {
      const share = product(left, vector)
      return left.map((value, t) => value - share * vector[t])
    }, power)
    const length = Math.sqrt(product(rest, rest))
    basis.push(rest.map((value) => value / length))
  }
  return basis
}
