import { iou, side, type Box, type Detection } from './boxes'

export const MARGIN = 0.75 // the crop's side is 1.75 face sides, as in the crops that the embedded model learnt from
const LIFT = 0.08 // the crop's middle is this share of a face side above the box's, to leave room for the hair
const OVERLAP = 0.5 // of two boxes that overlap more, one is left
const ROOM = 1.12 // the driver's view is this much larger than everything the face passes through …
const WIDEST = 2.3 // … but no larger than this many faces
const PREPARED = 0.75 // a view this large, in short sides of the frame, means that the video is cropped to the face already
const SAME = 0.05 // least overlap with where the face was; something small in its place is not the driver
const SNUGGEST = 1.4 // a view that passes the frame's border shrinks to this many faces before it does

/** Crops of a picture's faces, one per person, left to right. */
export function cropsOf(detections: Detection[]): Box[] {
  const kept: Detection[] = []
  for (const next of [...detections].sort((a, b) => b.score - a.score)) {
    if (kept.every((better) => iou(better.box, next.box) <= OVERLAP)) kept.push(next)
  }
  return kept.sort((a, b) => a.box[0] + a.box[2] - b.box[0] - b.box[2]).map(({ box }) => squareCrop(box))
}

/** The square around a face box with head and shoulders, in whole pixels; may reach past the picture's border. */
export function squareCrop([x0, y0, x1, y1]: Box): Box {
  const face = side([x0, y0, x1, y1])
  const length = Math.max(2, round((1 + MARGIN) * face))
  const left = round((x0 + x1 - length) / 2)
  const top = round((y0 + y1 - length) / 2 - LIFT * face)
  return [left, top, left + length, top + length]
}

/** The part of a driving video to look at; null for the whole frame, where no face is found and where it shows little else. */
export function viewOf(track: Box[], width: number, height: number): Box | null {
  if (!track.length) return null
  const view = fixedView(track, width, height)
  const [short, long] = [Math.min(width, height), Math.max(width, height)]
  return view[2] - view[0] >= PREPARED * short && long <= 1.25 * short ? null : view
}

/** One square for a driver's face in several moments: it keeps the movement and adds no jitter of its own. */
export function fixedView(boxes: Box[], width: number, height: number): Box {
  const face = median(boxes.map(side))
  const [low, high] = [0, 1].map((end) => [0, 1].map((axis) =>
    boxes.map((box) => box[axis + 2 * end]).reduce((a, b) => (end ? Math.max(a, b) : Math.min(a, b)))))
  const extent = Math.max(high[0] - low[0], high[1] - low[1])
  const wanted = Math.max((1 + MARGIN) * face, Math.min(ROOM * extent, WIDEST * face))
  const length = round(Math.min(wanted, Math.max(SNUGGEST * face, Math.min(width, height))))
  const corner = [0, 1].map((axis) => {
    const usual = median(boxes.map((box) => (box[axis] + box[axis + 2]) / 2))
    const least = Math.min(high[axis] - length / 2, usual)
    const most = Math.max(low[axis] + length / 2, usual)
    const middle = Math.min(Math.max(usual, least), most) - (axis ? LIFT * face : 0)
    const limit = axis ? height : width
    const start = round(middle - length / 2)
    return length <= limit ? Math.min(Math.max(start, 0), limit - length) : round((limit - length) / 2)
  })
  return [corner[0], corner[1], corner[0] + length, corner[1] + length]
}

/** Follow one face through several moments: the largest at first, then what overlaps its last place most. */
export function followFace(moments: Detection[][]): Box[] {
  const track: Box[] = []
  for (const found of moments) {
    const last = track[track.length - 1]
    const candidates = last ? found.filter(({ box }) => iou(last, box) >= SAME) : found
    if (!candidates.length) continue
    const fit = ({ box }: Detection): number => (last ? iou(last, box) : side(box))
    track.push(candidates.reduce((best, next) => (fit(next) > fit(best) ? next : best)).box)
  }
  return track
}

/** Of the crops around a place that whose middle is nearest; -1 where there is none. */
export function faceAt(crops: readonly Box[], x: number, y: number): number {
  const distance = ([x0, y0, x1, y1]: Box): number =>
    x < x0 || x > x1 || y < y0 || y > y1 ? Infinity : Math.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) / (x1 - x0)
  const distances = crops.map(distance)
  const least = Math.min(...distances)
  return least < Infinity ? distances.indexOf(least) : -1
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** To the nearest whole number, halves to the even one, as Python does. */
function round(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
