import type { Box } from '../faces/boxes'
import { faceAt, MARGIN } from '../faces/regions'
import { element } from './page'
import type { Stage } from './stage'

const THUMB_PX = 160
const RING = 1.35 // face sides

/** A crop of the picture, and whether its face moves. */
interface Face {
  box: Box
  moves: boolean
}

/** The faces of the picture, each with a box to tick; where there are several, a tap in the picture ticks, too. */
export class FaceList {
  private faces: Face[] = []
  private picture = { width: 1, height: 1 } // its size

  constructor(
    private readonly stage: Stage,
    private readonly changed: () => void
  ) {
    stage.canvas.addEventListener('click', (event) => this.tap(event))
  }

  /** The crops that move. */
  get chosen(): Box[] {
    return this.faces.filter(({ moves }) => moves).map(({ box }) => box)
  }

  /** The crops that keep still. */
  get still(): Box[] {
    return this.faces.filter(({ moves }) => !moves).map(({ box }) => box)
  }

  get size(): number {
    return this.faces.length
  }

  /** Take the faces of another picture. */
  set(boxes: Box[], picture: { width: number; height: number }): void {
    this.picture = picture
    this.faces = boxes.map((box) => ({ box, moves: true }))
    this.layOut()
  }

  add(box: Box): void {
    this.faces.push({ box, moves: true })
    this.layOut()
  }

  private layOut(): void {
    element('faces').hidden = this.faces.length === 0
    element('face-hint').hidden = this.faces.length < 2
    element('face-list').replaceChildren(...this.faces.map((face, index) => this.tickFor(face, index)))
    this.ring()
  }

  private tickFor(face: Face, index: number): HTMLLabelElement {
    const label = document.createElement('label')
    const tick = Object.assign(document.createElement('input'), { type: 'checkbox', checked: face.moves })
    tick.setAttribute('aria-label', `Face ${index + 1}`)
    tick.addEventListener('change', () => {
      face.moves = tick.checked
      this.ring()
      this.changed()
    })
    const picture = this.stage.thumbnail(face.box, THUMB_PX)
    picture.ariaHidden = 'true'
    label.append(tick, picture)
    return label
  }

  /** Tick the face at a place of the picture, or take its tick away. */
  private tap({ offsetX, offsetY }: MouseEvent): void {
    if (this.faces.length < 2 || !element('marker').hidden) return
    const scale = this.stage.canvas.width / this.stage.canvas.clientWidth
    const index = faceAt(this.faces.map(({ box }) => box), offsetX * scale, offsetY * scale)
    if (index >= 0) element('face-list').querySelectorAll('input')[index].click()
  }

  /** Show in the picture where its faces are, and which of them move. */
  private ring(): void {
    const { width, height } = this.picture
    const rings = this.faces.length < 2 ? [] : this.faces.map(({ box: [x0, y0, x1, y1], moves }) => {
      const ring = Object.assign(document.createElement('div'), { className: moves ? 'ring moves' : 'ring' })
      const side = (RING * (x1 - x0)) / (1 + MARGIN)
      const places = { left: ((x0 + x1 - side) / 2) / width, top: ((y0 + y1 - side) / 2) / height, width: side / width, height: side / height }
      for (const [name, share] of Object.entries(places)) ring.style.setProperty(name, `${100 * share}%`)
      return ring
    })
    element('rings').replaceChildren(...rings)
  }
}
