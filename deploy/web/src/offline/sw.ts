import { addressOf, anyKept, outdated, pathIn, type Files, type Version, type Wish } from './kept'

declare const __VERSION__: Version // the build puts it in, so that another version of the page is another worker

/** The service worker: after the first visit the page, its model and its runtime come from this device. */
const scope = self as unknown as ServiceWorkerGlobalScope
const folder = scope.registration.scope
const version = __VERSION__
const files: Files = { ...version.needed, ...version.card }
const CACHE = 'faces-in-motion'
// Threads of WebAssembly need these, which not every host can send.
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }

scope.addEventListener('install', (event) => event.waitUntil(keepVersion()))

scope.addEventListener('activate', (event) => event.waitUntil(clean().then(() => scope.clients.claim())))

scope.addEventListener('message', (event) => {
  const wish = event.data as Wish
  event.waitUntil(wish === 'take over' ? scope.skipWaiting() : answerWhenKept(event.ports[0]))
})

scope.addEventListener('fetch', (event) => {
  const path = pathIn(folder, event.request.url)
  if (event.request.method === 'GET' && path !== null && path in files) event.respondWith(answer(path, event.request))
})

async function answer(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE)
  const kept = await cache.match(addressOf(folder, path, files[path]))
  const found = kept ?? (await fetch(request))
  const headers = new Headers(found.headers)
  for (const [name, value] of Object.entries(ISOLATED)) headers.set(name, value)
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers })
}

/** Where a card computed with an older version, this one is whole with the card's files alone. */
async function keepVersion(): Promise<void> {
  await keep(version.needed)
  if (anyKept(folder, version.card, await keptAddresses())) await keep(version.card)
}

async function answerWhenKept(page: MessagePort): Promise<void> {
  const kept = await keep(version.card).then(() => true, () => false)
  page.postMessage(kept)
}

/** Fetch files that are not kept yet. Throws if one cannot be had as this version wants it; then the older version stays. */
async function keep(wanted: Files): Promise<void> {
  const cache = await caches.open(CACHE)
  for (const [path, hash] of Object.entries(wanted)) {
    const address = addressOf(folder, path, hash)
    if (await cache.match(address)) continue
    const found = await fetch(new URL(encodeURI(path), folder), { cache: 'no-cache' })
    const bytes = await found.arrayBuffer()
    if (!found.ok || (await digest(bytes)) !== hash) throw new Error(`${path} is not the one of this version.`)
    await cache.put(address, new Response(bytes, { headers: { 'Content-Type': found.headers.get('Content-Type') ?? '' } }))
  }
}

/** Leave what only older versions had. */
async function clean(): Promise<void> {
  const cache = await caches.open(CACHE)
  await Promise.all(outdated(folder, version, await keptAddresses()).map((address) => cache.delete(address)))
}

async function keptAddresses(): Promise<string[]> {
  const cache = await caches.open(CACHE)
  return (await cache.keys()).map(({ url }) => url)
}

async function digest(bytes: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
