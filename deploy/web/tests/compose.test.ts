import { describe, expect, it } from 'vitest'
import { canvasesOf } from '../src/compose/canvas'
import { isStill, type MovedFace } from '../src/compose/composer'
import { Follower } from '../src/compose/flow'
import { areas, unfolded, unlikeAPlane } from '../src/compose/folds'
import { ProcessorComposer } from '../src/compose/processor'
import { fixtures, maps, near, sampled, waves, type Composed } from './fixtures'

const CASES = fixtures.composed.map((found) => ({ name: JSON.stringify(found.crops), found }))
const SIDE = 32 // of the tests' own flows

function scene({ size: [width, height], crops, others, picture }: Composed) {
  return { picture: waves(picture, width, height), crops, canvases: canvasesOf(crops, others, width, height) }
}

/** What each face became; `at` says whether it moved or kept its pose. */
function faces(found: Composed, at: 'moved' | 'still'): MovedFace[] {
  const { canvases } = scene(found)
  return found[at].map((now, index) => ({
    flow: new Follower(canvases[index], maps(found.still[index]), found.unit).follow(maps(now)),
    pixels: waves(found.painted, now.width, now.height)
  }))
}

function flow(move: (u: number, v: number) => [number, number]) {
  const middle = (index: number): number => (2 * (index + 0.5)) / SIDE - 1
  const values = Array.from({ length: SIDE * SIDE }, (_, at) => move(middle(at % SIDE), middle(Math.floor(at / SIDE))))
  return { values: Float32Array.from(values.flat()), width: SIDE, height: SIDE }
}

/** A movement towards a line, which folds from a strength of 1 on. */
function squeezed(strength: number): (u: number, v: number) => [number, number] {
  return (u, v) => [-strength * u * Math.exp(-((u / 0.3) ** 2) - (v / 0.5) ** 2), 0]
}

describe.each(CASES)('faces $name', ({ found }) => {
  it('have the canvases of Python', () => {
    scene(found).canvases.forEach((canvas, at) => {
      const { places, room, painted, ...same } = found.canvases[at]
      expect(canvas).toMatchObject(same)
      near(sampled(canvas.places, 2 * canvas.columns, found.every), places, 1e-4)
      near(sampled(canvas.room, canvas.columns, found.every), room, 1e-4)
      near(sampled(canvas.painted, canvas.columns, found.every), painted, 1e-4)
    })
  })

  it('take their colours from where Python does, and show as much of what was painted', () => {
    const { canvases } = scene(found)
    faces(found, 'moved').forEach(({ flow }, at) => {
      const rows = sampled(flow, 3 * canvases[at].columns, found.every)
      near(rows.filter((_, index) => index % 3 < 2), found.flows[at].displacement, 1e-3)
      near(rows.filter((_, index) => index % 3 === 2), found.flows[at].share, 1e-3)
    })
  })

  it('become the pixels of Python, within a level', () => {
    const composed = new ProcessorComposer(scene(found)).compose(faces(found, 'moved'))
    const rows = sampled(composed.data, 4 * composed.width, found.every)
    near(rows.filter((_, index) => index % 4 < 3), found.composed, 1)
  })

  it('at rest are those of the picture, bit for bit, also after a movement', () => {
    const still = faces(found, 'still')
    const composer = new ProcessorComposer(scene(found))
    composer.compose(faces(found, 'moved'))
    expect(still.every(isStill)).toBe(true)
    expect(composer.compose(still).data).toEqual(scene(found).picture.data)
  })

  it('leave everything else alone', () => {
    const { picture, canvases } = scene(found)
    const { data } = new ProcessorComposer(scene(found)).compose(faces(found, 'moved'))
    const changed = (at: number): boolean => data[at] !== picture.data[at]
    const outside = (at: number): boolean => {
      const [x, y] = [(at >> 2) % picture.width, Math.floor((at >> 2) / picture.width)]
      return canvases.every(({ rect }) => x < rect[0] || y < rect[1] || x >= rect[2] || y >= rect[3])
    }
    const places = Array.from(data.keys())
    expect(places.some(changed)).toBe(true)
    expect(places.filter(outside).some(changed)).toBe(false)
  })
})

describe('a picture', () => {
  const [found] = fixtures.composed

  it('that can be seen through moves with its transparency', () => {
    const { picture, ...rest } = scene(found)
    picture.data.forEach((_, at) => (picture.data[at] = at % 4 === 3 ? 255 - picture.data[at - 3] : picture.data[at]))
    const { data } = new ProcessorComposer({ picture, ...rest }).compose(faces(found, 'moved').map(unpainted))
    const apart = Array.from(data).filter((value, at) => at % 4 === 3 && Math.abs(value - (255 - data[at - 3])) > 1)
    expect(apart).toEqual([])
  })

  it('shows what a model painted wherever it moves, if that does not tell what it hides', () => {
    const { canvases: [canvas] } = scene(found)
    const [still, moved] = [found.still[0], found.moved[0]].map((told) => ({ ...maps(told), occlusion: null }))
    const follower = new Follower(canvas, still, found.unit)
    const shares = (flow: Float32Array): Float32Array => flow.filter((_, at) => at % 3 === 2)
    expect(Math.max(...shares(follower.follow(still)))).toBe(0)
    const middle = Math.floor(canvas.rows / 2) * canvas.columns + Math.floor(canvas.columns / 2)
    expect(shares(follower.follow(moved))[middle]).toBeGreaterThan(0.9)
  })
})

describe('a flow', () => {
  it('that turns a face inside out is calmed, one that does not is left as it is', () => {
    const folding = flow(squeezed(2))
    const gentle = flow((u, v) => [0.2 * u, 0.1 * v])
    expect(Math.min(...areas(folding))).toBeLessThan(0)
    expect(Math.min(...areas(unfolded(folding)))).toBeGreaterThan(0)
    expect(unfolded(gentle).values).toEqual(gentle.values)
    near(areas(gentle), new Array(SIDE * SIDE).fill(1.2 * 1.1), 1e-5)
  })

  it('of one flat thing is that of a plane', () => {
    expect(unlikeAPlane(flow((u, v) => [0.3 + 0.2 * u, 0.1 * v - 0.4 * u]))).toBeCloseTo(0, 6)
    expect(unlikeAPlane(flow(squeezed(0.5)))).toBeGreaterThan(0.01)
  })

  it('of a head is no turn of it where a wall stays beside it', () => {
    const away = (u: number): number => 0.4 * Math.min(Math.max((u + 0.85) / 0.3, 0), 1)
    expect(unlikeAPlane(flow((u) => [-away(u), 0]))).toBeLessThan(0.01)
  })

  it('of a head that left the crop tells of no turn', () => {
    expect(unlikeAPlane(flow((u, v) => [3 + squeezed(2)(u, v)[0], 3]))).toBe(0)
  })
})

function unpainted(face: MovedFace): MovedFace {
  return { ...face, flow: face.flow.map((value, at) => (at % 3 === 2 ? 0 : value)) }
}
