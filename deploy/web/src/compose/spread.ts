import type { Canvas } from './canvas'

/** Spreads flows on a canvas's grid over its pixels, linear between the cells' middles. */
export class Spread {
  private readonly cells: Int32Array // for each column of pixels, where the cell on its left begins in a line …
  private readonly across: Float32Array // … and how far it is to the right of that cell's middle
  private readonly line: Float32Array // (columns + 1, 3) of a flow, between two rows

  constructor(readonly canvas: Canvas) {
    const { rect, corner, cell, columns } = canvas
    const places = Array.from({ length: rect[2] - rect[0] }, (_, at) => (rect[0] + at - corner[0] + 0.5) / cell - 0.5)
    const within = places.map((place) => Math.min(Math.max(place, 0), columns - 1))
    this.cells = Int32Array.from(within, (place) => 3 * Math.floor(place))
    this.across = Float32Array.from(within, (place) => place - Math.floor(place))
    this.line = new Float32Array(3 * (columns + 1))
  }

  /** Add the displacement (x, y) on the pixels `from` to `to` of a row of the picture. */
  add(flow: Float32Array, row: number, from: number, to: number, sums: Float32Array): void {
    const { rect } = this.canvas
    if (row < rect[1] || row >= rect[3]) return
    const { cells, across, line } = this
    this.mix(flow, row)
    for (let column = Math.max(from, rect[0]); column < Math.min(to, rect[2]); column++) {
      const at = cells[column - rect[0]]
      const t = across[column - rect[0]]
      sums[2 * column] += line[at] + t * (line[at + 3] - line[at])
      sums[2 * column + 1] += line[at + 1] + t * (line[at + 4] - line[at + 1])
    }
  }

  /** Write the network's share on the pixels of a row, from the picture's column `from`. */
  share(flow: Float32Array, row: number, from: number, out: Float32Array): void {
    const { cells, across, line } = this
    this.mix(flow, row)
    for (let index = 0; index < out.length; index++) {
      const column = index + from - this.canvas.rect[0]
      const at = cells[column] + 2
      out[index] = line[at] + across[column] * (line[at + 3] - line[at])
    }
  }

  private mix(flow: Float32Array, row: number): void {
    const { corner, cell, columns, rows } = this.canvas
    const place = Math.min(Math.max((row - corner[1] + 0.5) / cell - 0.5, 0), rows - 1)
    const above = 3 * columns * Math.floor(place)
    const below = 3 * columns * Math.min(Math.floor(place) + 1, rows - 1)
    const t = place - Math.floor(place)
    for (let at = 0; at < 3 * columns; at++) this.line[at] = flow[above + at] + t * (flow[below + at] - flow[above + at])
  }
}
