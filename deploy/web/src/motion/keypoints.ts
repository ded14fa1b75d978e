/** Where the motion is anchored in one picture, and how space stretches there. */
export interface Keypoints {
  /** (K, 2) points x, y in [-1, 1], corner pixels at exactly -1 and 1. */
  value: Float32Array
  /** (K, 2, 2) local derivatives, row by row; null for models that only move. */
  jacobian: Float32Array | null
}

/** A performer's keypoints over time. */
export interface KeypointSequence {
  frames: Keypoints[]
  fps: number
  /** For each frame, whether the performer's face is in it; null where nobody looked, and then every frame counts. */
  seen: boolean[] | null
}

/** Cut (T, K, 2) and (T, K, 2, 2) into frames. */
export function splitFrames(value: Float32Array, jacobian: Float32Array | null, points: number): Keypoints[] {
  const count = value.length / (2 * points)
  return Array.from({ length: count }, (_, t) => ({
    value: value.subarray(2 * points * t, 2 * points * (t + 1)),
    jacobian: jacobian && jacobian.subarray(4 * points * t, 4 * points * (t + 1))
  }))
}
