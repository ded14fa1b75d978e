/** An element of the page by its id. */
export function element<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no #${id}.`)
  return found as E
}

/** Say something in the status line, which screen readers read out. */
export function say(text: string): void {
  const status = element('status')
  status.classList.remove('wrong')
  status.textContent = text
}

/** Say what went wrong. */
export function complain(error: unknown): void {
  const status = element('status')
  status.classList.add('wrong')
  status.textContent = String((error as Error)?.message ?? error)
}

/** Run something that the user asked for, and tell them if it fails. */
export async function attempt(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    complain(error)
  }
}

/** Buttons with data-opens="id" open that file chooser; `take` gets what was chosen. */
export function onFiles(id: string, take: (files: File[]) => Promise<void>): void {
  const input = element<HTMLInputElement>(id)
  for (const button of document.querySelectorAll(`[data-opens="${id}"]`)) button.addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])]
    input.value = '' // so that the same file may be chosen again
    if (files.length) void attempt(() => take(files))
  })
}

export function count(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `one ${one}` : `${number} ${many}`
}
