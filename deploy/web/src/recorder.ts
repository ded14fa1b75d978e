const TYPES = ['video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4'] // Safari writes MP4
const BITS_PER_SECOND = 8_000_000

/** Records what a canvas shows as WebM, or MP4 where the browser has no WebM, with the driving video's sound where it has any. */
export class Recorder {
  private recorder: MediaRecorder | null = null

  get recording(): boolean {
    return this.recorder !== null
  }

  /** Begin. Resolves with the video once {@link stop} is called. Throws where the browser cannot record. */
  start(canvas: HTMLCanvasElement, sound: HTMLVideoElement | null): Promise<Blob> {
    const type = typeof MediaRecorder === 'undefined' ? undefined : TYPES.find((kind) => MediaRecorder.isTypeSupported(kind))
    if (!type) throw new Error('This browser cannot record videos. Try Firefox, Chrome or Edge.')
    const stream = canvas.captureStream()
    const tracks = soundOf(sound)
    for (const track of tracks) stream.addTrack(track)
    const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS_PER_SECOND })
    const parts: Blob[] = []
    recorder.ondataavailable = ({ data }) => parts.push(data)
    this.recorder = recorder
    return new Promise((resolve, reject) => {
      recorder.onerror = () => reject(new Error('The browser stopped recording.'))
      recorder.onstop = () => {
        for (const track of stream.getTracks()) track.stop()
        resolve(new Blob(parts, { type: type.split(';')[0] }))
      }
      recorder.start(1000)
    })
  }

  stop(): void {
    this.recorder?.stop()
    this.recorder = null
  }
}

function soundOf(video: HTMLVideoElement | null): MediaStreamTrack[] {
  const capture = (video as (HTMLVideoElement & { captureStream?: () => MediaStream }) | null)?.captureStream
  return capture && video && !video.srcObject ? capture.call(video).getAudioTracks() : []
}
