const WINDOW_MS = 2000
const LEAST_MS = 300 // a shorter look says nothing

/** Rates of the last two seconds, each a second; `milliseconds` is what a computed frame took, null before the first. */
export interface Rates {
  shown: number
  computed: number
  /** Of those shown, the frames that had been computed before. */
  replayed: number
  milliseconds: number | null
}

/** Counts frames as they are shown and as they are computed: a motion's frames are kept, and shown again without work. */
export class Counter {
  private since: number | null = null
  private shownAt: { at: number; replayed: boolean }[] = []
  private computedAt: number[] = []
  private milliseconds: number | null = null

  shown(at: number, replayed: boolean): void {
    this.since ??= at
    this.shownAt.push({ at, replayed })
  }

  computed(at: number, milliseconds: number): void {
    this.since ??= at
    this.computedAt.push(at)
    this.milliseconds = this.milliseconds === null ? milliseconds : 0.9 * this.milliseconds + 0.1 * milliseconds
  }

  /** The rates at this moment; null while there is too little to count. */
  rates(now: number): Rates | null {
    const seconds = Math.min(now - (this.since ?? now), WINDOW_MS) / 1000
    if (1000 * seconds < LEAST_MS) return null
    const recent = (at: number): boolean => now - at <= 1000 * seconds
    this.shownAt = this.shownAt.filter(({ at }) => recent(at))
    this.computedAt = this.computedAt.filter(recent)
    const replayed = this.shownAt.filter((frame) => frame.replayed).length
    return { shown: this.shownAt.length / seconds, computed: this.computedAt.length / seconds, replayed: replayed / seconds, milliseconds: this.milliseconds }
  }
}
