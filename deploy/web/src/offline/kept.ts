/** Paths of the page's files, from its folder, and the SHA-256 of what each holds. */
export type Files = Record<string, string>

/** All files of one version of the page. */
export interface Version {
  /** What the page cannot do without. */
  needed: Files
  /** What only a graphics card needs: a larger runtime, and the generator in float32. */
  card: Files
}

/** What the page asks of its service worker. */
export type Wish = 'keep what a card needs' | 'take over'

/** The path of a request in the page's folder; null for what is not the page's. */
export function pathIn(scope: string, url: string): string | null {
  const [plain] = url.split(/[?#]/)
  if (!plain.startsWith(scope)) return null
  return decodeURI(plain.slice(scope.length)) || 'index.html'
}

/** Under which address a file is kept: another version of it has another one, and what did not change is kept already. */
export function addressOf(scope: string, path: string, hash: string): string {
  return `${scope}${encodeURI(path)}?${hash}`
}

/** Whether one of these files is kept, in this version or another. */
export function anyKept(scope: string, files: Files, kept: readonly string[]): boolean {
  const names = new Set(Object.keys(files).map((path) => unversioned(addressOf(scope, path, ''))))
  return kept.some((address) => names.has(unversioned(address)))
}

/** An address without its checksum and the one that the build puts into names. */
function unversioned(address: string): string {
  return address.split('?')[0].replace(/-[\w-]{8}(?=\.\w+$)/, '')
}

/** Kept addresses that no file of this version has. */
export function outdated(scope: string, { needed, card }: Version, kept: readonly string[]): string[] {
  const wanted = new Set(Object.entries({ ...needed, ...card }).map(([path, hash]) => addressOf(scope, path, hash)))
  return kept.filter((address) => !wanted.has(address))
}
