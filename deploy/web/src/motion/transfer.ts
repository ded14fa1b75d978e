import type { Keypoints } from './keypoints'
import { movementScale } from './size'

/** How the driver's motion is given to the source (section 3.3 of the paper). */
export interface Transfer {
  /** Move by the driver's change since the initial frame; off copies where the driver is. */
  relativeMotion: boolean
  /** The same choice for the local stretching. */
  relativeJacobian: boolean
  /** Scale the movement by the size of the source face over the driver's. */
  adaptMovementScale: boolean
  /** 1 copies the movement, less calms it, more exaggerates; only with relative motion. */
  gain: number
  /** So many seconds from the start the motion comes in, smoothly; 0 lets it begin at once. */
  fadeInS: number
}

/** Suits a motion that does not begin in the source's pose, as with a medoid. */
export const FADE_IN_S = 0.3

export const COPY: Transfer = { relativeMotion: true, relativeJacobian: true, adaptMovementScale: true, gain: 1, fadeInS: FADE_IN_S }

/** Where the source's keypoints go when it moves like the driver did since its initial frame. */
export function transferMotion(source: Keypoints, driving: Keypoints, initial: Keypoints, transfer: Transfer): Keypoints {
  if (!transfer.relativeMotion) return driving
  const scale = (transfer.adaptMovementScale ? movementScale(source, initial) : 1) * transfer.gain
  // x = source + s·(driving - initial),  J = J_driving · J_initial⁻¹ · J_source
  const value = source.value.map((from, i) => (driving.value[i] - initial.value[i]) * scale + from)
  if (!driving.jacobian || !initial.jacobian || !source.jacobian) return { value, jacobian: null }
  if (!transfer.relativeJacobian) return { value, jacobian: driving.jacobian }
  const jacobian = new Float32Array(source.jacobian.length)
  for (let at = 0; at < jacobian.length; at += 4) {
    const change = multiply(matrix(driving.jacobian, at), inverse(matrix(initial.jacobian, at)))
    jacobian.set(multiply(towards(change, transfer.gain), matrix(source.jacobian, at)), at)
  }
  return { value, jacobian }
}

/** What becomes of moved keypoints so many seconds from the start of a motion that comes in from the source's own. */
export function fadeIn(source: Keypoints, moved: Keypoints, seconds: number, fadeInS: number): Keypoints {
  if (seconds >= fadeInS) return moved
  const share = seconds / fadeInS
  const eased = share * share * (3 - 2 * share)
  const between = (from: Float32Array, to: Float32Array): Float32Array => to.map((place, i) => from[i] + eased * (place - from[i]))
  const jacobian = moved.jacobian && source.jacobian ? between(source.jacobian, moved.jacobian) : moved.jacobian
  return { value: between(source.value, moved.value), jacobian }
}

type Matrix = [number, number, number, number]

function matrix(values: Float32Array, at: number): Matrix {
  return [values[at], values[at + 1], values[at + 2], values[at + 3]]
}

function multiply(a: Matrix, b: Matrix): Matrix {
  return [
    a[0] * b[0] + a[1] * b[2],
    a[0] * b[1] + a[1] * b[3],
    a[2] * b[0] + a[3] * b[2],
    a[2] * b[1] + a[3] * b[3]
  ]
}

function inverse([a, b, c, d]: Matrix): Matrix {
  const determinant = a * d - b * c
  return [d / determinant, -b / determinant, -c / determinant, a / determinant]
}

/** From the identity (gain 0) to the change (gain 1) and beyond. */
function towards(change: Matrix, gain: number): Matrix {
  const identity: Matrix = [1, 0, 0, 1]
  return change.map((value, i) => identity[i] + gain * (value - identity[i])) as Matrix
}
