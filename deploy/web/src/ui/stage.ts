import type { Box } from '../faces/boxes'
import { softMasks, stackingOrder, type Layer } from '../faces/masks'
import type { Picture } from '../pixels'
import { element } from './page'

const LONGEST = 1920 // a larger picture is worked on at this many pixels

interface Patch {
  crop: Box
  layer: Layer
  mask: HTMLCanvasElement
  sheet: CanvasRenderingContext2D
}

/** The picture, and the faces that are laid over it. */
export class Stage {
  readonly canvas = element<HTMLCanvasElement>('canvas')
  picture: Picture | null = null
  private readonly context = this.canvas.getContext('2d')!
  private still: HTMLCanvasElement | null = null
  private patches: Patch[] = []
  private face = sheetOf(1, 1)

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
    this.patches = []
    this.rest()
    return this.picture
  }

  /** Show the picture as it is. */
  rest(): void {
    if (!this.still) return
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height)
    this.context.drawImage(this.still, 0, 0)
  }

  /** From now on faces are laid over these crops. */
  place(crops: Box[]): void {
    this.rest()
    this.patches = stackingOrder(softMasks(crops, this.canvas.width, this.canvas.height)).map((layer, index) => ({
      crop: crops[index],
      layer,
      mask: maskOf(layer),
      sheet: sheetOf(layer.rect[2] - layer.rect[0], layer.rect[3] - layer.rect[1])
    }))
  }

  /** Lay painted faces, one for each crop, over the picture. */
  draw(faces: Uint8ClampedArray<ArrayBuffer>[], [width, height]: [number, number]): void {
    if (!this.still) return
    if (this.face.canvas.width !== width || this.face.canvas.height !== height) this.face = sheetOf(width, height)
    for (const { layer: { rect } } of this.patches) {
      const [x, y, w, h] = [rect[0], rect[1], rect[2] - rect[0], rect[3] - rect[1]]
      this.context.clearRect(x, y, w, h)
      this.context.drawImage(this.still, x, y, w, h, x, y, w, h)
    }
    this.patches.forEach(({ crop, layer, mask, sheet }, index) => {
      this.face.putImageData(new ImageData(faces[index], width, height), 0, 0)
      sheet.globalCompositeOperation = 'copy'
      sheet.imageSmoothingQuality = 'high'
      sheet.drawImage(this.face.canvas, crop[0] - layer.rect[0], crop[1] - layer.rect[1], crop[2] - crop[0], crop[3] - crop[1])
      sheet.globalCompositeOperation = 'destination-in'
      sheet.drawImage(mask, 0, 0)
      this.context.drawImage(sheet.canvas, layer.rect[0], layer.rect[1])
    })
  }

  /** A small picture of a crop, for choosing faces. */
  thumbnail([x0, y0, x1, y1]: Box, size: number): HTMLCanvasElement {
    const sheet = sheetOf(size, size)
    sheet.imageSmoothingQuality = 'high'
    if (this.still) sheet.drawImage(this.still, x0, y0, x1 - x0, y1 - y0, 0, 0, size, size)
    return sheet.canvas
  }
}

function sheetOf(width: number, height: number): CanvasRenderingContext2D {
  const canvas = Object.assign(document.createElement('canvas'), { width: Math.max(1, width), height: Math.max(1, height) })
  return canvas.getContext('2d')!
}

function maskOf({ rect, weight }: Layer): HTMLCanvasElement {
  const [width, height] = [rect[2] - rect[0], rect[3] - rect[1]]
  const sheet = sheetOf(width, height)
  if (!weight.length) return sheet.canvas
  const pixels = new ImageData(width, height)
  weight.forEach((share, at) => (pixels.data[4 * at + 3] = share * 255))
  sheet.putImageData(pixels, 0, 0)
  return sheet.canvas
}
