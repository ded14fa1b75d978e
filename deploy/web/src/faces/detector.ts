import { distinct, iou, scaled, side, type Box, type Detection } from './boxes'
import { type Picture, resize } from '../pixels'

const LONG_SIDES = [1280, 384] // small faces are seen in the large view, faces that fill the picture in the small one
const THRESHOLD = 0.7
const FLOOR = 0.3 // detections below count as none
const OVERLAP = 0.4
const JUDGED_PX = [40, 300] // faces of these sizes must convince in every view
const STRIDE = 32 // the network wants multiples of it
const GREY = 0.5

/** The network: a picture (3, h, w) in [0, 1] → probabilities (N) and boxes (N, 4) in its pixels. */
export type FaceNetwork = (view: Float32Array, width: number, height: number) => Promise<{ scores: Float32Array; boxes: Float32Array }>

interface View {
  scale: number
  found: Detection[]
}

/** Find the faces of a picture. `mostPx` bounds the larger of the two views: fewer pixels are faster. */
export async function detectFaces(picture: Picture, network: FaceNetwork, mostPx = LONG_SIDES[0]): Promise<Detection[]> {
  const own = Math.max(picture.width, picture.height)
  const sides = [...new Set(LONG_SIDES.map((long) => Math.min(own, long, mostPx)))].sort((a, b) => a - b)
  const views: View[] = []
  for (const long of sides) views.push({ scale: long / own, found: await look(picture, long / own, network) })
  return distinct(views.flatMap((view) => view.found), OVERLAP)
    .map((face) => ({ box: face.box, score: agreedScore(face, views) }))
    .filter((face) => face.score >= THRESHOLD)
}

async function look(picture: Picture, scale: number, network: FaceNetwork): Promise<Detection[]> {
  const width = Math.max(1, Math.round(picture.width * scale))
  const height = Math.max(1, Math.round(picture.height * scale))
  const [paddedWidth, paddedHeight] = [width, height].map((length) => Math.ceil(length / STRIDE) * STRIDE)
  const { scores, boxes } = await network(padded(resize(picture, width, height), paddedWidth, paddedHeight), paddedWidth, paddedHeight)
  const found: Detection[] = []
  scores.forEach((score, at) => {
    if (score <= FLOOR) return
    const box = Array.from(boxes.subarray(4 * at, 4 * at + 4)) as Box
    found.push({ box: scaled(box, picture.width / width, picture.height / height), score })
  })
  return distinct(found, OVERLAP)
}

/** Mean score of a face over the views that show it at a size the network judges well. */
function agreedScore(face: Detection, views: View[]): number {
  const scores = views
    .filter(({ scale }) => scale * side(face.box) >= JUDGED_PX[0] && scale * side(face.box) <= JUDGED_PX[1])
    .map(({ found }) => {
      const same = found.filter(({ box }) => iou(face.box, box) > OVERLAP).map(({ score }) => score)
      return same.length ? Math.max(...same) : FLOOR
    })
  return scores.length ? scores.reduce((sum, score) => sum + score) / scores.length : face.score
}

/** A picture as (3, h, w) in [0, 1], grey on the right and below. */
function padded(picture: Picture, width: number, height: number): Float32Array {
  const batch = new Float32Array(3 * width * height).fill(GREY)
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        batch[(channel * height + y) * width + x] = picture.data[4 * (y * picture.width + x) + channel] / 255
      }
    }
  }
  return batch
}
