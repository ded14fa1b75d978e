import type { Keypoints } from './keypoints'

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
}

const FLAT = 1e-3 // a hull with a smaller share of the square over its extent is a line, but for rounding
const LEAST = 1e-2 // extent below which keypoints are one point, but for rounding; the picture's side is 2

export const COPY: Transfer = { relativeMotion: true, relativeJacobian: true, adaptMovementScale: true, gain: 1 }

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

/** Size of the source face over the driver's: the square root of the ratio of their hulls; 1 where one has none worth the name. */
export function movementScale(source: Keypoints, initial: Keypoints): number {
  if (isFlat(source.value) || isFlat(initial.value)) return 1
  return Math.sqrt(hullArea(source.value) / hullArea(initial.value))
}

/** Whether the hull of (K, 2) points is a line or a point. */
function isFlat(points: Float32Array): boolean {
  const sides = [0, 1].map((axis) => {
    const places = points.filter((_, i) => i % 2 === axis)
    return Math.max(...places) - Math.min(...places)
  })
  return hullArea(points) <= FLAT * Math.max(Math.hypot(...sides), LEAST) ** 2
}

/** Area of the convex hull of (K, 2) points. */
export function hullArea(points: Float32Array): number {
  const sorted = Array.from({ length: points.length / 2 }, (_, k): Point => [points[2 * k], points[2 * k + 1]])
  sorted.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const hull = [...halfHull(sorted), ...halfHull(sorted.reverse())]
  const doubled = hull.reduce((sum, [x, y], k) => {
    const [nextX, nextY] = hull[(k + 1) % hull.length]
    return sum + x * nextY - nextX * y
  }, 0)
  return Math.abs(doubled) / 2
}

/** The driving frame whose pose is nearest to the source's, whatever the place and size of the faces. */
export function findBestFrame(source: Keypoints, driving: Keypoints[]): number {
  const target = pose(source.value)
  const distances = driving.map(({ value }) => pose(value).reduce((sum, at, i) => sum + (at - target[i]) ** 2, 0))
  return distances.indexOf(Math.min(...distances))
}

type Point = [number, number]
type Matrix = [number, number, number, number]

/** One side of the hull of sorted points (Andrew's monotone chain), without its last point. */
function halfHull(points: Point[]): Point[] {
  const side: Point[] = []
  for (const point of points) {
    while (side.length > 1 && cross(side[side.length - 2], side[side.length - 1], point) <= 0) side.pop()
    side.push(point)
  }
  return side.slice(0, -1)
}

function cross(from: Point, over: Point, to: Point): number {
  return (over[0] - from[0]) * (to[1] - from[1]) - (over[1] - from[1]) * (to[0] - from[0])
}

/** Points around their middle, scaled to a hull of area 1. */
function pose(points: Float32Array): number[] {
  const count = points.length / 2
  const middle = [0, 0]
  points.forEach((at, i) => (middle[i % 2] += at / count))
  const size = Math.sqrt(Math.max(hullArea(points), 1e-8))
  return Array.from(points, (at, i) => (at - middle[i % 2]) / size)
}

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
