import type { Box } from '../faces/boxes'
import { element } from './page'
import type { Stage } from './stage'

const THUMB_PX = 160

/** The faces of the picture, each with a box to tick. */
export class FaceList {
  private crops: { box: Box; moves: boolean }[] = []

  constructor(
    private readonly stage: Stage,
    private readonly changed: () => void
  ) {}

  /** The crops that move. */
  get chosen(): Box[] {
    return this.crops.filter(({ moves }) => moves).map(({ box }) => box)
  }

  /** The crops that keep still. */
  get still(): Box[] {
    return this.crops.filter(({ moves }) => !moves).map(({ box }) => box)
  }

  get size(): number {
    return this.crops.length
  }

  set(boxes: Box[]): void {
    this.crops = boxes.map((box) => ({ box, moves: true }))
    this.layOut()
  }

  add(box: Box): void {
    this.crops.push({ box, moves: true })
    this.layOut()
  }

  private layOut(): void {
    element('faces').hidden = this.crops.length === 0
    element('face-list').replaceChildren(...this.crops.map((face, index) => {
      const label = document.createElement('label')
      const tick = Object.assign(document.createElement('input'), { type: 'checkbox', checked: face.moves })
      tick.setAttribute('aria-label', `Face ${index + 1}`)
      tick.addEventListener('change', () => {
        face.moves = tick.checked
        this.changed()
      })
      const picture = this.stage.thumbnail(face.box, THUMB_PX)
      picture.ariaHidden = 'true'
      label.append(tick, picture)
      return label
    }))
  }
}
