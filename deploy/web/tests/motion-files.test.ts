import { describe, expect, it } from 'vitest'
import { readMotion } from '../src/motion/files'

function file(header: object, numbers: number[]): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + 4 * numbers.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, 8)
  bytes.set(new Uint8Array(Float32Array.from(numbers).buffer), 8 + text.length)
  return bytes.buffer
}

const about = { format: 'fom-motion-1', motion: JSON.stringify({ fps: 25, model: 'mini', image_size: [128, 128], metadata: {} }) }
const value = { dtype: 'F32', shape: [3, 2, 2], data_offsets: [0, 48] }
const numbers = Array.from({ length: 12 }, (_, at) => at / 10)

describe('motion files', () => {
  it('give frames, rate and model', () => {
    const motion = readMotion(file({ __metadata__: about, value }, numbers), 'wave')
    expect([motion.fps, motion.model, motion.frames.length]).toEqual([25, 'mini', 3])
    expect(motion.frames[1].value).toEqual(Float32Array.from(numbers.slice(4, 8)))
    expect(motion.frames[1].jacobian).toBeNull()
  })

  it('give the pose at rest where they tell it', () => {
    const neutral = { dtype: 'F32', shape: [1, 2, 2], data_offsets: [48, 64] }
    const motion = readMotion(file({ __metadata__: about, value, neutral }, [...numbers, 5, 6, 7, 8]), 'wave')
    expect(motion.neutral).toEqual({ value: Float32Array.from([5, 6, 7, 8]), jacobian: null })
    expect(readMotion(file({ __metadata__: about, value }, numbers), 'wave').neutral).toBeNull()
  })

  it.each([
    ['a picture', new TextEncoder().encode('\x89PNG, and so on').buffer as ArrayBuffer, 'not a motion file'],
    ['an empty file', new ArrayBuffer(0), 'not a motion file'],
    ['a weights file', file({ value }, numbers), 'not a motion file'],
    ['a cut file', file({ __metadata__: about, value }, numbers.slice(0, 5)), 'damaged'],
    ['no numbers', file({ __metadata__: about, value }, [Number.NaN, ...numbers.slice(1)]), 'damaged'],
    ['another type', file({ __metadata__: about, value: { ...value, dtype: 'F16' } }, numbers), 'damaged']
  ])('tell what is wrong with %s', (_, bytes, message) => {
    expect(() => readMotion(bytes, 'wave.safetensors')).toThrow(message)
  })
})
