import { canvasesOf } from '../compose/canvas'
import { CardComposer } from '../compose/card'
import { isStill, type Composer, type MovedFace, type Scene } from '../compose/composer'
import { ProcessorComposer } from '../compose/processor'
import type { Backend } from '../engine/runtime'
import type { Box } from '../faces/boxes'
import type { Picture } from '../pixels'
import { element } from './page'

const LONGEST = 1920 // a larger picture is worked on at this many pixels

/** The picture, at rest and with its faces in motion. */
export class Stage {
  readonly canvas = element<HTMLCanvasElement>('canvas')
  picture: Picture | null = null
  private readonly context = this.canvas.getContext('2d')!
  private still: HTMLCanvasElement | null = null
  private scene: Scene | null = null
  private composer: Composer | null = null

  /** Show a picture, made smaller if it is huge. */
  show(image: ImageBitmap): Picture {
    const scale = Math.min(1, LONGEST / Math.max(image.width, image.height))
    const [width, height] = [image.width, image.height].map((length) => Math.max(1, Math.round(length * scale)))
    const sheet = sheetOf(width, height)
    sheet.imageSmoothingQuality = 'high'
    sheet.drawImage(image, 0, 0, width, height)
    this.still = sheet.canvas
    this.picture = sheet.getImageData(0, 0, width, height)
    Object.assign(this.canvas, { width, height })
    this.canvas.parentElement!.style.setProperty('--width', String(width))
    this.canvas.parentElement!.style.setProperty('--height', String(height))
    this.leave()
    this.rest()
    return this.picture
  }

  /** Show the picture as it is. */
  rest(): void {
    if (!this.still) return
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height)
    this.context.drawImage(this.still, 0, 0)
  }

  /** From now on these crops move, and those of `still` keep their place; on the processor or a card, whichever was chosen. */
  place(crops: Box[], still: Box[], choice: Backend | 'auto'): void {
    this.rest()
    this.leave()
    const { picture } = this
    if (!picture || !crops.length) return
    this.scene = { picture, crops, canvases: canvasesOf(crops, still, picture.width, picture.height) }
    const card = choice === 'wasm' ? null : CardComposer.open(this.scene, choice === 'webgpu')
    this.composer = card ?? new ProcessorComposer(this.scene)
    this.canvas.dataset.composer = card ? 'card' : 'processor'
  }

  /** Show what the faces became, one for each crop. */
  draw(faces: MovedFace[]): void {
    if (!this.scene || !this.composer) return
    if (faces.every(isStill)) return this.rest()
    if (this.composer instanceof CardComposer && this.composer.lost) this.composer = new ProcessorComposer(this.scene)
    this.composer.draw(this.context, faces)
  }

  /** A small picture of a crop, for choosing faces. */
  thumbnail([x0, y0, x1, y1]: Box, size: number): HTMLCanvasElement {
    const sheet = sheetOf(size, size)
    sheet.imageSmoothingQuality = 'high'
    if (this.still) sheet.drawImage(this.still, x0, y0, x1 - x0, y1 - y0, 0, 0, size, size)
    return sheet.canvas
  }

  private leave(): void {
    this.composer?.close()
    this.composer = this.scene = null
  }
}

function sheetOf(width: number, height: number): CanvasRenderingContext2D {
  const canvas = Object.assign(document.createElement('canvas'), { width: Math.max(1, width), height: Math.max(1, height) })
  return canvas.getContext('2d')!
}
