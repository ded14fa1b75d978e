const PIECE_BYTES = 3 << 18 // a multiple of 3, so that pieces of base64 follow one another

/** What the Android app of deploy/android gives the page. */
export interface PhoneApp {
  begin(): void
  append(base64: string): void
  save(name: string, type: string): void
}

/** The app that shows the page; null in a browser. */
export function phoneApp(): PhoneApp | null {
  return (globalThis as { fomApp?: PhoneApp }).fomApp ?? null
}

let saving: Promise<void> | null = null // the app takes one file at a time

/** Hand a file to the app, which asks the user where it shall go: it has no downloads. Throws while another one is handed over. */
export async function saveByApp(app: PhoneApp, file: Blob, name: string): Promise<void> {
  if (saving) throw new Error('A recording is being saved already. Save the next one after it.')
  saving = handOver(app, file, name).finally(() => (saving = null))
  return saving
}

async function handOver(app: PhoneApp, file: Blob, name: string): Promise<void> {
  app.begin()
  for (let at = 0; at < file.size; at += PIECE_BYTES) app.append(base64(await file.slice(at, at + PIECE_BYTES).arrayBuffer()))
  app.save(name, file.type)
}

function base64(bytes: ArrayBuffer): string {
  let text = ''
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte)
  return btoa(text)
}
