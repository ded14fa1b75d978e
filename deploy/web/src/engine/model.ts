import type { Tensor } from 'onnxruntime-web'
import type { Keypoints } from '../motion/keypoints'
import { resize, toBatch, toPixels, type Picture } from '../pixels'
import type { Graph, Runtime } from './runtime'

const FORMAT = 'fom-export-1'
const PARTS = ['keypoint_detector', 'source_encoder', 'generator'] as const
type PartName = (typeof PARTS)[number]

/** What `model.json` of an export tells; the rest of it is not needed here. */
interface Manifest {
  format: string
  name: string
  image_size: [number, number]
  num_channels: number
  num_keypoints: number
  has_jacobian: boolean
  parts: Record<PartName, { inputs: Record<string, unknown>; files: Record<string, { file: string }> }>
}

/** Gives a file of an export by its name. */
export type ReadFile = (name: string) => Promise<Uint8Array>

/** A source face, encoded once. */
export interface Source {
  keypoints: Keypoints
  inputs: Record<string, Tensor>
}

/** An exported First Order Motion Model. */
export class Model {
  private constructor(
    private readonly runtime: Runtime,
    private readonly manifest: Manifest,
    private readonly parts: Record<PartName, Graph>
  ) {}

  /** Open an export. Throws an Error that says what is wrong with its files. */
  static async open(runtime: Runtime, read: ReadFile): Promise<Model> {
    const manifest = checked(new TextDecoder().decode(await read('model.json')))
    const parts = {} as Record<PartName, Graph>
    for (const name of PARTS) {
      const { file } = manifest.parts[name].files.float32
      const bytes = await read(file)
      try {
        parts[name] = await runtime.open(bytes)
      } catch (error) {
        throw new Error(`${file} does not open (${firstLine(error)}). Export the model again with: fom export`)
      }
    }
    return new Model(runtime, manifest, parts)
  }

  get name(): string {
    return this.manifest.name
  }

  get points(): number {
    return this.manifest.num_keypoints
  }

  /** Width and height of the pictures that the model sees and paints. */
  get size(): [number, number] {
    const [height, width] = this.manifest.image_size
    return [width, height]
  }

  async detectKeypoints(face: Picture): Promise<Keypoints> {
    return this.keypointsOf(this.batchOf(face))
  }

  async encode(face: Picture): Promise<Source> {
    const batch = this.batchOf(face)
    const keypoints = await this.keypointsOf(batch)
    const encoded = await this.parts.source_encoder.run({ source: batch }, ['features', 'small'])
    return { keypoints, inputs: { ...encoded, ...this.named('source', keypoints) } }
  }

  /** Paint the source in a pose: opaque RGBA pixels at the model's size. */
  async generate(source: Source, driving: Keypoints): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const inputs = { ...source.inputs, ...this.named('driving', driving) }
    const { prediction } = await this.parts.generator.run(inputs, ['prediction'])
    return toPixels((await prediction.getData()) as Float32Array, ...this.size)
  }

  /** Run everything once, so that the first frame that is seen is as quick as the others. */
  async warmUp(): Promise<void> {
    const [width, height] = this.size
    const source = await this.encode({ data: new Uint8ClampedArray(4 * width * height).fill(127), width, height })
    await this.generate(source, source.keypoints)
  }

  async close(): Promise<void> {
    for (const part of Object.values(this.parts)) await part.close()
  }

  private batchOf(face: Picture): Tensor {
    const [width, height] = this.size
    return this.runtime.tensor(toBatch(resize(face, width, height)), [1, 3, height, width])
  }

  private async keypointsOf(image: Tensor): Promise<Keypoints> {
    const found = await this.parts.keypoint_detector.run({ image }, this.manifest.has_jacobian ? ['value', 'jacobian'] : ['value'])
    const values = async (tensor?: Tensor) => (tensor ? Float32Array.from((await tensor.getData()) as Float32Array) : null)
    return { value: (await values(found.value))!, jacobian: await values(found.jacobian) }
  }

  private named(role: 'source' | 'driving', { value, jacobian }: Keypoints): Record<string, Tensor> {
    const tensors: Record<string, Tensor> = { [`${role}_value`]: this.runtime.tensor(value, [1, this.points, 2]) }
    if (this.manifest.has_jacobian && jacobian) tensors[`${role}_jacobian`] = this.runtime.tensor(jacobian, [1, this.points, 2, 2])
    return tensors
  }
}

function checked(text: string): Manifest {
  let manifest: Manifest
  try {
    manifest = JSON.parse(text) as Manifest
  } catch {
    throw new Error('model.json is damaged. Export the model again with: fom export')
  }
  if (manifest.format !== FORMAT) throw new Error(`model.json is not of the format ${FORMAT}. Write it with: fom export`)
  const missing = PARTS.find((name) => !manifest.parts?.[name]?.files?.float32?.file)
  if (missing) throw new Error(`The export lacks a float32 ${missing}. Export the model again with: fom export`)
  if (manifest.num_channels !== 3) throw new Error(`${manifest.name} paints ${manifest.num_channels} channels; this page needs colours.`)
  return manifest
}

function firstLine(error: unknown): string {
  return String((error as Error)?.message ?? error).split('\n')[0].slice(0, 160)
}
