import type { Keypoints } from './keypoints'

const FLAT = 1e-3 // a hull with a smaller share of the square over its extent is a line, but for rounding
const LEAST = 1e-2 // extent below which keypoints are one point, but for rounding; the picture's side is 2

type Point = [number, number]

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
