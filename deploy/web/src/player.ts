import type { Driver, MotionDriver, VideoDriver } from './driver'
import { grab } from './driver'
import type { EngineClient } from './engine/client'
import type { Painted } from './engine/engine'
import type { InitialFrame } from './motion/initial'
import { COPY, type Transfer } from './motion/transfer'
import type { Keypoints } from './motion/keypoints'

const MOST_KEPT_BYTES = 128 << 20

/** What the player tells the page. */
export interface Listener {
  /** Faces to show; `replayed` tells that they were computed before and kept. */
  draw(painted: Painted, replayed: boolean): void
  /** A frame was computed in so many milliseconds, to be shown now or later. */
  computed(milliseconds: number): void
  /** The moment shown: frames of a motion, hundredths of a second of a video. */
  moment(at: number): void
  /** Something failed; playing has stopped. */
  failed(error: unknown): void
}

/**
 * Moves the faces in time.
 *
 * A motion plays at its own speed: moments that the machine cannot paint in time are left out, painted frames are
 * kept, and spare time paints those still missing, so that after a while everything plays smoothly. A video is
 * painted as it plays.
 */
export class Player {
  transfer: Transfer = { ...COPY }
  initialFrame: InitialFrame = 'medoid' // faces are bent least from there
  playing = false
  private driver: Driver | null = null
  private initial: Keypoints[] = []
  private readonly kept = new Map<number, Painted>()
  private at = 0 // frame of a motion that is shown
  private startedAt = 0 // the clock when frame 0 would have been shown
  private run = 0 // of play(); an older one that is still waiting for a frame gives up

  constructor(
    private readonly engine: EngineClient,
    private readonly listener: Listener
  ) {}

  /** Take another driver, other faces or other settings. */
  async set(driver: Driver | null): Promise<void> {
    if (driver !== this.driver) this.at = 0
    this.driver = driver
    this.kept.clear()
    this.initial = driver?.kind === 'motion' ? await this.startsOf(driver) : driver ? [driver.initial] : []
    this.kept.clear()
  }

  play(): void {
    const driver = this.driver
    if (!driver || this.playing) return
    this.playing = true
    const run = ++this.run
    const loop = driver.kind === 'motion' ? this.playMotion(driver, run) : this.playVideo(driver, run)
    loop.catch((error) => {
      this.pause()
      this.listener.failed(error)
    })
  }

  pause(): void {
    this.playing = false
    this.run++
    if (this.driver?.kind === 'video' && !this.driver.live) this.driver.video.pause()
  }

  /** Show one frame of a motion, or where a video stands. */
  async show(frame: number): Promise<void> {
    const driver = this.driver
    if (driver?.kind !== 'motion') return this.repaint()
    this.at = frame
    this.startedAt = performance.now() - (1000 * frame) / driver.motion.fps
    const replayed = this.kept.has(frame)
    const painted = await this.painted(driver, frame)
    if (this.at === frame && this.driver === driver) this.present(frame, painted, replayed)
  }

  /** Paint the moment that a video or a motion stands at. */
  async repaint(): Promise<void> {
    if (this.driver?.kind === 'motion') await this.show(this.at)
    else if (this.driver) this.listener.draw(await this.look(this.driver), false)
  }

  private async playMotion(driver: MotionDriver, run: number): Promise<void> {
    const count = driver.motion.frames.length
    this.startedAt = performance.now() - (1000 * this.at) / driver.motion.fps
    const now = (): number => Math.floor(((performance.now() - this.startedAt) * driver.motion.fps) / 1000) % count
    const display = (): void => {
      if (run !== this.run) return
      const frame = now()
      const painted = this.kept.get(frame)
      if (painted && frame !== this.at) this.present(frame, painted, true)
      requestAnimationFrame(display)
    }
    requestAnimationFrame(display)
    let last = -1
    while (run === this.run) {
      const wanted = now()
      const frame = this.kept.has(wanted) ? this.missing(wanted, count) : wanted
      if (frame === null || frame === last) await nextFrame()
      else {
        const painted = await this.painted(driver, frame)
        last = frame
        if (run === this.run && frame === wanted) this.present(frame, painted, false)
      }
    }
  }

  private async playVideo(driver: VideoDriver, run: number): Promise<void> {
    if (!driver.live) await driver.video.play()
    let last = -1
    while (run === this.run) {
      if (driver.video.currentTime === last) await nextFrame()
      else {
        last = driver.video.currentTime
        const painted = await this.look(driver)
        if (run !== this.run) return
        this.listener.draw(painted, false)
        this.listener.moment(Math.round(100 * last))
      }
    }
  }

  private async look(driver: VideoDriver): Promise<Painted> {
    const started = performance.now()
    const keypoints = await this.engine.call('look', grab(driver.video), driver.view)
    const { faces } = await this.engine.call('paint', keypoints, this.initial, this.transfer)
    const milliseconds = performance.now() - started
    this.listener.computed(milliseconds)
    return { faces, milliseconds }
  }

  private async painted(driver: MotionDriver, frame: number): Promise<Painted> {
    const known = this.kept.get(frame)
    if (known) return known
    const initial = this.initial
    const painted = await this.engine.call('paint', driver.motion.frames[frame], initial, this.transfer, frame / driver.motion.fps)
    this.listener.computed(painted.milliseconds)
    if (initial === this.initial && this.room(painted, driver)) this.kept.set(frame, painted)
    return painted
  }

  private present(frame: number, painted: Painted, replayed: boolean): void {
    this.at = frame
    this.listener.draw(painted, replayed)
    this.listener.moment(frame)
  }

  /** The next frame to paint ahead; null when all are there or cannot be kept. */
  private missing(from: number, count: number): number | null {
    for (let ahead = 1; ahead < count; ahead++) {
      const frame = (from + ahead) % count
      if (!this.kept.has(frame)) return this.kept.get(from) ? frame : null
    }
    return null
  }

  private room({ faces }: Painted, { motion }: MotionDriver): boolean {
    const bytes = faces.reduce((sum, { flow, pixels }) => sum + flow.byteLength + pixels.data.byteLength, 0)
    return bytes * motion.frames.length <= MOST_KEPT_BYTES
  }

  private async startsOf({ motion }: MotionDriver): Promise<Keypoints[]> {
    if (motion.neutral) return [motion.neutral]
    return (await this.engine.call('initialFrames', motion, this.initialFrame)).map((frame) => motion.frames[frame])
  }
}

function nextFrame(): Promise<unknown> {
  return new Promise(requestAnimationFrame)
}
