import type * as Ort from 'onnxruntime-web'
import wasmLoader from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import gpuLoader from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import gpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'

export type Backend = 'webgpu' | 'wasm'

const MOST_THREADS = 8

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

/** Start the wanted backend; `auto` takes the graphics card where the browser offers it. */
export async function openRuntime(choice: Backend | 'auto'): Promise<Runtime> {
  const backend = choice === 'wasm' || !(await hasGpu()) ? 'wasm' : 'webgpu'
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
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [backend], graphOptimizationLevel: 'all' })
  return {
    run: async (inputs, outputs) => (await session.run(inputs, outputs)) as Record<string, Ort.Tensor>,
    close: () => session.release()
  }
}

async function hasGpu(): Promise<boolean> {
  try {
    return Boolean(await navigator.gpu?.requestAdapter())
  } catch {
    return false
  }
}

function absolute(url: string): string {
  return new URL(url, self.location.href).href
}
