import { alignDriver, loaded, readCamera, readDriver, type Driver } from '../driver'
import type { EngineClient } from '../engine/client'
import { readMotion, type Motion } from '../motion/files'
import { element, say } from './page'

export type Kind = 'motion' | 'video' | 'camera'

/** Where the movement comes from: a motion of the list, a video file, the camera. */
export class Performer {
  private readonly video = element<HTMLVideoElement>('driver')
  private readonly list = element('motions')
  private readonly motions = new Map<string, Motion>()

  /** `use` takes each new driver; null while there is none. `model` names the model that motions must belong to. */
  constructor(
    private readonly engine: EngineClient,
    private readonly use: (driver: Driver | null) => Promise<void>,
    private readonly model: () => string | undefined
  ) {}

  /** Offer the motions of a folder. */
  async listMotions(folder: string): Promise<void> {
    const listed = (await (await fetch(`${folder}/index.json`)).json()) as { name: string }[]
    for (const { name } of listed) {
      const bytes = await (await fetch(`${folder}/${name}.safetensors`)).arrayBuffer()
      this.addMotion(name, readMotion(bytes, name))
    }
  }

  async choose(kind: Kind): Promise<void> {
    this.show(kind)
    if (kind === 'motion') await this.chooseMotion()
    else await this.use(null)
  }

  async chooseMotion(): Promise<void> {
    const [motion, model] = [this.motions.get(this.chosen), this.model()]
    if (!motion || !model) return
    if (motion.model === model) return this.use({ kind: 'motion', motion })
    await this.use(null)
    throw new Error(`This motion was read with the model ${motion.model} and means nothing to ${model}. Choose a video instead.`)
  }

  async openMotion(file: File): Promise<void> {
    const name = file.name.replace(/\.safetensors$/, '')
    this.addMotion(name, readMotion(await file.arrayBuffer(), file.name))
    this.radio(name)!.checked = true
    await this.choose('motion')
  }

  async openVideo(file: File): Promise<void> {
    await this.choose('video')
    this.video.srcObject = null
    URL.revokeObjectURL(this.video.src)
    this.video.src = URL.createObjectURL(file)
    this.video.loop = true
    say(`Looking for the face in ${file.name} …`)
    await loaded(this.video, file.name)
    this.video.hidden = false
    await this.use(await readDriver(this.engine, this.video))
  }

  async toggleCamera(): Promise<void> {
    if (this.video.srcObject) return this.choose('camera')
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, facingMode: 'user' } })
    } catch {
      throw new Error('The browser gives no camera to this page. Allow it, or plug one in; the page must come from this machine or by https.')
    }
    this.showCamera(true)
    await this.video.play()
    await loaded(this.video, 'the camera')
    await this.recentre()
  }

  /** What the camera shows now corresponds to the portrait. */
  async recentre(): Promise<void> {
    await this.use(await readCamera(this.engine, this.video))
  }

  private addMotion(name: string, motion: Motion): void {
    this.motions.set(name, alignDriver(motion))
    if (this.radio(name)) return
    const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'motion', value: name, checked: !this.chosen })
    const label = Object.assign(document.createElement('span'), { textContent: name.replaceAll('_', ' ') })
    const length = Object.assign(document.createElement('small'), { textContent: `${(motion.frames.length / motion.fps).toFixed(1)} s` })
    const chip = document.createElement('label')
    label.append(' ', length)
    chip.append(radio, label)
    this.list.append(chip)
  }

  /** The name of the motion that is ticked; empty before there is one. */
  private get chosen(): string {
    return this.list.querySelector<HTMLInputElement>(':checked')?.value ?? ''
  }

  private radio(name: string): HTMLInputElement | undefined {
    return [...this.list.querySelectorAll('input')].find(({ value }) => value === name)
  }

  /** Show the controls of one kind, with the camera off. */
  private show(kind: Kind): void {
    const camera = this.video.srcObject as MediaStream | null
    for (const track of camera?.getTracks() ?? []) track.stop()
    if (camera) this.video.srcObject = null
    this.showCamera(false)
    document.querySelector<HTMLInputElement>(`[name="driver"][value="${kind}"]`)!.checked = true
    for (const part of document.querySelectorAll<HTMLElement>('[data-driver]')) part.hidden = part.dataset.driver !== kind
  }

  private showCamera(on: boolean): void {
    this.video.hidden = !on
    this.video.classList.toggle('mirrored', on)
    element('camera').textContent = on ? 'Stop the camera' : 'Start the camera'
    element<HTMLButtonElement>('recentre').disabled = !on
  }
}
