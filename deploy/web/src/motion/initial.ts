import type { KeypointSequence, Keypoints } from './keypoints'
import { hullArea } from './size'

const MOST = 500 // frames that are compared with one another, spread over the video
const FAR = 0.9 // share of the frames that a medoid is near to

/** The driving frame from which motion counts: the first one, the nearest to the source's pose, or that from which no other is far. */
export type InitialFrame = 'first' | 'best' | 'medoid'

/** Index of the driving frame that corresponds to the source, of those that show the driver, if any does. */
export function initialFrame(source: Keypoints, driving: KeypointSequence, asked: InitialFrame): number {
  const seen = driving.frames.map((_, frame) => frame).filter((frame) => driving.seen?.[frame])
  const among = seen.length ? seen : driving.frames.map((_, frame) => frame)
  const frames = among.map((frame) => driving.frames[frame])
  if (asked === 'best') return among[findBestFrame(source, frames)]
  return among[asked === 'medoid' ? findMedoid(frames) : 0]
}

/** The driving frame whose pose is nearest to the source's, whatever the place and size of the faces. */
export function findBestFrame(source: Keypoints, driving: Keypoints[]): number {
  const target = pose(source.value)
  const distances = driving.map(({ value }) => pose(value).reduce((sum, at, i) => sum + (at - target[i]) ** 2, 0))
  return distances.indexOf(Math.min(...distances))
}

/** The frame from which nine tenths of the others are nearest, by the mean distance of their keypoints; of a long video frames spread over it are compared. */
export function findMedoid(driving: Keypoints[]): number {
  const step = Math.max(1, Math.ceil(driving.length / MOST))
  const spread = driving.map((_, frame) => frame).filter((frame) => frame % step === 0)
  const reach = spread.map((from) => quantile(spread.map((to) => distance(driving[from], driving[to])), FAR))
  return spread[reach.indexOf(Math.min(...reach))]
}

/** Mean distance of the same keypoints in two frames. */
function distance({ value: a }: Keypoints, { value: b }: Keypoints): number {
  let sum = 0
  for (let at = 0; at < a.length; at += 2) sum += Math.hypot(a[at] - b[at], a[at + 1] - b[at + 1])
  return sum / (a.length / 2)
}

/** Between the two values next to it, as torch has it. */
function quantile(values: number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  const place = share * (sorted.length - 1)
  const low = Math.floor(place)
  return sorted[low] + (place - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low])
}

/** Points around their middle, scaled to a hull of area 1. */
function pose(points: Float32Array): number[] {
  const count = points.length / 2
  const middle = [0, 0]
  points.forEach((at, i) => (middle[i % 2] += at / count))
  const size = Math.sqrt(Math.max(hullArea(points), 1e-8))
  return Array.from(points, (at, i) => (at - middle[i % 2]) / size)
}
