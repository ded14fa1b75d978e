import type { Wish } from './kept' // a type alone: the worker's code is in the worker's file and in no other

/** Have a service worker keep what a card needs. Whether all of it is kept now. */
export function keepForCard(worker: Pick<ServiceWorker, 'postMessage'>): Promise<boolean> {
  return new Promise((resolve) => {
    const { port1: answer, port2: asked } = new MessageChannel()
    answer.onmessage = ({ data }) => {
      answer.close()
      resolve(data === true)
    }
    worker.postMessage('keep what a card needs' satisfies Wish, [asked])
  })
}
