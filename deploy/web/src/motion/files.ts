import { splitFrames, type Keypoints, type KeypointSequence } from './keypoints'

/** A performance as `fom motion` saves it. */
export interface Motion extends KeypointSequence {
  /** The model whose keypoints these are; they mean nothing to another one. */
  model: string
  /** The pose at rest, from which movement counts, where the file tells. */
  neutral: Keypoints | null
}

const FORMAT = 'fom-motion-1'
const MOST_HEADER_BYTES = 1 << 20

/** Read a motion file (safetensors). Throws an Error that says what is wrong with it. */
export function readMotion(bytes: ArrayBuffer, name: string): Motion {
  const header = readHeader(bytes, name)
  const about = header.__metadata__ as Record<string, string> | undefined
  if (about?.format !== FORMAT) throw new Error(`${name} is not a motion file. Make one with: fom motion VIDEO --output FILE`)
  try {
    const { fps, model } = JSON.parse(about.motion) as { fps: number; model: string }
    const value = readTensor(bytes, header, 'value')
    const jacobian = 'jacobian' in header ? readTensor(bytes, header, 'jacobian') : null
    const [frames, points] = (header.value as Entry).shape
    const fits = frames > 0 && points > 0 && value.length === 2 * frames * points
    if (!fits || (jacobian && jacobian.length !== 4 * frames * points)) throw new Error('shapes')
    if (!(fps >= 1 && fps <= 1000) || ![...value, ...(jacobian ?? [])].every(Number.isFinite)) throw new Error('numbers')
    const seen = 'seen' in header ? readMarks(bytes, header) : null
    if (seen && seen.length !== frames) throw new Error(`${seen.length} marks for ${frames} frames`)
    const neutral = readRest(bytes, header, points)
    return { frames: splitFrames(value, jacobian, points), fps, seen, model: String(model), neutral }
  } catch (error) {
    throw new Error(`${name} is damaged (${(error as Error).message}). Make it anew with: fom motion`)
  }
}

/** The pose at rest; null in files that do not tell. */
function readRest(bytes: ArrayBuffer, header: Header, points: number): Keypoints | null {
  if (!('neutral' in header)) return null
  const value = readTensor(bytes, header, 'neutral')
  const jacobian = 'jacobian' in header ? readTensor(bytes, header, 'neutral_jacobian') : null
  if (value.length !== 2 * points || (jacobian && jacobian.length !== 4 * points)) throw new Error('shapes at rest')
  if (![...value, ...(jacobian ?? [])].every(Number.isFinite)) throw new Error('numbers at rest')
  return { value, jacobian }
}

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

type Header = Record<string, Entry | Record<string, string>>

function readHeader(bytes: ArrayBuffer, name: string): Header {
  try {
    const length = Number(new DataView(bytes).getBigUint64(0, true))
    if (length > Math.min(MOST_HEADER_BYTES, bytes.byteLength - 8)) throw new Error('header')
    return JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length))) as Header
  } catch {
    throw new Error(`${name} is not a motion file: it is not in the safetensors format.`)
  }
}

function readTensor(bytes: ArrayBuffer, header: Header, name: string): Float32Array {
  return new Float32Array(contentOf(bytes, header, name, 'F32'))
}

function readMarks(bytes: ArrayBuffer, header: Header): boolean[] {
  return Array.from(new Uint8Array(contentOf(bytes, header, 'seen', 'BOOL')), Boolean)
}

function contentOf(bytes: ArrayBuffer, header: Header, name: string, wanted: string): ArrayBuffer {
  const { dtype, data_offsets: [start, end] } = header[name] as Entry
  if (dtype !== wanted) throw new Error(`${name} is ${dtype}, not ${wanted}`)
  const data = 8 + Number(new DataView(bytes).getBigUint64(0, true))
  return bytes.slice(data + start, data + end)
}
