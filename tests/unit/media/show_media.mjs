// Shows pictures and videos in headless Chromium, and keeps what a canvas gets of them as numbered PNGs.
//
//   node show_media.mjs FOLDER SECONDS FILE…
//
// FOLDER/0.png is what the first file shows at that time, and so on; of animated pictures the frame that the time falls
// into. Tells as JSON their sizes, times and declared colours. playwright-core is found from $PLAYWRIGHT_DIR, the browser
// is $CHROMIUM, and $CHROMIUM_ARGS are more of its arguments.

import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.PLAYWRIGHT_DIR, 'index.js'))('playwright-core')
const [folder, seconds, ...files] = process.argv.slice(2)
const PAGE = 'https://media.test/' // answered here: a secure place, of which pictures may be read back

// Runs in the page.
async function show({ seconds, moving }) {
  const file = document.querySelector('input').files[0]
  const canvas = document.createElement('canvas')
  const paint = (picture, width, height) => {
    Object.assign(canvas, { width, height })
    canvas.getContext('2d').drawImage(picture, 0, 0)
  }
  const told = {}
  if (moving === 'video') {
    const video = Object.assign(document.createElement('video'), { muted: true, preload: 'auto' })
    document.body.append(video)
    const failed = new Promise((_, reject) => (video.onerror = () => reject(new Error(video.error.message))))
    const until = (event) => Promise.race([failed, new Promise((resolve) => (video[event] = resolve))])
    const loaded = until('onloadeddata')
    video.src = URL.createObjectURL(file)
    await loaded
    const [sought, presented] = [until('onseeked'), new Promise((resolve) => video.requestVideoFrameCallback((_, frame) => resolve(frame)))]
    video.currentTime = seconds
    await sought
    const frame = await Promise.race([presented, new Promise((resolve) => setTimeout(() => resolve(null), 5000))])
    paint(video, video.videoWidth, video.videoHeight)
    Object.assign(told, { time: frame?.mediaTime ?? null, colours: new VideoFrame(video).colorSpace.toJSON() })
    video.remove()
  } else if (moving) {
    const decoder = new ImageDecoder({ data: await file.arrayBuffer(), type: moving })
    await decoder.completed
    for (let index = 0; ; index++) {
      const { image } = await decoder.decode({ frameIndex: index })
      if (image.timestamp + image.duration > 1e6 * seconds || index + 1 === decoder.tracks.selectedTrack.frameCount) {
        paint(image, image.displayWidth, image.displayHeight)
        Object.assign(told, { time: image.timestamp / 1e6, frames: index + 1, colours: image.colorSpace?.toJSON() })
        break
      }
    }
  } else {
    const picture = Object.assign(new Image(), { src: URL.createObjectURL(file) })
    await picture.decode()
    paint(picture, picture.naturalWidth, picture.naturalHeight)
  }
  return { ...told, size: [canvas.width, canvas.height], shown: canvas.toDataURL('image/png').split(',')[1] }
}

const kind = (name) => {
  const suffix = name.split('.').at(-1)
  if (/^(mp4|mov|mkv|webm)$/.test(suffix)) return 'video'
  return /^(gif|webp|avif)$/.test(suffix) ? `image/${suffix}` : ''
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server', '--force-color-profile=srgb', '--host-resolver-rules=MAP * ~NOTFOUND', ...(process.env.CHROMIUM_ARGS ?? '--disable-gpu').split(' ')]
})
try {
  const page = await browser.newPage()
  await page.route(PAGE, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><input type="file">' }))
  const all = []
  for (const [index, file] of files.entries()) {
    await page.goto(PAGE)
    await page.setInputFiles('input', file)
    try {
      const { shown, ...told } = await page.evaluate(show, { seconds: Number(seconds), moving: kind(file) })
      writeFileSync(join(folder, `${index}.png`), Buffer.from(shown, 'base64'))
      all.push(told)
    } catch (error) {
      all.push({ error: error.message.split('\n')[0] })
    }
  }
  console.log(JSON.stringify(all))
} finally {
  await browser.close()
}
