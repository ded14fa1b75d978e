import { describe, expect, it } from 'vitest'
import { distinct, iou } from '../src/faces/boxes'
import { detectFaces } from '../src/faces/detector'
import { cropsOf, faceAt, fixedView, followFace, viewOf } from '../src/faces/regions'
import { crop, isGrey, resize, toBatch, toPixels, withoutColours } from '../src/pixels'
import { fixtures, near, picture } from './fixtures'

describe('faces', () => {
  it('get the crops that Python gives them, one per person, left to right', () => {
    const { boxes, scores, crops } = fixtures.views
    expect(cropsOf(boxes.map((box, at) => ({ box, score: scores[at] })))).toEqual(crops)
  })

  it.each(fixtures.views.tracks)('of a driver get the fixed view that Python gives them: $expected', (track) => {
    expect(fixedView(track.boxes, track.width, track.height)).toEqual(track.expected)
    const followed = followFace(track.boxes.map((box) => [{ box, score: 0.9 }]))
    expect(viewOf(followed, track.width, track.height)).toEqual(track.view)
  })

  it('are followed by overlap, and not replaced by a larger one elsewhere', () => {
    const person = (x: number, side = 50) => ({ box: [x, 0, x + side, side] as [number, number, number, number], score: 0.9 })
    expect(followFace([[person(0)], [person(10), person(200, 90)], [], [person(15)]]).map(([x]) => x)).toEqual([0, 10, 15])
  })

  it('are found under a finger: the nearest of those around it', () => {
    const crops = [[0, 0, 100, 100], [60, 0, 160, 100]] as [number, number, number, number][]
    expect([faceAt(crops, 70, 50), faceAt(crops, 90, 50), faceAt(crops, 150, 50), faceAt(crops, 50, 120)]).toEqual([0, 1, 1, -1])
  })

  it('overlap by their boxes', () => {
    expect(iou([0, 0, 10, 10], [5, 0, 15, 10])).toBeCloseTo(1 / 3)
    expect(iou([0, 0, 10, 10], [10, 0, 20, 10])).toBe(0)
    expect(distinct([{ box: [0, 0, 10, 10], score: 0.5 }, { box: [1, 0, 11, 10], score: 0.9 }], 0.4).map(({ score }) => score)).toEqual([0.9])
  })

  it('count when every view that shows them at a good size is convinced', async () => {
    const big = { data: new Uint8ClampedArray(4 * 800 * 400), width: 800, height: 400 }
    const network = (small: number, large: number) => async (_: Float32Array, width: number) => {
      const scale = width / 800
      return { scores: Float32Array.of(width > 500 ? large : small), boxes: Float32Array.of(100, 100, 300, 300).map((at) => at * scale) }
    }
    const found = await detectFaces(big, network(0.8, 0.9))
    expect(found).toHaveLength(1)
    expect(found[0].score).toBeCloseTo(0.85)
    near(found[0].box, [100, 100, 300, 300], 1)
    expect(await detectFaces(big, network(0.2, 0.9))).toHaveLength(0)
  })
})

describe('pixels', () => {
  const [whole, ...cases] = fixtures.crops
  const image = picture(whole.pixels, whole.width, whole.height)

  it.each(cases)('of the crop $box at $size are those of Python, within a grey level', ({ box, size, expected }) => {
    const found = resize(crop(image, box), size, size)
    near(found.data, picture(expected, size, size).data, 1)
  })

  it('survive the way to the network and back', () => {
    expect(toPixels(toBatch(image), image.width, image.height)).toEqual(image.data)
  })

  it('of a picture without colours stay without, as bright as they were', () => {
    const grey = picture([200, 201, 200, 90, 90, 91], 2, 1)
    expect([isGrey(grey), isGrey(image)]).toEqual([true, false])
    const plain = withoutColours(Float32Array.of(1, 0, 0, 0, 0, 0.5))
    near(plain, [0.299, 0.057, 0.299, 0.057, 0.299, 0.057], 1e-6)
  })
})
