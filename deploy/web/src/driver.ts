import type { EngineClient } from './engine/client'
import { followFace, viewOf } from './faces/regions'
import type { Box } from './faces/boxes'
import type { Keypoints } from './motion/keypoints'
import type { Motion } from './motion/files'
import { held, smooth, SMOOTHING } from './motion/timing'
import type { Picture } from './pixels'

const LOOK_EVERY = 0.2 // seconds between the moments of a driving video in which its face is searched …
const MOST_LOOKS = 30 // … which lie further apart in a long one
const LOOK_PX = 640
const FAR = 1e7 // seconds

/** A performance that is known from the start. */
export interface MotionDriver {
  kind: 'motion'
  motion: Motion
}

/** A performance that is read while it plays: a video file or the camera. */
export interface VideoDriver {
  kind: 'video'
  video: HTMLVideoElement
  live: boolean
  /** The part of the frame to look at; null for all of it. */
  view: Box | null
  /** The pose that corresponds to the portrait. */
  initial: Keypoints
}

export type Driver = MotionDriver | VideoDriver

/** Which part of a driving video the model looks at, null for the whole frame; and the moment that shows the driver first. */
export interface DrivingView {
  box: Box | null
  first: number // in seconds
}

/** Get a video ready: find its face, and read the first pose. The rest is read while it plays. */
export async function readDriver(engine: EngineClient, video: HTMLVideoElement): Promise<VideoDriver> {
  const { box, first } = await findView(engine, video)
  await seek(video, first)
  const initial = await engine.call('look', grab(video), box)
  await seek(video, 0)
  return { kind: 'video', video, live: false, view: box, initial }
}

/** Look for the driver's face in a few moments of a video. */
export async function findView(engine: EngineClient, video: HTMLVideoElement): Promise<DrivingView> {
  if (!Number.isFinite(video.duration)) await seek(video, FAR) // recordings of browsers tell their length at the end
  const every = Math.max(LOOK_EVERY, video.duration / MOST_LOOKS)
  const found = []
  for (let look = 0; look < video.duration / every - 1e-6; look++) {
    await seek(video, look * every)
    found.push(await engine.call('detect', grab(video), LOOK_PX))
  }
  const first = Math.max(0, found.findIndex((faces) => faces.length))
  return { box: viewOf(followFace(found), video.videoWidth, video.videoHeight), first: first * every }
}

/** A motion as it drives: smoothed; before its driver is first seen, and after the last time, it stands still. */
export function alignDriver(motion: Motion): Motion {
  return held(smooth(motion, SMOOTHING)) // smoothing holds it first, and moves what stands still by a trace
}

/** Get the camera ready, or take its picture of this moment as the pose that corresponds to the portrait. */
export async function readCamera(engine: EngineClient, video: HTMLVideoElement): Promise<VideoDriver> {
  const picture = grab(video)
  const track = followFace([await engine.call('detect', picture, LOOK_PX)])
  if (!track.length) throw new Error('No face is in front of the camera. Look into it, with light from the front, and try again.')
  const view = viewOf(track, video.videoWidth, video.videoHeight)
  return { kind: 'video', video, live: true, view, initial: await engine.call('look', picture, view) }
}

let sheet: CanvasRenderingContext2D | undefined

/** What a video shows at this moment. */
export function grab(video: HTMLVideoElement): Picture {
  const [width, height] = [video.videoWidth, video.videoHeight]
  sheet ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
  if (sheet.canvas.width !== width || sheet.canvas.height !== height) Object.assign(sheet.canvas, { width, height })
  sheet.drawImage(video, 0, 0)
  return sheet.getImageData(0, 0, width, height)
}

/** Go to a moment of a video, in seconds. */
export async function seek(video: HTMLVideoElement, seconds: number): Promise<void> {
  const there = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }))
  video.currentTime = seconds
  await there
}

/** Wait until a video has its first picture. Throws if the browser cannot play it. */
export async function loaded(video: HTMLVideoElement, name: string): Promise<void> {
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) return
  await new Promise<void>((resolve, reject) => {
    video.addEventListener('loadeddata', () => resolve(), { once: true })
    video.addEventListener('error', () => reject(new Error(`This browser cannot play ${name}. Try an MP4 (H.264) or WebM file.`)), { once: true })
  })
}

