// Drives the built page in headless Chromium and tells as JSON what happened.
//
//   node drive_page.mjs URL SCENARIO FOLDER [FILE…]
//
// Pictures and videos land in FOLDER, and the profiles of scenarios that go on where another one ended. playwright-core is found from $PLAYWRIGHT_DIR, the browser is $CHROMIUM.

import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.PLAYWRIGHT_DIR, 'index.js'))('playwright-core')
const [url, scenario, folder, ...files] = process.argv.slice(2)
const told = { console: [], raised: [], foreign: [], graphs: [] }
const CALM = { reducedMotion: 'reduce' } // nothing plays by itself
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }
const KEPT = { serviceWorkers: 'allow' } // and the profile stays
const TARGETS = ['button', 'select', 'summary', 'a[download]', '[type="range"]', 'label:has([type="checkbox"])', 'label:has([type="radio"])']
  .map((target) => `${target}:visible`).join(', ')
const SOFTWARE_GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--use-vulkan=swiftshader', '--enable-features=Vulkan,WebGPU']
const CAMERA = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${files[0]}`]

const SCENARIOS = {
  async frames({ page }) {
    await choosePicture(page, files[0])
    told.engine = await page.evaluate(() => document.body.dataset.engine)
    told.composer = await page.getAttribute('#canvas', 'data-composer')
    told.isolated = await page.evaluate(() => crossOriginIsolated)
    told.count = 1 + Number(await page.getAttribute('#seek', 'max'))
    told.faces = await page.locator('#face-list input').count()
    for (const frame of files.slice(1)) await savePicture(page, await seekTo(page, Number(frame)))
  },

  async gpu({ page }) {
    await page.locator('details').last().evaluate((details) => (details.open = true))
    await page.selectOption('#backend', 'webgpu')
    await page.waitForFunction(() => document.getElementById('status').textContent.includes('is ready'), null, { timeout: 120000 })
    await SCENARIOS.frames({ page })
  },

  /** The networks on the processor, as there is no WebGPU; the pixels on a card. */
  async card({ page }) {
    await SCENARIOS.gpu({ page })
  },

  async record({ page }) {
    await page.click('[data-picture="portrait.png"]')
    await page.waitForSelector('#rate b')
    await page.click('#record')
    await page.waitForTimeout(4000)
    told.rate = await page.textContent('#rate')
    await page.click('#record')
    const link = page.locator('#recordings a')
    await link.waitFor()
    told.focused = await link.evaluate((node) => node === document.activeElement)
    const [saved] = await Promise.all([page.waitForEvent('download'), link.click()])
    told.name = saved.suggestedFilename()
    await saved.saveAs(join(folder, 'recording.webm'))
    await page.setInputFiles('#video-file', join(folder, 'recording.webm')) // a recording may drive, too
    await page.waitForFunction(() => /moves? like/.test(document.getElementById('status').textContent), null, { timeout: 60000 })
    told.length = Number(await page.getAttribute('#seek', 'max')) / 100
  },

  async speed({ page }) {
    await page.click('[data-picture="portrait.png"]')
    await page.waitForSelector('#rate b')
    const times = []
    for (let second = 0; second < 5; second++) {
      await page.waitForTimeout(1000)
      times.push(Number((await page.textContent('#rate')).match(/(\d+) ms/)[1]))
    }
    told.milliseconds = times.at(-1)
    told.engine = await page.evaluate(() => document.body.dataset.engine)
    await page.waitForTimeout(Number(files[0] ?? 0))
    told.rate = await page.textContent('#rate b')
  },

  async video({ page }) {
    await choosePicture(page, files[0])
    await page.check('[name="driver"][value="video"]', { force: true })
    await page.setInputFiles('#video-file', files[1])
    await page.waitForFunction(() => /moves? like|Press Play/.test(document.getElementById('status').textContent), null, { timeout: 60000 })
    for (const hundredths of files.slice(2)) await savePicture(page, await seekTo(page, Number(hundredths)))
  },

  async camera({ page }) {
    await choosePicture(page, files[1])
    await page.check('[name="driver"][value="camera"]', { force: true })
    await page.click('#camera')
    await page.waitForSelector('#rate b', { timeout: 60000 })
    told.pictures = []
    for (let look = 0; look < 6; look++) {
      await page.waitForTimeout(500)
      told.pictures.push(await savePicture(page, `camera-${look}`))
    }
    told.rate = await page.textContent('#rate')
    await page.click('#recentre')
    await page.waitForSelector('#rate b')
    await page.click('#camera')
    told.stopped = await page.evaluate(() => document.getElementById('driver').srcObject === null)
    told.status = await page.textContent('#status')
  },

  async keyboard({ page }) {
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim())
    await page.keyboard.press('Tab')
    told.first = await focused()
    await page.setInputFiles('#picture-file', files[0]) // no face in it
    await page.waitForSelector('#marker:not([hidden])')
    told.status = await page.textContent('#status')
    told.marker = await focused()
    const place = () => page.evaluate(() => ['left', 'top', 'width'].map((side) => parseFloat(document.getElementById('marker').style[side])))
    told.before = await place()
    for (const key of ['ArrowRight', 'Shift+ArrowDown', '+']) await page.keyboard.press(key)
    told.after = await place()
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => /moves? like|Press Play/.test(document.getElementById('status').textContent))
    told.faces = await page.locator('#face-list input').count()
    await page.focus('#play')
    await page.keyboard.press('Space')
    await page.waitForSelector('#play[aria-label="Pause"]')
    await page.keyboard.press('Space')
    told.play = await page.getAttribute('#play', 'aria-label')
    told.nameless = await nameless(page)
  },

  async phone({ page }) {
    await choosePicture(page, files[0])
    await page.locator('details').evaluateAll((all) => all.forEach((details) => (details.open = true)))
    told.wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    await recordFor(page, 2000)
    told.small = await page.locator(TARGETS).evaluateAll((all) => all
      .map((node) => [node.id || node.textContent.trim(), node.getBoundingClientRect()])
      .filter(([, { width, height, right }]) => right > 0 && Math.min(width, height) < 44)
      .map(([name, { width, height }]) => `${name}: ${width} x ${height}`))
    await page.screenshot({ path: join(folder, 'phone.png'), fullPage: true })
  },

  /** A group: the face that is tapped in the picture keeps still. */
  async choice({ page }) {
    await choosePicture(page, files[0])
    const { x, y, width } = await page.locator('#canvas').boundingBox()
    const scale = width / (await page.evaluate(() => document.getElementById('canvas').width))
    await page.touchscreen.tap(x + scale * Number(files[1]), y + scale * Number(files[2]))
    await page.waitForFunction(() => /2 faces move|Press Play/.test(document.getElementById('status').textContent), null, { timeout: 60000 })
    told.ticked = await page.locator('#face-list input').evaluateAll((all) => all.map((tick) => tick.checked))
    told.rings = await page.locator('#rings .ring').evaluateAll((all) => all.map((ring) => ring.classList.contains('moves')))
    await page.screenshot({ path: join(folder, 'choice.png') })
    await savePicture(page, await seekTo(page, 45))
  },

  async rates({ page }) {
    await page.click('[data-picture="portrait.png"]')
    await page.waitForSelector('#rate b')
    const rate = () => page.evaluate(() => ({ ...document.getElementById('rate').dataset, text: document.getElementById('rate').innerText }))
    told.first = await rate()
    await page.waitForFunction(() => document.getElementById('rate').dataset.computed === '0.0', null, { timeout: 180000 })
    told.later = await rate()
  },

  /** The first visit: what an offline one needs is kept. */
  async visit({ page }) {
    await page.waitForSelector('body[data-kept="true"]', { timeout: 120000 })
    told.kept = await page.textContent('#offline')
    told.isolated = await page.evaluate(() => crossOriginIsolated)
    told.manifest = await page.evaluate(async () => (await fetch(document.querySelector('link[rel="manifest"]').href)).json())
    told.icons = await page.evaluate(async (icons) => Promise.all(icons.map(async ({ src }) => {
      const { width, height } = await createImageBitmap(await (await fetch(src)).blob())
      return `${width}x${height}`
    })), told.manifest.icons)
    const session = await page.context().newCDPSession(page)
    told.uninstallable = (await session.send('Page.getInstallabilityErrors')).installabilityErrors.map(({ errorId }) => errorId)
  },

  /** A later visit, by touch alone. */
  async touch({ page }) {
    told.isolated = await page.evaluate(() => crossOriginIsolated)
    await page.tap('[data-picture="portrait.png"]')
    await page.waitForSelector('#rate b')
    await page.locator('#motions label', { hasText: 'nod' }).tap()
    await page.waitForFunction(() => document.querySelector('#motions :checked').value === 'nod' && document.querySelector('#rate b'))
    await page.locator('#record').tap()
    await page.waitForTimeout(3000)
    await page.screenshot({ path: join(folder, 'touch.png') })
    await page.locator('#record').tap()
    const link = page.locator('#recordings a')
    await link.waitFor()
    const [saved] = await Promise.all([page.waitForEvent('download'), link.tap()])
    await saved.saveAs(join(folder, 'recording.webm'))
    told.kept = await page.textContent('#offline')
  },

  /** As in the app for Android, which takes recordings by a bridge. */
  async app({ page }) {
    told.kept = await page.textContent('#offline')
    await page.tap('[data-picture="portrait.png"]')
    await page.waitForSelector('#rate b')
    await page.locator('#record').tap()
    await page.waitForTimeout(2500)
    await page.locator('#record').tap()
    await page.locator('#recordings a').tap()
    await page.waitForFunction(() => window.saved)
    const { name, type, pieces } = await page.evaluate(() => window.saved)
    Object.assign(told, { name, type })
    writeFileSync(join(folder, 'recording.webm'), Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))))
  },

  /** A visit after the site has changed. */
  async update({ page }) {
    told.before = await page.textContent('h1')
    await page.locator('#update').waitFor({ timeout: 60000 })
    await Promise.all([page.waitForEvent('load'), page.tap('#update')])
    await ready(page)
    told.after = await page.textContent('h1')
    told.indices = await page.evaluate(async () => (await (await caches.open('faces-in-motion')).keys()).filter(({ url }) => url.includes('index.html')).length)
  },

  async mistakes({ page }) {
    told.status = {}
    for (const [input, file] of [['picture-file', files[0]], ['motion-file', files[0]], ['model-files', files[0]], ['video-file', files[0]]]) {
      await page.evaluate(() => (document.getElementById('status').className = 'status'))
      await page.setInputFiles(`#${input}`, file)
      await page.waitForSelector('#status.wrong')
      told.status[input] = await page.textContent('#status')
    }
    await page.check('[name="driver"][value="motion"]', { force: true })
    await choosePicture(page, files[1]) // and everything still works
  },

  async model({ page }) {
    const [portrait, video, ...model] = files
    await page.setInputFiles('#model-files', model)
    await page.waitForFunction(() => document.getElementById('status').textContent.includes('is ready'), null, { timeout: 60000 })
    told.engine = await page.textContent('#engine')
    await page.setInputFiles('#picture-file', portrait)
    await page.waitForFunction(() => document.getElementById('status').textContent.includes('Choose what moves'), null, { timeout: 60000 })
    await page.locator('#motions').dispatchEvent('change')
    await page.waitForSelector('#status.wrong')
    told.motion = await page.textContent('#status')
    await page.setInputFiles('#video-file', video)
    await page.waitForFunction(() => document.getElementById('status').textContent.includes('Press Play'), null, { timeout: 60000 })
  },

  async look({ page }) {
    await page.click(`[data-picture="${files[0]}"]`)
    await page.waitForSelector('#rate b')
    await page.waitForTimeout(Number(files[1] ?? 4000))
    await page.screenshot({ path: join(folder, 'page.png') })
  }
}

const OPTIONS = {
  frames: { context: CALM },
  gpu: { context: CALM, flags: SOFTWARE_GPU },
  card: { context: CALM },
  video: { context: CALM },
  keyboard: { context: CALM },
  mistakes: { context: CALM },
  model: { context: CALM },
  phone: { context: { ...CALM, ...PHONE, colorScheme: 'dark' } },
  choice: { context: { ...CALM, ...PHONE } },
  app: { context: { ...PHONE }, before: (page) => page.addInitScript(bridge) },
  visit: { context: { ...PHONE, ...KEPT } },
  touch: { context: { ...PHONE, ...KEPT } },
  update: { context: { ...PHONE, ...CALM, ...KEPT } },
  camera: { flags: CAMERA }
}

/** The app's side of the bridge, kept in the page. */
function bridge() {
  const pieces = []
  window.fomApp = { begin: () => (pieces.length = 0), append: (piece) => pieces.push(piece), save: (name, type) => (window.saved = { name, type, pieces }) }
}

async function ready(page) {
  await page.waitForFunction(() => document.getElementById('status').textContent.startsWith('Ready'), null, { timeout: 120000 })
}

async function choosePicture(page, file) {
  await page.setInputFiles('#picture-file', file)
  await page.waitForFunction(() => /moves? like|Press Play/.test(document.getElementById('status').textContent), null, { timeout: 180000 })
}

async function recordFor(page, milliseconds) {
  await page.click('#record')
  await page.waitForSelector('#rate b')
  await page.waitForTimeout(milliseconds)
  await page.click('#record')
  await page.locator('#recordings a').waitFor()
}

async function seekTo(page, at) {
  await page.locator('#seek').fill(String(at))
  await page.waitForSelector('#canvas[aria-busy="false"]', { timeout: 180000 })
  return `frame-${at}`
}

async function savePicture(page, name) {
  const data = await page.evaluate(() => document.getElementById('canvas').toDataURL('image/png'))
  const path = join(folder, `${name}.png`)
  writeFileSync(path, Buffer.from(data.split(',')[1], 'base64'))
  return path
}

/** Controls that a screen reader could not name. */
function nameless(page) {
  return page.locator('button, input, select, video, canvas, [tabindex="0"]').evaluateAll((all) =>
    all.filter((node) => !(node.ariaHidden === 'true' || node.ariaLabel || node.labels?.length || node.textContent.trim() || node.querySelector('img[alt]:not([alt=""])'))).map((node) => node.outerHTML.slice(0, 120)))
}

const { context: options = {}, flags = [], before } = OPTIONS[scenario] ?? {}
const goesOn = options.serviceWorkers === 'allow'
const profile = goesOn ? join(folder, 'profile') : mkdtempSync(join(tmpdir(), 'fom-page-'))
if (goesOn) mkdirSync(profile, { recursive: true })
const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ['--no-sandbox', ...(flags.includes('--enable-unsafe-webgpu') ? [] : ['--disable-gpu']), '--disable-dev-shm-usage', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', ...quiet, ...flags],
  viewport: { width: 1280, height: 860 },
  serviceWorkers: 'block',
  ...options
})
try {
  const page = context.pages()[0]
  // A processor that plays the graphics card warns of reading its own pixels; most scenarios keep nothing for later.
  const expected = /GPU stall due to ReadPixels|Service Worker registration blocked by Playwright/
  const matters = (message) => ['error', 'warning'].includes(message.type()) && !expected.test(message.text())
  page.on('console', (message) => matters(message) && told.console.push(message.text()))
  page.on('pageerror', (error) => told.raised.push(String(error)))
  context.on('request', (request) => {
    const to = request.url()
    if (!/^(data|blob):/.test(to) && new URL(to).origin !== new URL(url).origin) told.foreign.push(to)
    if (to.endsWith('.onnx')) told.graphs.push(to.split('/').at(-1))
  })
  await before?.(page)
  await page.goto(url)
  await ready(page)
  await SCENARIOS[scenario]({ page })
} finally {
  await context.close()
  if (!goesOn) rmSync(profile, { recursive: true, force: true })
}
console.log(JSON.stringify(told))
