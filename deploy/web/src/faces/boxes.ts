/** x0, y0, x1, y1 in pixels of one picture, origin at its top-left corner. */
export type Box = [number, number, number, number]

/** One face as a detector sees it. */
export interface Detection {
  box: Box
  score: number
}

export function area([x0, y0, x1, y1]: Box): number {
  return (x1 - x0) * (y1 - y0)
}

/** The longer side. */
export function side([x0, y0, x1, y1]: Box): number {
  return Math.max(x1 - x0, y1 - y0)
}

/** Intersection over union; empty boxes overlap nothing. */
export function iou(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  const common = Math.max(0, width) * Math.max(0, height)
  return common > 0 ? common / (area(a) + area(b) - common) : 0
}

/** Of each group of overlapping detections the best, best first. */
export function distinct(detections: Detection[], overlap: number): Detection[] {
  const kept: Detection[] = []
  for (const next of [...detections].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => iou(better.box, next.box) <= overlap)) kept.push(next)
  }
  return kept
}

/** The same box in a picture that is larger by these factors. */
export function scaled([x0, y0, x1, y1]: Box, across: number, down: number): Box {
  return [x0 * across, y0 * down, x1 * across, y1 * down]
}
