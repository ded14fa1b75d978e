import { describe, expect, it } from 'vitest'
import { findBestFrame } from '../src/motion/initial'
import type { Keypoints } from '../src/motion/keypoints'
import { hullArea, movementScale } from '../src/motion/size'
import { transferMotion } from '../src/motion/transfer'
import { fixtures, keypoints, near } from './fixtures'

const { transfer: cases } = fixtures
const source = keypoints(cases.source)
const initial = keypoints(cases.initial)
const driving = cases.driving.map(keypoints)

describe('transferring motion', () => {
  it('measures hulls as Python does', () => {
    near([source, initial, keypoints(cases.in_line)].map(({ value }) => hullArea(value)), cases.hull_areas)
  })

  it('finds the same movement scale and best frame', () => {
    near([movementScale(source, initial)], [cases.scale])
    expect(findBestFrame(source, driving)).toBe(cases.best_frame)
  })

  it('moves nothing by a scale where points lie in line', () => {
    expect(movementScale(source, keypoints(cases.in_line))).toBe(1)
    const wobble = keypoints(cases.in_line)
    wobble.value.forEach((place, i) => (wobble.value[i] = place + (i % 4 ? 1e-4 : 0)))
    expect(movementScale(source, wobble)).toBe(1)
    expect(movementScale(source, { value: wobble.value.map((place) => 0.3 + place * 1e-6), jacobian: null })).toBe(1)
  })

  it.each(cases.moved)('gives the keypoints that Python gives: $transfer', ({ transfer, expected }) => {
    const moved = transferMotion(source, driving[1], initial, transfer)
    near(moved.value, expected.value)
    near(moved.jacobian!, expected.jacobian!)
  })

  it('leaves the source as it is while the driver holds its first pose', () => {
    const still = transferMotion(source, initial, initial, cases.moved[0].transfer)
    near(still.value, source.value)
    near(still.jacobian!, source.jacobian!)
  })

  it('moves points alone where a model has no jacobians', () => {
    const bare = ({ value }: Keypoints): Keypoints => ({ value, jacobian: null })
    const moved = transferMotion(bare(source), bare(driving[1]), bare(initial), cases.moved[0].transfer)
    near(moved.value, cases.moved[0].expected.value)
    expect(moved.jacobian).toBeNull()
  })
})
