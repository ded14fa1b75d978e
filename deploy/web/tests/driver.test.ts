import { describe, expect, it } from 'vitest'
import { alignDriver } from '../src/driver'
import type { Motion } from '../src/motion/files'
import { initialFrame, type InitialFrame } from '../src/motion/initial'
import { held, smooth } from '../src/motion/timing'
import { COPY, FADE_IN_S, fadeIn, transferMotion } from '../src/motion/transfer'
import { fixtures, keypoints, near } from './fixtures'

const { clip, fps, seen, source: portrait, cases } = fixtures.driver
const source = keypoints(portrait)

function motion(marks: boolean[] | null): Motion {
  return { frames: clip.map(keypoints), fps, seen: marks, model: 'mini', neutral: null }
}

describe('a driver', () => {
  it.each(cases)('is smoothed as Python smooths it, by $smoothing, marked: $seen', ({ smoothing, seen: marked, aligned }) => {
    const found = smooth(held(motion(marked ? seen : null)), smoothing)
    found.frames.forEach(({ value, jacobian }, t) => {
      near(value, aligned[t].value)
      near(jacobian!, aligned[t].jacobian!)
    })
  })

  it.each(cases)('counts its motion from the frame that Python finds, smoothed by $smoothing, marked: $seen', (known) => {
    const found = smooth(held(motion(known.seen ? seen : null)), known.smoothing)
    for (const [asked, frame] of Object.entries(known.initial)) expect(initialFrame(source, found, asked as InitialFrame)).toBe(frame)
  })

  it('moves a face as the command line does with its defaults', () => {
    const driver = alignDriver(motion(seen))
    const initial = driver.frames[initialFrame(source, driver, 'medoid')]
    const { moved } = cases.find((known) => known.seen && known.smoothing === 0.15)!
    driver.frames.forEach((frame, t) => {
      const { value, jacobian } = fadeIn(source, transferMotion(source, frame, initial, COPY), t / fps, FADE_IN_S)
      near(value, moved[t].value, 5e-6)
      near(jacobian!, moved[t].jacobian!, 2e-5)
    })
  })

  it('keeps its marks, of which the initial frame is one', () => {
    const driver = alignDriver(motion(seen))
    expect(driver.seen).toEqual(seen)
    expect(initialFrame(source, driver, 'first')).toBe(seen.indexOf(true))
  })
})
