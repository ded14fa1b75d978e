import { element } from './page'
import { Counter } from './counter'

const TOLD_EVERY_MS = 250

/** What is shown a second, and where it comes from: computed now, or kept from a round before. */
export class Rate {
  private readonly output = element('rate')
  private counter = new Counter()
  private toldAt = 0

  /** A frame was shown; `replayed` tells that it had been computed before. */
  shown(replayed: boolean): void {
    const now = performance.now()
    this.counter.shown(now, replayed)
    if (now - this.toldAt < TOLD_EVERY_MS) return
    this.toldAt = now
    this.tell(now)
  }

  /** A frame was computed in so many milliseconds. */
  computed(milliseconds: number): void {
    this.counter.computed(performance.now(), milliseconds)
  }

  clear(): void {
    this.counter = new Counter()
    this.output.replaceChildren()
  }

  private tell(now: number): void {
    const told = this.counter.rates(now)
    if (!told) return
    const strong = document.createElement('b')
    strong.textContent = `${plain(told.shown)} frames/s`
    const cost = told.milliseconds === null ? '' : `, ${Math.round(told.milliseconds)} ms each`
    this.output.replaceChildren(strong, line(`computed ${plain(told.computed)}/s${cost}`), line(`replayed ${plain(told.replayed)}/s`))
    Object.assign(this.output.dataset, { computed: told.computed.toFixed(1), replayed: told.replayed.toFixed(1) })
  }
}

function line(text: string): HTMLSpanElement {
  return Object.assign(document.createElement('span'), { textContent: text })
}

function plain(rate: number): string {
  return rate.toFixed(rate > 0 && rate < 10 ? 1 : 0)
}
