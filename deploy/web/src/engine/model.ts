import type { Tensor } from 'onnxruntime-web'
import type { FlowMaps } from '../compose/flow'
import type { Keypoints } from '../motion/keypoints'
import { isGrey, resize, toBatch, toPixels, withoutColours, type Picture } from '../pixels'
import { numbers, openTried, type Runtime, type Tried } from './runtime'

const FORMAT = 'fom-export-1'
const PARTS = ['keypoint_detector', 'source_encoder', 'generator'] as const
const ENCODED = ['features', 'small']
const EIGHT_BIT: PartName[] = ['generator'] // on a processor, which does them twice as fast; keypoints want all digits
type PartName = (typeof PARTS)[number]
type Precision = 'float32' | 'int8'

/** The part of a model's configuration that tells what its flow means. */
interface Config {
  image_size: [number, number]
  motion_size?: [number, number] | null
  align_corners?: boolean
  generator: { down: number[]; estimate_occlusion_map?: boolean }
}

/** What `model.json` of an export tells; the rest of it is not needed here. */
interface Manifest {
  format: string
  name: string
  image_size: [number, number]
  num_channels: number
  num_keypoints: number
  has_jacobian: boolean
  config: Config
  parts: Record<PartName, { inputs: Record<string, unknown>; files: Partial<Record<Precision, { file: string }>> }>
}

/** Gives a file of an export by its name. */
export type ReadFile = (name: string) => Promise<Uint8Array>

/** A source face, encoded once. */
export interface Source {
  keypoints: Keypoints
  inputs: Record<string, Tensor>
  /** Whether the picture has no colours there; then none are painted. */
  grey: boolean
}

/** What the generator makes of a source: pixels at the model's size, and how they came about. */
export interface Generated {
  pixels: Picture
  maps: FlowMaps
}

/** An exported First Order Motion Model. */
export class Model {
  private readonly parts = {} as Record<PartName, Tried>

  private constructor(
    private readonly runtime: Runtime,
    private readonly manifest: Manifest
  ) {}

  /** Open an export and try its parts. Throws an Error that says what is wrong with its files. */
  static async open(runtime: Runtime, read: ReadFile): Promise<Model> {
    const model = new Model(runtime, checked(new TextDecoder().decode(await read('model.json'))))
    const image = model.batchOf(pattern(...model.size))
    await model.openPart('keypoint_detector', read, { image }, model.pointNames)
    await model.openPart('source_encoder', read, { source: image }, ENCODED)
    const { keypoints, inputs } = await model.encodeBatch(image, false)
    await model.openPart('generator', read, { ...inputs, ...model.named('driving', keypoints) }, model.generatedNames)
    return model
  }

  get name(): string {
    return this.manifest.name
  }

  /** Parts that the graphics card computes wrongly or not at all, and the processor does. */
  get leftToProcessor(): string[] {
    return PARTS.filter((name) => this.parts[name].backend !== this.runtime.backend).map((name) => name.replace('_', ' '))
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

  /** Half sides of a crop by which a flow of 1 moves: it runs from the middle of the first pixel to that of the last. */
  get flowUnit(): number {
    const { image_size: size, motion_size: learnt, align_corners: aligned, generator } = this.manifest.config
    return (aligned ?? true) ? 1 - 2 ** generator.down.length / Math.max(...(learnt ?? size)) : 1
  }

  async encode(face: Picture): Promise<Source> {
    const seen = resize(face, ...this.size)
    return this.encodeBatch(this.batchOf(seen), isGrey(seen))
  }

  /** Paint the source in a pose: opaque pixels, and the flow that they were painted by. */
  async generate(source: Source, driving: Keypoints): Promise<Generated> {
    const inputs = { ...source.inputs, ...this.named('driving', driving) }
    const found = await this.parts.generator.graph.run(inputs, this.generatedNames)
    const [width, height] = this.size
    const batch = await numbers(found.prediction)
    const data = toPixels(source.grey ? withoutColours(batch) : batch, width, height)
    const [, rows, columns] = found.deformation.dims
    const occlusion = found.occlusion_map ? await numbers(found.occlusion_map) : null
    return {
      pixels: { data, width, height },
      maps: { deformation: await numbers(found.deformation), occlusion, width: columns, height: rows }
    }
  }

  async close(): Promise<void> {
    for (const { graph } of Object.values(this.parts)) await graph.close()
  }

  private batchOf(face: Picture): Tensor {
    const [width, height] = this.size
    return this.runtime.tensor(toBatch(resize(face, width, height)), [1, 3, height, width])
  }

  private async openPart(name: PartName, read: ReadFile, inputs: Record<string, Tensor>, outputs: string[]): Promise<void> {
    const { float32, int8 } = this.manifest.parts[name].files
    const { file } = this.runtime.backend === 'wasm' && EIGHT_BIT.includes(name) && int8 ? int8 : float32!
    const bytes = await read(file)
    try {
      this.parts[name] = await openTried(this.runtime, bytes, inputs, outputs)
    } catch (error) {
      throw new Error(`${file} does not run (${firstLine(error)}). Export the model again with: fom export`)
    }
  }

  private get pointNames(): string[] {
    return this.manifest.has_jacobian ? ['value', 'jacobian'] : ['value']
  }

  private get generatedNames(): string[] {
    const occlusion = this.manifest.config.generator.estimate_occlusion_map ? ['occlusion_map'] : []
    return ['prediction', 'deformation', ...occlusion]
  }

  private async encodeBatch(source: Tensor, grey: boolean): Promise<Source> {
    const keypoints = await this.keypointsOf(source)
    const encoded = await this.parts.source_encoder.graph.run({ source }, ENCODED)
    return { keypoints, inputs: { ...encoded, ...this.named('source', keypoints) }, grey }
  }

  private async keypointsOf(image: Tensor): Promise<Keypoints> {
    const found = await this.parts.keypoint_detector.graph.run({ image }, this.pointNames)
    const copy = async (tensor: Tensor) => Float32Array.from(await numbers(tensor))
    return { value: await copy(found.value), jacobian: found.jacobian ? await copy(found.jacobian) : null }
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

/** Waves of many lengths: something for every part to see. */
function pattern(width: number, height: number): Picture {
  const data = new Uint8ClampedArray(4 * width * height)
  data.forEach((_, at) => {
    const [x, y, channel] = [(at >> 2) % width, Math.floor((at >> 2) / width), at & 3]
    data[at] = 128 + 60 * Math.sin((x * y) / (7 * width) + channel) + 60 * Math.cos(x / 9 - y / 5)
  })
  return { data, width, height }
}

function firstLine(error: unknown): string {
  return String((error as Error)?.message ?? error).split('\n')[0].slice(0, 160)
}
