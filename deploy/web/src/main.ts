import { App } from './app'
import { attempt, element, onFiles } from './ui/page'
import type { Kind } from './ui/performer'

const app = new App()

onFiles('picture-file', ([file]) => app.openPicture(file))
onFiles('motion-file', ([file]) => app.performer.openMotion(file))
onFiles('video-file', ([file]) => app.performer.openVideo(file))
onFiles('model-files', (files) => app.openModel({ files }))

function onClick(id: string, task: () => Promise<void>): void {
  element(id).addEventListener('click', () => void attempt(task))
}

onClick('play', () => app.togglePlay())
onClick('record', () => app.toggleRecording())
onClick('mark', () => app.markFace())
onClick('camera', () => app.performer.toggleCamera())
onClick('recentre', () => app.performer.recentre())
onClick('install', () => app.device.install())

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-picture]')) {
  button.addEventListener('click', () => void attempt(() => app.openExample(button.dataset.picture!)))
}
for (const radio of document.querySelectorAll<HTMLInputElement>('[name="driver"]')) {
  radio.addEventListener('change', () => void attempt(() => app.performer.choose(radio.value as Kind)))
}
element('motions').addEventListener('change', () => void attempt(() => app.performer.chooseMotion()))
element('backend').addEventListener('change', () => void attempt(() => app.openModel()))
element('seek').addEventListener('input', () => void attempt(() => app.seek()))
for (const id of ['gain', 'relative', 'adapt', 'best']) element(id).addEventListener('input', () => void attempt(() => app.applySettings()))

// Files may be dropped anywhere: pictures, videos, motions, exported models.
let depth = 0
const files = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false
document.addEventListener('dragenter', (event) => {
  if (files(event) && ++depth === 1) element('drop').classList.add('dragging')
})
document.addEventListener('dragleave', (event) => {
  if (files(event) && --depth === 0) element('drop').classList.remove('dragging')
})
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  depth = 0
  element('drop').classList.remove('dragging')
  void attempt(() => app.openDropped([...(event.dataTransfer?.files ?? [])]))
})
document.addEventListener('paste', (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])]
  if (pasted.length) void attempt(() => app.openDropped(pasted))
})

void attempt(() => app.start())
