/** Whether the name of a graphics card is that of a processor that plays one. */
export function isSoftware(name: string): boolean {
  return /swiftshader|llvmpipe|software|basic render/i.test(name)
}
