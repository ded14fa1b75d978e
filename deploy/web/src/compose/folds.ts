import { smoothStep } from './canvas'

const FACE = [0, 0.09, 0.42, 0.57] // middle (x, y) and half axes of a face in a crop of the page, in half sides from its middle
const FACE_ENDS: [number, number] = [0.95, 1.3] // where it ends, in these half axes
const WHOLE: [number, number] = [0.15, 0.45] // what becomes of areas of a face: below it they are calmed, above left as they are
const AROUND: [number, number] = [-0.5, -0.1] // the same around it: between a wall that stays and a head the flow stretches, or turns a little
const CALM = [2, 4] // widths of the averages that calm it, one after the other, in cells of the flow
const LEAST_CELLS = 4 // of a face that tell of a plane
const LEVEL = 1e-6 // how little a plane likes to slope
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
    const found = calming({ values, width, height })
    if (!found.some((weight) => weight > 0)) break
    const weight = blurred(dilated(found, width, height), width, height, 1, 1, mirrored)
    const calmed = blurred(values, width, height, 2, calm, held)
    const before = values
    values = before.map((value, at) => value + weight[at >> 1] * (calmed[at] - value))
  }
  return { values, width, height }
}

/** How much each cell of a displacement is to be calmed. */
function calming(d: Displacement): Float32Array {
  const face = faceShare(d)
  return areas(d).map((area, cell) => 1 - face[cell] * smoothStep(area, ...WHOLE) - (1 - face[cell]) * smoothStep(area, ...AROUND))
}

/** How far each cell of a displacement shows the face of the source's crop. */
function faceShare(d: Displacement): Float32Array {
  const [middleX, middleY, halfX, halfY] = FACE
  const places = cellPlaces(d)
  return Float32Array.from({ length: d.width * d.height }, (_, cell) => {
    const [x, y] = [(places[2 * cell] - middleX) / halfX, (places[2 * cell + 1] - middleY) / halfY]
    return 1 - smoothStep(Math.hypot(x, y), ...FACE_ENDS)
  })
}

/** Where in the crop each cell of a displacement comes from, (height, width, 2) in half sides from the crop's middle. */
function cellPlaces({ values, width, height }: Displacement): Float32Array {
  const middle = (index: number, side: number): number => (index + 0.5) * (2 / side) - 1
  return values.map((value, at) => {
    const cell = at >> 1
    return value + (at % 2 ? middle(Math.floor(cell / width), height) : middle(cell % width, width))
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
 * How far the parts of a face move otherwise than one flat thing would: rms distance from the best affine map.
 *
 * In half sides; 0 where the displacement shows hardly anything of the face.
 */
export function unlikeAPlane(d: Displacement): number {
  const weights = faceShare(d)
  const total = (term: (cell: number) => number): number => weights.reduce((sum, weight, cell) => sum + weight * term(cell), 0)
  const all = total(() => 1)
  if (all < LEAST_CELLS) return 0
  const [column, row] = [(cell: number) => cell % d.width, (cell: number) => Math.floor(cell / d.width)]
  const [middleX, middleY] = [total(column) / all, total(row) / all]
  const place = (cell: number): number[] => [1, column(cell) - middleX, row(cell) - middleY]
  const moved = (cell: number): number[] => [d.values[2 * cell], d.values[2 * cell + 1]]
  const places = Array.from(weights, (_, cell) => [...place(cell), ...moved(cell)]) // 1, x, y, and the movement there
  const sums = [0, 1, 2].map((one) => [0, 1, 2, 3, 4].map((other) =>
    total((cell) => places[cell][one] * places[cell][other]) + (one === other ? LEVEL : 0)))
  const slopes = solved(sums)
  const away = (cell: number): number => [0, 1].reduce((sum, axis) => {
    const rest = slopes.reduce((left, slope, one) => left - slope[axis] * places[cell][one], places[cell][3 + axis])
    return sum + rest * rest
  }, 0)
  return Math.sqrt(total(away) / all)
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
