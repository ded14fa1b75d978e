import type { Box } from '../faces/boxes'

const REACH = 1.5 // how far from the middle anything may move
const CELLS = 64 // of the grid on which flow and shares are computed, per side of the crop
const ROUNDNESS = 4
const WITHIN_BORDER = 0.6 // share of the way to the picture's border that a colour may come from
const PAINTED: [number, number] = [0.7, 0.98] // distance over which the network's pixels fade out
const SEAM = 0.08 // the same towards another face, from the border between the two

/**
 * The geometry of one face's movement, the same in all frames.
 *
 * Places relative to a face are in half sides of its crop, (u, v) from the crop's middle: the crop is [-1, 1]².
 * Distances from the middle are (|u|⁴ + |v|⁴)^¼, so that lines of equal distance are rounded squares.
 */
export interface Canvas {
  /** The pixels of the picture on which the face may move anything. */
  rect: Box
  /** The grid's first pixel (x, y): the grid is a cell larger than `rect` all around. */
  corner: [number, number]
  /** The side of a cell in pixels. */
  cell: number
  columns: number
  rows: number
  /** (rows, columns, 2) where the cells' middles lie in the crop, in half sides. */
  places: Float32Array
  /** (rows, columns) how far a colour may come, in half sides: 0 on the rim and on the border to another face. */
  room: Float32Array
  /** How far colours may come from the left and right, in pixels, by column; from above and below, by row. */
  left: Float32Array
  right: Float32Array
  above: Float32Array
  below: Float32Array
  /** (rows, columns) greatest share of the network's pixels. */
  painted: Float32Array
  /** Pixels in half a side of the crop, across and down. */
  half: [number, number]
}

/** A face's canvas in a picture. The other faces, moving or not, keep their place: flows vanish between faces. */
export function canvasOf(crop: Box, others: Box[], width: number, height: number): Canvas {
  const rect = canvasBox(crop, width, height)
  const cell = Math.max(1, Math.floor(Math.max(crop[2] - crop[0], crop[3] - crop[1]) / CELLS))
  const [columns, rows] = [0, 1].map((axis) => Math.ceil((rect[axis + 2] - rect[axis]) / cell) + 2)
  const corner: [number, number] = [rect[0] - cell, rect[1] - cell]
  const [xs, ys] = [middles(corner[0], cell, columns), middles(corner[1], cell, rows)]
  const [moving, shown] = [REACH, 1].map((reach) => sidesThatCount(crop, reach, width, height))
  const [places, room, painted] = [2, 1, 1].map((channels) => new Float32Array(channels * columns * rows))
  ys.forEach((y, row) => xs.forEach((x, column) => {
    const at = row * columns + column
    const [u, v] = inCrop(crop, x, y)
    const nearest = Math.min(...others.map((other) => distance(...inCrop(other, x, y))))
    const ahead = (nearest - distance(u, v)) / 2 // of the border to the nearest other face
    places.set([u, v], 2 * at)
    room[at] = Math.max(0, Math.min(REACH - counted(moving, u, v), ahead))
    painted[at] = (1 - smoothStep(counted(shown, u, v), ...PAINTED)) * smoothStep(ahead, 0, SEAM)
  }))
  const free = (pixels: number[]): Float32Array => Float32Array.from(pixels, (value) => Math.max(0, WITHIN_BORDER * value))
  return {
    rect, corner, cell, columns, rows, places, room, painted,
    left: free(xs), right: free(xs.map((x) => width - 1 - x)), above: free(ys), below: free(ys.map((y) => height - 1 - y)),
    half: [(crop[2] - crop[0]) / 2, (crop[3] - crop[1]) / 2]
  }
}

/** The canvas of each of these crops; `still` are those of faces that do not move. */
export function canvasesOf(crops: Box[], still: Box[], width: number, height: number): Canvas[] {
  return crops.map((crop) => canvasOf(crop, [...crops, ...still].filter((other) => other !== crop), width, height))
}

/** Smoothly from 0 at `low` to 1 at `high`. */
export function smoothStep(value: number, low: number, high: number): number {
  const share = Math.min(Math.max((value - low) / (high - low), 0), 1)
  return share * share * (3 - 2 * share)
}

function canvasBox(crop: Box, width: number, height: number): Box {
  const [left, top] = toPicture(crop, -REACH, -REACH).map((low) => Math.max(0, Math.floor(low + 0.5)))
  const [right, bottom] = toPicture(crop, REACH, REACH).map((high) => Math.ceil(high + 0.5))
  return [left, top, Math.max(left, Math.min(width, right)), Math.max(top, Math.min(height, bottom))]
}

/** From half sides of a crop to pixels of the picture, whose centres are whole numbers. */
function toPicture([x0, y0, x1, y1]: Box, u: number, v: number): [number, number] {
  return [x0 + (x1 - x0 - 1) / 2 + (u * (x1 - x0)) / 2, y0 + (y1 - y0 - 1) / 2 + (v * (y1 - y0)) / 2]
}

function inCrop([x0, y0, x1, y1]: Box, x: number, y: number): [number, number] {
  return [(x - x0 - (x1 - x0 - 1) / 2) / ((x1 - x0) / 2), (y - y0 - (y1 - y0 - 1) / 2) / ((y1 - y0) / 2)]
}

function middles(corner: number, cell: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => corner + (index + 0.5) * cell - 0.5)
}

type Range = [number, number]

/** From where to where u, and v, count: sides that pass the picture's border do not, for there is nothing beyond. */
function sidesThatCount(crop: Box, reach: number, width: number, height: number): [Range, Range] {
  const passes = (u: number, v: number): boolean => {
    const [x, y] = toPicture(crop, u, v)
    return !(x > -0.5 && x < width - 0.5 && y > -0.5 && y < height - 0.5)
  }
  return [
    [passes(-reach, 0) ? 0 : -Infinity, passes(reach, 0) ? 0 : Infinity],
    [passes(0, -reach) ? 0 : -Infinity, passes(0, reach) ? 0 : Infinity]
  ]
}

/** The distance from the middle, of which only some sides count. */
function counted([across, down]: [Range, Range], u: number, v: number): number {
  return distance(Math.min(Math.max(u, across[0]), across[1]), Math.min(Math.max(v, down[0]), down[1]))
}

/** From the middle of a face, in half sides. */
function distance(u: number, v: number): number {
  return (u ** ROUNDNESS + v ** ROUNDNESS) ** (1 / ROUNDNESS)
}
