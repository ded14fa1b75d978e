import { Engine, type Painted } from './engine'

/** A call of one of the engine's methods, and its answer. */
export interface Call {
  id: number
  method: keyof Engine
  args: unknown[]
}

export interface Answer {
  id: number
  result?: unknown
  error?: string
}

const engine = new Engine()
const scope = self as unknown as DedicatedWorkerGlobalScope

scope.onmessage = async ({ data: { id, method, args } }: MessageEvent<Call>) => {
  try {
    const result = await (engine[method] as (...values: unknown[]) => Promise<unknown>).apply(engine, args)
    scope.postMessage({ id, result } satisfies Answer, buffersOf(result))
  } catch (error) {
    scope.postMessage({ id, error: String((error as Error)?.message ?? error) } satisfies Answer)
  }
}

/** What was painted changes hands instead of being copied. */
function buffersOf(result: unknown): Transferable[] {
  const faces = (result as Partial<Painted> | undefined)?.faces ?? []
  return faces.flatMap(({ flow, pixels }) => [flow.buffer, pixels.data.buffer as ArrayBuffer])
}
