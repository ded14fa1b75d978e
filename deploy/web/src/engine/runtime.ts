import type * as Ort from 'onnxruntime-web'
import { isSoftware } from '../graphics'
import wasmLoader from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import gpuLoader from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import gpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'

export type Backend = 'webgpu' | 'wasm'

const MOST_THREADS = 8
const CLOSE = 0.01 // difference that a graphics card may make, as a share of the largest value

/** ONNX Runtime, started for one kind of processor. */
export interface Runtime {
  backend: Backend
  /** Threads of WebAssembly: 1 where the page is not isolated from other origins. */
  threads: number
  /** Open a graph, by default on the runtime's backend. */
  open(bytes: Uint8Array, backend?: Backend): Promise<Graph>
  tensor(values: Float32Array, shape: readonly number[]): Ort.Tensor
}

/** A graph ready to run: named tensors in, the named tensors out. */
export interface Graph {
  run(inputs: Record<string, Ort.Tensor>, outputs: string[]): Promise<Record<string, Ort.Tensor>>
  close(): Promise<void>
}

/** A graph that was tried before it was taken. */
export interface Tried {
  graph: Graph
  backend: Backend
}

/**
 * Open a graph and run it once, so that the first frame that is seen is as quick as the others.
 *
 * A graphics card must compute what the processor computes: browsers and drivers have their errors, and a part that
 * comes out wrong there is left to the processor.
 */
export async function openTried(
  runtime: Runtime, bytes: Uint8Array, inputs: Record<string, Ort.Tensor>, outputs: string[]
): Promise<Tried> {
  const processor: Tried = { graph: await runtime.open(bytes, 'wasm'), backend: 'wasm' }
  const wanted = await processor.graph.run(inputs, outputs)
  if (runtime.backend === 'wasm') return processor
  try {
    const card: Tried = { graph: await runtime.open(bytes, 'webgpu'), backend: 'webgpu' }
    const found = await card.graph.run(inputs, outputs)
    const agrees = await Promise.all(outputs.map(async (name) => alike(await numbers(found[name]), await numbers(wanted[name]))))
    const [taken, left] = agrees.every(Boolean) ? [card, processor] : [processor, card]
    await left.graph.close()
    return taken
  } catch {
    return processor
  }
}

/** A tensor's values, wherever they lie. */
export async function numbers(tensor: Ort.Tensor): Promise<Float32Array> {
  return (await tensor.getData()) as Float32Array
}

function alike(found: Float32Array, wanted: Float32Array): boolean {
  const most = wanted.reduce((sum, value) => Math.max(sum, Math.abs(value)), 1)
  return found.every((value, at) => Math.abs(value - wanted[at]) <= CLOSE * most)
}

/** Start the wanted backend; `auto` takes the graphics card where there is a real one. */
export async function openRuntime(choice: Backend | 'auto'): Promise<Runtime> {
  const backend = choice !== 'wasm' && (await hasGpu(choice === 'webgpu')) ? 'webgpu' : 'wasm'
  const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1
  const ort = backend === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ort.env.wasm.numThreads = threads
  ort.env.wasm.wasmPaths =
    backend === 'webgpu' ? { mjs: absolute(gpuLoader), wasm: absolute(gpuBinary) } : { mjs: absolute(wasmLoader), wasm: absolute(wasmBinary) }
  ort.env.logLevel = 'error'
  return {
    backend,
    threads,
    open: (bytes, wanted = backend) => openGraph(ort, bytes, wanted),
    tensor: (values, shape) => new ort.Tensor('float32', values, shape)
  }
}

async function openGraph(ort: typeof Ort, bytes: Uint8Array, backend: Backend): Promise<Graph> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [backend], graphOptimizationLevel: 'all', logSeverityLevel: 3 })
  return {
    run: async (inputs, outputs) => (await session.run(inputs, outputs)) as Record<string, Ort.Tensor>,
    close: () => session.release()
  }
}

/** Whether WebGPU is there; a processor that plays the graphics card counts only if it may. */
async function hasGpu(evenInSoftware: boolean): Promise<boolean> {
  try {
    const adapter = await navigator.gpu?.requestAdapter()
    return Boolean(adapter) && (evenInSoftware || !plays(adapter!.info))
  } catch {
    return false
  }
}

function plays(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || isSoftware(`${info.architecture} ${info.description}`)
}

function absolute(url: string): string {
  return new URL(url, self.location.href).href
}
