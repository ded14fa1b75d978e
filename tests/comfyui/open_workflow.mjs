// Opens a workflow in ComfyUI's frontend in headless Chromium and tells as JSON what the frontend made of it.
//
//   node open_workflow.mjs SERVER WORKFLOW.json PICTURE.png [SETTING=JSON…]
//
// playwright-core is found from $PLAYWRIGHT_DIR, the browser is $CHROMIUM. Only this machine is reachable.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.PLAYWRIGHT_DIR, 'index.js'))('playwright-core')
const [server, file, picture, ...settings] = process.argv.slice(2)
const WITH_PICTURE = ['FOMDetectFaces', 'FOMAnimateFace', 'FOMAnimatePicture', 'FOMPreviewAnimation', 'FOMPreviewKeypoints']
const workflow = JSON.parse(readFileSync(file, 'utf8'))
const told = { unknown: [], red: [], unlinked: [], raised: [], prompt: null, app: 0, places: [] }

// Runs in the page.
async function open(graph) {
  await window.app.loadGraphData(graph)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const nodes = window.app.graph._nodes
  const known = window.LiteGraph.registered_node_types
  return {
    unknown: nodes.filter((node) => !(node.type in known)).map((node) => node.type),
    red: nodes.filter((node) => node.has_errors).map((node) => node.type),
    unlinked: graph.nodes.flatMap((saved) => saved.inputs.filter((input) => input.link != null).map((input) => input.name)
      .filter((name) => !nodes.find((node) => String(node.id) === String(saved.id))?.inputs.some((input) => input.name === name && input.link != null))
      .map((name) => `${saved.type}.${name}`)),
    types: nodes.map((node) => node.type).sort().join(),
    prompt: (await window.app.graphToPrompt()).output
  }
}

// Runs in the page: lets nodes show pictures as after a run, which makes them taller; [type, x, y, width, height] of all.
async function shown(types) {
  const picture = Object.assign(document.createElement('canvas'), { width: 64, height: 64 }).toDataURL()
  const nodes = window.app.graph._nodes
  for (const node of nodes.filter((node) => types.includes(node.type))) window.app.nodePreviewImages[node.id] = [picture]
  window.app.graph.setDirtyCanvas(true, true)
  await new Promise((resolve) => setTimeout(resolve, 2000))
  return nodes.map((node) => [node.type, ...node.pos, ...node.size])
}

const wanted = workflow.nodes.map((node) => node.type).sort().join()
const sameNodes = (found) => found.types === wanted

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
})
try {
  const page = await browser.newPage({ viewport: { width: 1700, height: 1000 } })
  page.on('pageerror', (error) => told.raised.push(String(error)))
  const chosen = settings.map((setting) => setting.split(/=(.*)/s)).map(([key, value]) => [key, JSON.parse(value)])
  // A new user is shown a tutorial and a choice of templates, which would hide the graph.
  await page.request.post(`${server}/api/settings`, {
    data: { 'Comfy.TutorialCompleted': true, ...Object.fromEntries(chosen) }
  })
  await page.goto(server)
  await page.waitForFunction(() => window.app?.graph?._nodes?.length && window.app.extensionManager, null, { timeout: 90000 })
  // The start-up graph comes late, and on a busy machine later still: it may replace ours, which is then opened again.
  for (let attempt = 0; attempt < 5 && !(told.prompt && sameNodes(told)); attempt++) {
    await page.waitForTimeout(2500)
    Object.assign(told, await page.evaluate(open, workflow))
  }
  await page.evaluate(() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView'))
  await page.waitForTimeout(1500)
  await page.screenshot({ path: picture })
  told.places = await page.evaluate(shown, WITH_PICTURE)
  if (workflow.extra?.linearData) {
    await page.evaluate(() => window.app.extensionManager.command.execute('Comfy.ToggleLinear'))
    await page.waitForTimeout(2500)
    told.app = await page.getByTestId('app-mode-widget-description').count()
  }
} finally {
  await browser.close()
}
console.log(JSON.stringify(told))
