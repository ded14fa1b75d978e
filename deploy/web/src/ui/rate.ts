import { element } from './page'

const WINDOW_MS = 1000

/** The frames shown a second and the milliseconds that one takes to compute. */
export class Rate {
  private readonly output = element('rate')
  private shown: number[] = []
  private cost = 0
  private toldAt = 0

  /** Count a frame; `milliseconds` is what it took, also if that was earlier. */
  add(milliseconds: number): void {
    const now = performance.now()
    this.shown = [...this.shown.filter((at) => now - at < WINDOW_MS), now]
    this.cost = this.cost ? 0.9 * this.cost + 0.1 * milliseconds : milliseconds
    if (now - this.toldAt > WINDOW_MS / 4 && this.shown.length > 1) {
      this.toldAt = now
      const rate = (1000 * (this.shown.length - 1)) / (now - this.shown[0])
      this.tell(`${rate.toFixed(rate < 10 ? 1 : 0)} frames/s`, `${Math.round(this.cost)} ms to compute`)
    }
  }

  clear(): void {
    this.shown = []
    this.cost = 0
    this.output.replaceChildren()
  }

  private tell(rate: string, cost: string): void {
    const strong = document.createElement('b')
    strong.textContent = rate
    this.output.replaceChildren(strong, ` ${cost}`)
  }
}
