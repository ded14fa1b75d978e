import type { Engine } from './engine'
import type { Answer, Call } from './worker'

type Method = 'open' | 'detect' | 'encode' | 'look' | 'initialFrames' | 'paint'

/** The engine in its worker: the same methods, answered by promises, one after another. */
export class EngineClient {
  private readonly worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'engine' })
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  private queue: Promise<unknown> = Promise.resolve()
  private calls = 0

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const caller = this.waiting.get(data.id)
      this.waiting.delete(data.id)
      if (data.error === undefined) caller?.resolve(data.result as never)
      else caller?.reject(new Error(data.error))
    }
    this.worker.onerror = ({ message }) => {
      for (const caller of this.waiting.values()) caller.reject(new Error(message || 'The engine did not start.'))
      this.waiting.clear()
    }
  }

  /** Call a method of the engine. Calls never overlap: a graph runs one frame at a time. */
  call<M extends Method>(method: M, ...args: Parameters<Engine[M]>): ReturnType<Engine[M]> {
    const answer = this.queue.then(() => this.send(method, args))
    this.queue = answer.catch(() => undefined)
    return answer as ReturnType<Engine[M]>
  }

  private send(method: Method, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.calls
      this.waiting.set(id, { resolve, reject })
      this.worker.postMessage({ id, method, args } satisfies Call)
    })
  }
}
