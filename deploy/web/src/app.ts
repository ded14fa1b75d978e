import { seek, type Driver } from './driver'
import { EngineClient } from './engine/client'
import type { ModelFiles, Painted, Ready } from './engine/engine'
import type { Backend } from './engine/runtime'
import { cropsOf } from './faces/regions'
import { FADE_IN_S } from './motion/transfer'
import { phoneApp, saveByApp } from './offline/app'
import { Device } from './offline/device'
import { Player } from './player'
import { Recorder } from './recorder'
import { FaceList } from './ui/faces'
import { Marker } from './ui/marker'
import { complain, count, element, say } from './ui/page'
import { Performer } from './ui/performer'
import { Rate } from './ui/rate'
import { Stage } from './ui/stage'

const DATA = new URL('./data', document.baseURI).href
const stillness = matchMedia('(prefers-reduced-motion: reduce)')

/** What the page is doing: a picture, its faces, a driver, and what becomes of them. */
export class App {
  private readonly engine = new EngineClient()
  private readonly stage = new Stage()
  private readonly rate = new Rate()
  private readonly marker = new Marker()
  private readonly recorder = new Recorder()
  private readonly faces = new FaceList(this.stage, () => void this.useFaces().catch(complain))
  readonly device = new Device()
  readonly performer = new Performer(this.engine, (driver) => this.use(driver), () => this.ready?.model)
  private readonly player = new Player(this.engine, {
    draw: (painted, replayed) => this.draw(painted, replayed),
    computed: (milliseconds) => this.rate.computed(milliseconds),
    moment: (at) => this.showMoment(at),
    failed: (error) => this.stopped(error)
  })
  private model: ModelFiles = { folder: `${DATA}/mini` }
  private ready: Ready | null = null
  private driver: Driver | null = null

  async start(): Promise<void> {
    await this.openModel()
    await this.performer.listMotions(`${DATA}/motions`)
    await this.performer.chooseMotion()
    this.tellNext()
    void this.device.keep(this.ready!.backend)
  }

  /** Open a model, or the present one anew for another processor. */
  async openModel(model: ModelFiles = this.model): Promise<void> {
    this.pause()
    say('Getting the model ready …')
    this.ready = await this.engine.call('open', this.backend, model, `${DATA}/face_detector.onnx`)
    const { model: name, size, backend: used, threads, leftToProcessor: left } = this.ready
    const changed = model !== this.model
    this.model = model
    const processor = used === 'webgpu' ? 'on the graphics card' : `on the processor, ${count(threads, 'thread')}`
    const rest = left.length ? ` This card errs in the ${left.join(' and the ')}: that is left to the processor.` : ''
    element('engine').textContent = `${name}, ${size[0]} × ${size[1]} pixels, ${processor}.${rest}`
    document.body.dataset.engine = `${used} ${threads}`
    say(`The model ${name} is ready.`)
    const fits = this.driver?.kind === 'motion' && this.driver.motion.model === name
    if (changed && !fits) this.driver = null // its keypoints mean nothing to this model
    if (this.stage.picture) await this.useFaces()
  }

  async openExample(name: string): Promise<void> {
    const answer = await fetch(`${DATA}/pictures/${name}`)
    await this.openImage(await createImageBitmap(await answer.blob()))
  }

  async openPicture(file: File): Promise<void> {
    let image: ImageBitmap
    try {
      image = await createImageBitmap(file)
    } catch {
      throw new Error(`This browser cannot open ${file.name} as a picture. Try a JPEG, PNG or WebP file.`)
    }
    await this.openImage(image)
  }

  /** Open whatever was dropped or pasted, by its kind. */
  async openDropped(files: File[]): Promise<void> {
    const [file] = files
    if (!file) throw new Error('Drop a file: a picture, a video, a motion or an exported model.')
    if (files.some(({ name }) => name === 'model.json')) return this.openModel({ files })
    if (file.name.endsWith('.safetensors')) return this.performer.openMotion(file)
    if (file.type.startsWith('video/')) return this.performer.openVideo(file)
    return this.openPicture(file)
  }

  async markFace(): Promise<void> {
    const { picture } = this.stage
    if (!picture) return
    const button = element('mark')
    if (this.marker.open) return this.marker.finish('placed')
    this.pause()
    this.stage.rest()
    button.textContent = 'Use the frame'
    button.classList.add('primary')
    say('Move the frame over a face: head and shoulders, the face in the middle. Enter takes it.')
    const box = await this.marker.ask(picture.width, picture.height)
    button.textContent = 'Frame a face'
    button.classList.remove('primary')
    button.focus()
    if (!box) return this.tellNext()
    this.faces.add(box)
    await this.useFaces()
  }

  async togglePlay(): Promise<void> {
    if (this.player.playing) return this.pause()
    this.play()
    this.tellNext()
  }

  async seek(): Promise<void> {
    const at = element<HTMLInputElement>('seek').valueAsNumber
    this.pause()
    this.stage.canvas.ariaBusy = 'true'
    try {
      if (this.driver?.kind === 'video') await seek(this.driver.video, at / 100)
      await this.player.show(at)
    } finally {
      this.stage.canvas.ariaBusy = 'false'
    }
  }

  async applySettings(): Promise<void> {
    const checked = (id: string): boolean => element<HTMLInputElement>(id).checked
    const gain = element<HTMLInputElement>('gain').valueAsNumber
    element('gain-value').textContent = String(gain)
    const relative = checked('relative')
    const best = checked('best')
    const fadeInS = best ? 0 : FADE_IN_S
    this.player.transfer = { relativeMotion: relative, relativeJacobian: relative, adaptMovementScale: checked('adapt'), gain, fadeInS }
    this.player.initialFrame = best ? 'best' : 'medoid'
    const played = this.player.playing
    this.pause()
    await this.player.set(this.driver)
    if (played) this.play()
    else if (this.faces.chosen.length) await this.player.repaint()
  }

  async toggleRecording(): Promise<void> {
    if (this.recorder.recording) return this.recorder.stop()
    const button = element('record')
    const driver = this.driver?.kind === 'video' ? this.driver.video : null
    const video = this.recorder.start(this.stage.canvas, driver)
    button.setAttribute('aria-pressed', 'true')
    button.lastElementChild!.textContent = 'Stop'
    say('Recording. Press Stop when you have enough.')
    this.play()
    try {
      this.keep(await video)
    } finally {
      button.setAttribute('aria-pressed', 'false')
      button.lastElementChild!.textContent = 'Record'
    }
  }

  private get backend(): Backend | 'auto' {
    return element<HTMLSelectElement>('backend').value as Backend | 'auto'
  }

  private async openImage(image: ImageBitmap): Promise<void> {
    this.marker.finish(null)
    this.pause()
    element('empty').hidden = true
    element('view').hidden = false
    element('controls').hidden = false
    element<HTMLButtonElement>('mark').disabled = false
    const picture = this.stage.show(image)
    this.faces.set([], picture)
    say('Looking for faces …')
    const found = await this.engine.call('detect', picture)
    if (picture !== this.stage.picture) return // another one was opened meanwhile
    this.faces.set(cropsOf(found), picture)
    if (this.faces.size) return this.useFaces()
    await this.player.set(null)
    say('No face was found.')
    await this.markFace()
  }

  private async useFaces(): Promise<void> {
    const { picture } = this.stage
    if (!picture) return
    const played = this.player.playing
    this.pause()
    const crops = this.faces.chosen
    const still = this.faces.still
    this.stage.place(crops, still, this.backend)
    await this.engine.call('encode', picture, crops, still)
    if (picture === this.stage.picture) await this.use(this.driver, played)
  }

  /** Take a driver; start playing unless the user asked their system for less motion. */
  private async use(driver: Driver | null, play = false): Promise<void> {
    if (driver !== this.driver) this.pause()
    this.driver = driver
    await this.player.set(driver)
    const seekBar = element<HTMLInputElement>('seek')
    seekBar.disabled = !driver || (driver.kind === 'video' && driver.live)
    seekBar.max = String(!driver ? 0 : driver.kind === 'motion' ? driver.motion.frames.length - 1 : Math.floor(100 * (driver.video.duration || 0)))
    seekBar.step = driver?.kind === 'video' ? '4' : '1'
    element('best-row').hidden = driver?.kind === 'video'
    this.tellNext()
    if (!driver || !this.faces.chosen.length) return
    if (play || !stillness.matches) this.play()
    else {
      await this.player.repaint()
      say('Ready. Press Play.')
    }
  }

  private play(): void {
    if (!this.driver || !this.faces.chosen.length) return
    this.player.play()
    this.showPlaying()
  }

  private pause(): void {
    this.player.pause()
    this.rate.clear()
    this.showPlaying()
  }

  private stopped(error: unknown): void {
    this.pause()
    complain(error)
  }

  private showPlaying(): void {
    const button = element('play')
    button.classList.toggle('playing', this.player.playing)
    button.setAttribute('aria-label', this.player.playing ? 'Pause' : 'Play')
    element('view').classList.toggle('playing', this.player.playing)
  }

  private showMoment(at: number): void {
    const bar = element<HTMLInputElement>('seek')
    const seconds = at / (this.driver?.kind === 'motion' ? this.driver.motion.fps : 100)
    bar.value = String(at)
    bar.setAttribute('aria-valuetext', `${seconds.toFixed(1)} seconds`)
  }

  private draw(painted: Painted, replayed: boolean): void {
    if (!this.ready || painted.faces.length !== this.faces.chosen.length) return
    this.stage.draw(painted.faces)
    if (this.player.playing) this.rate.shown(replayed)
  }

  private keep(video: Blob): void {
    if (!video.size) throw new Error('Nothing had moved yet, so that nothing was recorded. Record for a little longer.')
    const url = URL.createObjectURL(video)
    const number = element('recordings').children.length + 1
    const item = document.createElement('li')
    const player = Object.assign(document.createElement('video'), { src: url, controls: true, loop: true, playsInline: true })
    player.setAttribute('aria-label', `Recording ${number}`)
    const link = Object.assign(document.createElement('a'), { href: url, download: `faces-in-motion-${number}.${/mp4/.test(video.type) ? 'mp4' : 'webm'}` })
    link.textContent = `Save recording ${number} (${(video.size / 1e6).toFixed(1)} MB)`
    const app = phoneApp()
    if (app) link.addEventListener('click', (event) => {
      event.preventDefault()
      const recordings = element('recordings')
      recordings.inert = true // a second tap would begin the same file anew
      void saveByApp(app, video, link.download).catch(complain).finally(() => {
        recordings.inert = false
        link.focus()
      })
    })
    item.append(player, link)
    element('recordings').prepend(item)
    link.focus()
    say(`Recording ${number} is ready to be saved.`)
  }

  private tellNext(): void {
    if (!this.stage.picture) return say('Ready. Choose a portrait.')
    const faces = this.faces.chosen.length
    if (!this.faces.size) return say('Frame a face, or choose another picture.')
    if (!faces) return say('Tick a face that shall move.')
    this.stage.canvas.setAttribute('aria-label', `Your picture with ${count(faces, 'moving face')}`)
    if (!this.driver) return say(`Found ${count(this.faces.size, 'face')}. Choose what moves ${faces > 1 ? 'them' : 'it'}.`)
    say(`${count(faces, 'face')} ${faces > 1 ? 'move' : 'moves'} like the performer.`.replace(/^o/, 'O'))
  }
}
