import type { Backend } from '../engine/runtime'
import { element } from '../ui/page'
import { phoneApp } from './app'
import type { Wish } from './kept'
import { keepForCard } from './wishes'

const WITHOUT_CARD = 'Kept on this device, but for what the graphics card needs: without a network the processor computes.'

/** What browsers give a page that may be installed. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>
}

/** The page on this device: kept for use without a network, installed as an app, brought up to date. */
export class Device {
  private readonly told = element('offline')
  private readonly installs = element<HTMLButtonElement>('install')
  private readonly updates = element<HTMLButtonElement>('update')
  private prompt: InstallPrompt | null = null

  constructor() {
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault() // the page has a button of its own for it
      this.prompt = event as InstallPrompt
      this.installs.hidden = false
    })
    addEventListener('appinstalled', () => (this.installs.hidden = true))
  }

  /** Keep the page, its model and the runtime that `backend` uses. Where the browser cannot, say so. */
  async keep(backend: Backend): Promise<void> {
    if (phoneApp()) return this.tell('All of this app is on this device; it has no way to the network.', true)
    if (!import.meta.env.PROD) return this.tell('This is the page in the making; the built page is kept.')
    if (!('serviceWorker' in navigator)) return this.tell('This browser keeps no pages: the network is needed each time.')
    try {
      const registration = await navigator.serviceWorker.register('./sw.js', { updateViaCache: 'none' })
      this.watch(registration)
      await Promise.race([navigator.serviceWorker.ready, gaveUp(registration)])
      if (backend === 'webgpu') {
        this.tell('Fetching what the graphics card needs without a network …')
        if (!registration.active || !(await keepForCard(registration.active))) return this.tell(WITHOUT_CARD)
      }
      this.tell('Kept on this device: it works without a network.', true)
    } catch {
      this.tell('The page could not be kept on this device: the network is needed each time.')
    }
  }

  async install(): Promise<void> {
    await this.prompt?.prompt()
    this.prompt = null
    this.installs.hidden = true
  }

  /** Offer newer versions as they come; nothing changes under somebody's hands. */
  private watch(registration: ServiceWorkerRegistration): void {
    const offer = (): void => {
      const { waiting } = registration
      if (!waiting || !navigator.serviceWorker.controller) return
      this.updates.hidden = false
      this.updates.onclick = () => {
        navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
        waiting.postMessage('take over' satisfies Wish)
      }
    }
    offer()
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer))
  }

  private tell(text: string, kept = false): void {
    this.told.textContent = text
    document.body.dataset.kept = String(kept)
  }
}

/** Fails when a first visit's files cannot be kept; nothing happens otherwise. */
function gaveUp({ installing, active }: ServiceWorkerRegistration): Promise<never> {
  return new Promise((_, reject) => {
    if (installing && !active) installing.addEventListener('statechange', () => installing.state === 'redundant' && reject(new Error('not kept')))
  })
}
