import { smoothStep } from './canvas'

const WHOLE: [number, number] = [0.15, 0.45] // what becomes of an area in a face over which the flow is left as it is, and below which calmed
const AROUND: [number, number] = [-0.5, -0.1] // the same where a face is not: a wall that stays beside a head stretches, and may turn a little
const INSIDE: [number, number] = [0.4, 0.55] // from the middle of the crop, in half sides, where the face ends
const CALM = [2, 4] // widths of the averages that calm it, one after the other, in cells of the flow
const FACE: [number, number] = [0.2, 0.8] // part of the crop that is compared with a plane
const ELSEWHERE = 0.1 // half sides from that plane at which a place counts half
const ROUNDS = 6 // in which that is found
const TAIL = 4 // widths of a gaussian that are summed

/** A displacement of the crop's pixels, (height, width, 2) in half sides. */
export interface Displacement {
  values: Float32Array
  width: number
  height: number
}

/**
 * The same displacement without folds.
 *
 * It takes averages of its surroundings where it makes areas of the face small, det(I + ∇d) → 0, and where it turns
 * those of anything inside out.
 */
export function unfolded(given: Displacement): Displacement {
  const { width, height } = given
  let values = given.values
  for (const calm of CALM) {
    const folds = torn({ values, width, height })
    if (!folds.some((weight) => weight > 0)) break
    const weight = blurred(dilated(folds, width, height), width, height, 1, 1, mirrored)
    const calmed = blurred(values, width, height, 2, calm, held)
    const before = values
    values = before.map((value, at) => value + weight[at >> 1] * (calmed[at] - value))
  }
  return { values, width, height }
}

/** How much each cell of a displacement is to be calmed. */
function torn(d: Displacement): Float32Array {
  const face = faceShare(d)
  return areas(d).map((of, cell) => 1 - face[cell] * smoothStep(of, ...WHOLE) - (1 - face[cell]) * smoothStep(of, ...AROUND))
}

/** How much each cell of a displacement shows of the face in the middle of the source's crop. */
function faceShare({ values, width, height }: Displacement): Float32Array {
  const middle = (index: number, side: number): number => (index + 0.5) * (2 / side) - 1
  return Float32Array.from({ length: width * height }, (_, cell) => {
    const [x, y] = [middle(cell % width, width), middle(Math.floor(cell / width), height)]
    return 1 - smoothStep(Math.hypot(x + values[2 * cell], y + values[2 * cell + 1]), ...INSIDE)
  })
}

/** What becomes of areas under a displacement: det(I + ∇d), 1 at rest, negative in folds. */
export function areas({ values, width, height }: Displacement): Float32Array {
  const slope = (at: number, step: number, index: number, length: number): number => {
    const [back, ahead] = [index > 0 ? step : 0, index < length - 1 ? step : 0]
    return ((values[at + ahead] - values[at - back]) * length) / (2 * ((back + ahead) / step))
  }
  return Float32Array.from({ length: width * height }, (_, cell) => {
    const [x, y, at] = [cell % width, Math.floor(cell / width), 2 * cell]
    const [xx, yx] = [slope(at, 2, x, width), slope(at + 1, 2, x, width)]
    const [xy, yy] = [slope(at, 2 * width, y, height), slope(at + 1, 2 * width, y, height)]
    return (1 + xx) * (1 + yy) - xy * yx
  })
}

/**
 * How far the parts of a face move otherwise than one flat thing would: rms distance from the affine map of most.
 *
 * Places count by Cauchy's weights, found in rounds, so that a wall that stays beside a head is no part of the face.
 */
export function unlikeAPlane({ values, width, height }: Displacement): number {
  const [left, right, top, bottom] = [width, width, height, height].map((side, index) => Math.round(FACE[index % 2] * side))
  const [middleX, middleY] = [(left + right - 1) / 2, (top + bottom - 1) / 2]
  const places: number[][] = [] // 1, x, y, and the movement there
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const at = 2 * (row * width + column)
      places.push([1, column - middleX, row - middleY, values[at], values[at + 1]])
    }
  }
  let weights = places.map(() => 1)
  let away = weights
  for (let round = 0; round < ROUNDS; round++) {
    const sums = Array.from({ length: 3 }, () => new Array<number>(5).fill(0))
    places.forEach((place, index) => {
      for (let one = 0; one < 3; one++) {
        for (let other = 0; other < 5; other++) sums[one][other] += weights[index] * place[one] * place[other]
      }
    })
    const planes = solved(sums)
    away = places.map((place) => [3, 4].reduce((sum, axis, number) => {
      const rest = place[axis] - planes.reduce((moved, plane, one) => moved + plane[number] * place[one], 0)
      return sum + rest * rest
    }, 0))
    weights = away.map((distance) => 1 / (1 + distance / ELSEWHERE ** 2))
  }
  const total = (terms: number[]): number => terms.reduce((sum, term) => sum + term, 0)
  return Math.sqrt(total(away.map((distance, index) => weights[index] * distance)) / total(weights))
}

/** The solutions X, three rows of two, of A X = B, from three rows of A and B beside one another; A is positive. */
function solved(given: number[][]): number[][] {
  const rows = given.map((row) => [...row])
  for (let pivot = 0; pivot < 3; pivot++) {
    rows[pivot] = rows[pivot].map((value) => value / rows[pivot][pivot])
    for (let row = 0; row < 3; row++) {
      if (row !== pivot) rows[row] = rows[row].map((value, column) => value - rows[row][pivot] * rows[pivot][column])
    }
  }
  return rows.map((row) => row.slice(3))
}

type Border = (at: number, length: number) => number

/** …cb|abc…yz|yx…: past the border the way back, the border's own value once. */
export function mirrored(at: number, length: number): number {
  if (length === 1) return 0
  const around = Math.abs(at) % (2 * length - 2)
  return around < length ? around : 2 * length - 2 - around
}

function held(at: number, length: number): number {
  return Math.min(Math.max(at, 0), length - 1)
}

/** The largest of each value and its eight neighbours. */
function dilated(values: Float32Array, width: number, height: number): Float32Array {
  return values.map((_, cell) => {
    let largest = 0
    for (let row = -1; row <= 1; row++) {
      for (let column = -1; column <= 1; column++) {
        const [x, y] = [held((cell % width) + column, width), held(Math.floor(cell / width) + row, height)]
        largest = Math.max(largest, values[y * width + x])
      }
    }
    return largest
  })
}

/** Averages by a gaussian `sigma` wide, of maps (height, width, channels). */
function blurred(
  values: Float32Array, width: number, height: number, channels: number, sigma: number, border: Border
): Float32Array {
  const reach = Math.round(TAIL * sigma)
  const raw = Array.from({ length: 2 * reach + 1 }, (_, tap) => Math.exp(-((tap - reach) ** 2) / (2 * sigma * sigma)))
  const sum = raw.reduce((all, weight) => all + weight)
  const weights = raw.map((weight) => weight / sum)
  const along = (from: Float32Array, step: number, length: number): Float32Array => {
    const places = Array.from({ length }, (_, index) => weights.map((_, tap) => border(index + tap - reach, length) - index))
    return from.map((_, at) => {
      const offsets = places[Math.floor(at / step) % length]
      let mean = 0
      for (let tap = 0; tap < weights.length; tap++) mean += weights[tap] * from[at + offsets[tap] * step]
      return mean
    })
  }
  return along(along(values, channels, width), channels * width, height)
}
