import type { Box } from '../faces/boxes'
import { element, say } from './page'

const LEAST = 24 // picture pixels
const STEP = 0.02 // of the picture's shorter side, for a key press; ten times as much with Shift

/** A square over the picture that the user moves over a face, by pointer or by keys. */
export class Marker {
  private readonly node = element('marker')
  private box: Box = [0, 0, 1, 1]
  private size = [1, 1]
  private done: ((box: Box | null) => void) | null = null

  constructor() {
    this.node.addEventListener('keydown', (event) => this.key(event))
    this.node.addEventListener('pointerdown', (event) => this.drag(event))
  }

  get open(): boolean {
    return this.done !== null
  }

  /** Let the user place the square; null if they leave it with Escape. */
  ask(width: number, height: number): Promise<Box | null> {
    this.finish(null)
    this.size = [width, height]
    const side = Math.round(0.5 * Math.min(width, height))
    const [x, y] = [Math.round((width - side) / 2), Math.round((height - side) / 3)]
    this.box = [x, y, x + side, y + side]
    this.node.hidden = false
    this.layOut()
    this.node.focus()
    return new Promise((resolve) => (this.done = resolve))
  }

  /** Take the square as it stands, or drop it. */
  finish(result: Box | null | 'placed'): void {
    this.node.hidden = true
    this.done?.(result === 'placed' ? this.box : result)
    this.done = null
  }

  private key(event: KeyboardEvent): void {
    const step = Math.max(1, Math.round(STEP * Math.min(...this.size))) * (event.shiftKey ? 10 : 1)
    const moves: Record<string, () => void> = {
      ArrowLeft: () => this.move(-step, 0),
      ArrowRight: () => this.move(step, 0),
      ArrowUp: () => this.move(0, -step),
      ArrowDown: () => this.move(0, step),
      '+': () => this.grow(step),
      '=': () => this.grow(step),
      '-': () => this.grow(-step),
      Enter: () => this.finish('placed'),
      Escape: () => this.finish(null)
    }
    if (!moves[event.key]) return
    event.preventDefault()
    moves[event.key]()
    if (this.open) this.tell()
  }

  private drag(down: PointerEvent): void {
    const grows = (down.target as HTMLElement).classList.contains('handle')
    const scale = this.size[0] / this.node.parentElement!.clientWidth
    let last = [down.clientX, down.clientY]
    down.preventDefault()
    this.node.focus()
    this.node.setPointerCapture(down.pointerId)
    const follow = (event: PointerEvent): void => {
      const [across, down] = [(event.clientX - last[0]) * scale, (event.clientY - last[1]) * scale]
      last = [event.clientX, event.clientY]
      if (grows) this.stretch((across + down) / 2)
      else this.move(across, down)
    }
    this.node.addEventListener('pointermove', follow)
    this.node.addEventListener('lostpointercapture', () => this.node.removeEventListener('pointermove', follow), { once: true })
  }

  /** The middle of the square stays in the picture. */
  private move(across: number, down: number): void {
    const side = this.box[2] - this.box[0]
    const [x, y] = [across, down].map((by, axis) => Math.min(Math.max(this.box[axis] + by, -side / 2), this.size[axis] - side / 2))
    this.place(x, y, side)
  }

  private grow(by: number): void {
    const side = this.allowed(this.box[2] - this.box[0] + by)
    const change = (side - (this.box[2] - this.box[0])) / 2
    this.place(this.box[0] - change, this.box[1] - change, side)
  }

  private stretch(by: number): void {
    this.place(this.box[0], this.box[1], this.allowed(this.box[2] - this.box[0] + by))
  }

  private allowed(side: number): number {
    return Math.min(Math.max(side, LEAST), 1.5 * Math.max(...this.size))
  }

  private place(x: number, y: number, side: number): void {
    this.box = [x, y, x + side, y + side].map(Math.round) as Box
    this.box[3] = this.box[1] + this.box[2] - this.box[0]
    this.layOut()
  }

  /** Say where the square is, for those who do not see it. */
  private tell(): void {
    const share = (part: number, axis: number): number => Math.round((100 * part) / this.size[axis])
    const [x0, y0, x1, y1] = this.box
    say(`The frame is ${share(x1 - x0, 0)} % wide; its middle is ${share((x0 + x1) / 2, 0)} % across and ${share((y0 + y1) / 2, 1)} % down.`)
  }

  private layOut(): void {
    const [x0, y0, x1, y1] = this.box
    const percent = (part: number, whole: number): string => `${(100 * part) / whole}%`
    Object.assign(this.node.style, {
      left: percent(x0, this.size[0]),
      top: percent(y0, this.size[1]),
      width: percent(x1 - x0, this.size[0]),
      height: percent(y1 - y0, this.size[1])
    })
  }
}
