import { canvasesOf } from '../compose/canvas'
import type { MovedFace } from '../compose/composer'
import { Follower } from '../compose/flow'
import { detectFaces } from '../faces/detector'
import type { Box, Detection } from '../faces/boxes'
import { initialFrame, type InitialFrame } from '../motion/initial'
import type { KeypointSequence, Keypoints } from '../motion/keypoints'
import { fadeIn, transferMotion, type Transfer } from '../motion/transfer'
import { crop, type Picture } from '../pixels'
import { Model, type Source } from './model'
import { openRuntime, type Backend, type Graph, type Runtime } from './runtime'

/** Where a model's files are: a folder of the site, or files that the user chose. */
export type ModelFiles = { folder: string } | { files: File[] }

/** What became ready. */
export interface Ready {
  model: string
  size: [number, number]
  points: number
  backend: Backend
  threads: number
  /** Parts of the model that the graphics card does not compute right. */
  leftToProcessor: string[]
}

/** What each face became at one moment, and the milliseconds that took. */
export interface Painted {
  faces: MovedFace[]
  milliseconds: number
}

/** A face that moves: as the model knows it, and how its flow is followed on the picture. */
interface Face {
  source: Source
  follower: Follower
}

/** Everything that computes. It lives in a worker, so that the page never stands still. */
export class Engine {
  private runtime: Runtime | null = null
  private model: Model | null = null
  private detector: Graph | null = null
  private faces: Face[] = []

  /** Open a model. A graphics card that cannot run it, or whose runtime cannot be fetched, is left for the processor, unless it was asked for. */
  async open(choice: Backend | 'auto', model: ModelFiles, detector: string): Promise<Ready> {
    let runtime: Runtime | null = null
    try {
      runtime = await openRuntime(choice)
      return await this.start(runtime, model, detector)
    } catch (error) {
      if (choice !== 'auto' || runtime?.backend === 'wasm') throw error
      return this.start(await openRuntime('wasm'), model, detector)
    }
  }

  /** Faces of a picture. `mostPx` bounds what is looked at: fewer pixels are faster. */
  async detect(picture: Picture, mostPx?: number): Promise<Detection[]> {
    const { runtime, detector } = this
    if (!runtime || !detector) throw new Error('The face detector is not ready yet.')
    return detectFaces(picture, async (view, width, height) => {
      const { scores, boxes } = await detector.run({ image: runtime.tensor(view, [1, 3, height, width]) }, ['scores', 'boxes'])
      return { scores: (await scores.getData()) as Float32Array, boxes: (await boxes.getData()) as Float32Array }
    }, mostPx)
  }

  /** Take these crops of a picture as the faces to move; `still` are those of faces that do not. */
  async encode(picture: Picture, crops: Box[], still: Box[]): Promise<void> {
    const model = this.ready()
    const canvases = canvasesOf(crops, still, picture.width, picture.height)
    const faces: Face[] = []
    for (const [index, box] of crops.entries()) {
      const source = await model.encode(crop(picture, box))
      const { maps } = await model.generate(source, source.keypoints)
      faces.push({ source, follower: new Follower(canvases[index], maps, model.flowUnit) })
    }
    this.faces = faces
  }

  /** Keypoints of a performer's picture; `view` is the part to look at. */
  async look(picture: Picture, view: Box | null): Promise<Keypoints> {
    return this.ready().detectKeypoints(view ? crop(picture, view) : picture)
  }

  /** For each face the frame of a performance from which its motion counts. */
  async initialFrames(performance: KeypointSequence, asked: InitialFrame): Promise<number[]> {
    return this.faces.map(({ source }) => initialFrame(source.keypoints, performance, asked))
  }

  /**
   * Paint every face in the driver's pose.
   *
   * `initial` is the pose that corresponds to the picture: one, or one per face; `seconds` have gone by since the start.
   */
  async paint(driving: Keypoints, initial: Keypoints[], transfer: Transfer, seconds = Infinity): Promise<Painted> {
    const started = performance.now()
    const faces: Painted['faces'] = []
    for (const [index, { source, follower }] of this.faces.entries()) {
      const start = initial[Math.min(index, initial.length - 1)]
      const moved = fadeIn(source.keypoints, transferMotion(source.keypoints, driving, start, transfer), seconds, transfer.fadeInS)
      const { pixels, maps } = await this.ready().generate(source, moved)
      faces.push({ flow: follower.follow(maps), pixels })
    }
    return { faces, milliseconds: performance.now() - started }
  }

  private async start(runtime: Runtime, files: ModelFiles, detector: string): Promise<Ready> {
    const model = await Model.open(runtime, reader(files))
    const faces = await runtime.open(await fetched(detector), 'wasm') // small, and of many sizes
    await this.close()
    Object.assign(this, { runtime, model, detector: faces })
    const { name, size, points, leftToProcessor } = model
    return { model: name, size, points, backend: runtime.backend, threads: runtime.threads, leftToProcessor }
  }

  private ready(): Model {
    if (!this.model) throw new Error('The model is not ready yet.')
    return this.model
  }

  private async close(): Promise<void> {
    this.faces = []
    await this.model?.close()
    await this.detector?.close()
  }
}

function reader(model: ModelFiles): (name: string) => Promise<Uint8Array> {
  if ('folder' in model) return (name) => fetched(`${model.folder}/${name}`)
  return async (name) => {
    const file = model.files.find((candidate) => candidate.name === name)
    if (!file) throw new Error(`${name} is missing: choose model.json together with all the .onnx files beside it.`)
    return new Uint8Array(await file.arrayBuffer())
  }
}

async function fetched(url: string): Promise<Uint8Array> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${url} is missing on this site (${answer.status}). Build the page again with: npm run model && npm run build`)
  return new Uint8Array(await answer.arrayBuffer())
}
