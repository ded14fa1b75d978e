// Watches the page of a live animation in headless Chromium: says "seen" once there is a picture, and "again" once the
// state says so and there is a picture, too.
//
//   node watch_page.mjs URL
//
// playwright-core is found from $PLAYWRIGHT_DIR, the browser is $CHROMIUM.

import { createRequire } from 'node:module'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.PLAYWRIGHT_DIR, 'index.js'))('playwright-core')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
try {
  const page = await browser.newPage()
  await page.goto(process.argv[2], { waitUntil: 'commit' })
  for (const word of ['seen', 'again']) {
    await page.waitForFunction(
      (state) => document.querySelector('output')?.textContent === state && document.querySelector('img').naturalWidth > 0,
      word, { timeout: 30000 },
    )
    console.log(word)
  }
} finally {
  await browser.close()
}
