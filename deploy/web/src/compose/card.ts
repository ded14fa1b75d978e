import { isSoftware } from '../graphics'
import { resize } from '../pixels'
import type { Canvas } from './canvas'
import { CUBIC, type Composer, type MovedFace, type Scene } from './composer'

const MOST_FACES = 32 // that a shader surely has room for

const ANYWHERE = `#version 300 es
void main() {
  gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0);
}`

/** One pixel of the result, in the steps of ProcessorComposer: from where its colour comes, then what lies over it. */
function shader(faces: number): string {
  return `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
uniform sampler2D picture;
uniform sampler2DArray flows;
uniform sampler2DArray crops;
uniform ivec4 rects[${faces}];  // pixels of the canvas
uniform ivec3 grids[${faces}];  // corner and cell
uniform ivec4 sizes[${faces}];  // of the grid, of the network's pixels
uniform vec4 places[${faces}];  // of the crop: its corner and sides
out vec4 colour;

vec4 cubic(float t) {
  vec4 d = vec4(t + 1.0, t, 1.0 - t, 2.0 - t);
  const float a = ${CUBIC.toFixed(2)};
  return vec4(
    a * (((d.x - 5.0) * d.x + 8.0) * d.x - 4.0),
    ((a + 2.0) * d.y - (a + 3.0)) * d.y * d.y + 1.0,
    ((a + 2.0) * d.z - (a + 3.0)) * d.z * d.z + 1.0,
    a * (((d.w - 5.0) * d.w + 8.0) * d.w - 4.0));
}

ivec4 mirrored(int first, int count) {
  ivec4 at = abs(ivec4(first, first + 1, first + 2, first + 3));
  return count < 2 ? ivec4(0) : min(at, abs(2 * count - 2 - at));
}

vec4 whole(vec4 levels) {
  return clamp(floor(levels * 255.0 + 0.5), 0.0, 255.0);
}

vec3 flow(int face, ivec2 at) {
  vec2 most = vec2(sizes[face].xy - 1);
  vec2 place = clamp((vec2(at - grids[face].xy) + 0.5) / float(grids[face].z) - 0.5, vec2(0.0), most);
  ivec2 low = ivec2(floor(place));
  ivec2 high = min(low + 1, sizes[face].xy - 1);
  vec2 t = place - vec2(low);
  vec3 above = mix(texelFetch(flows, ivec3(low.x, low.y, face), 0).rgb, texelFetch(flows, ivec3(high.x, low.y, face), 0).rgb, t.x);
  vec3 below = mix(texelFetch(flows, ivec3(low.x, high.y, face), 0).rgb, texelFetch(flows, ivec3(high.x, high.y, face), 0).rgb, t.x);
  return mix(above, below, t.y);
}

vec4 moved(vec2 place) {
  vec2 low = floor(place);
  vec4 across = cubic(place.x - low.x);
  vec4 down = cubic(place.y - low.y);
  ivec2 size = textureSize(picture, 0);
  ivec4 x = mirrored(int(low.x) - 1, size.x);
  ivec4 y = mirrored(int(low.y) - 1, size.y);
  vec4 sum = vec4(0.0);
  for (int row = 0; row < 4; row++) {
    sum += down[row] * (
      across.x * texelFetch(picture, ivec2(x.x, y[row]), 0) + across.y * texelFetch(picture, ivec2(x.y, y[row]), 0) +
      across.z * texelFetch(picture, ivec2(x.z, y[row]), 0) + across.w * texelFetch(picture, ivec2(x.w, y[row]), 0));
  }
  return whole(sum);
}

vec4 painted(int face, vec2 at) {
  vec2 size = vec2(sizes[face].zw);
  vec2 place = (at - places[face].xy + 0.5) * size / places[face].zw - 0.5;
  vec2 low = floor(place);
  vec4 across = cubic(place.x - low.x);
  vec4 down = cubic(place.y - low.y);
  vec4 sum = vec4(0.0);
  for (int row = 0; row < 4; row++) {
    for (int column = 0; column < 4; column++) {
      ivec2 from = clamp(ivec2(low) + ivec2(column, row) - 1, ivec2(0), sizes[face].zw - 1);
      sum += down[row] * across[column] * texelFetch(crops, ivec3(from, face), 0);
    }
  }
  return whole(sum);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  at.y = textureSize(picture, 0).y - 1 - at.y;
  vec2 away = vec2(0.0);
  float shares[${faces}];
  for (int face = 0; face < ${faces}; face++) {
    shares[face] = 0.0;
    if (all(greaterThanEqual(at, rects[face].xy)) && all(lessThan(at, rects[face].zw))) {
      vec3 here = flow(face, at);
      away += here.xy;
      shares[face] = here.z;
    }
  }
  vec4 levels = moved(vec2(at) + away);
  for (int face = 0; face < ${faces}; face++) {
    if (shares[face] > 0.0) levels.rgb = floor(mix(levels.rgb, painted(face, vec2(at)).rgb, shares[face]) + 0.5);
  }
  colour = levels / 255.0;
}`
}

/** Composing by the graphics card. */
export class CardComposer implements Composer {
  private readonly rooms: [number, number][] // of the two arrays of textures

  private constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly program: WebGLProgram,
    private readonly scene: Scene
  ) {
    const { canvases } = scene
    this.rooms = [[Math.max(...canvases.map(({ columns }) => columns)), Math.max(...canvases.map(({ rows }) => rows))], [0, 0]]
    this.prepare()
  }

  /** Open it; null where there is no such card, or too much for it. One that a processor plays is slow, and must be asked for. */
  static open(scene: Scene, evenInSoftware: boolean): CardComposer | null {
    const { picture, canvases } = scene
    const canvas = Object.assign(document.createElement('canvas'), { width: picture.width, height: picture.height })
    const gl = canvas.getContext('webgl2', { premultipliedAlpha: false, antialias: false, depth: false })
    if (!gl) return null
    const fits = canvases.length <= MOST_FACES && Math.max(picture.width, picture.height) <= gl.getParameter(gl.MAX_TEXTURE_SIZE)
    const program = fits && (evenInSoftware || !isSoftware(nameOf(gl))) ? linked(gl, shader(canvases.length)) : null
    if (program) return new CardComposer(gl, program, scene)
    lose(gl)
    return null
  }

  draw(context: CanvasRenderingContext2D, faces: MovedFace[]): void {
    const { gl, scene: { picture, canvases } } = this
    faces.forEach((face, index) => this.send(face, index))
    for (const { rect: [x0, y0, x1, y1] } of canvases) {
      gl.scissor(x0, picture.height - y1, x1 - x0, y1 - y0)
      gl.drawArrays(gl.TRIANGLES, 0, 3)
    }
    for (const { rect: [x, y, right, bottom] } of canvases) {
      const [width, height] = [right - x, bottom - y]
      context.clearRect(x, y, width, height)
      context.drawImage(gl.canvas, x, y, width, height, x, y, width, height)
    }
  }

  close(): void {
    lose(this.gl)
  }

  /** Whether the card was taken away. */
  get lost(): boolean {
    return this.gl.isContextLost()
  }

  private prepare(): void {
    const { gl, program, scene: { picture, canvases, crops } } = this
    const where = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(program, name)
    gl.useProgram(program)
    gl.enable(gl.SCISSOR_TEST)
    gl.viewport(0, 0, picture.width, picture.height)
    texture(gl, 0, gl.TEXTURE_2D)
    const { data, width, height } = picture
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(data.buffer, data.byteOffset, data.length))
    texture(gl, 1, gl.TEXTURE_2D_ARRAY)
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGB32F, ...this.rooms[0], canvases.length)
    ;['picture', 'flows', 'crops'].forEach((name, unit) => gl.uniform1i(where(name), unit))
    const flat = (numbers: (canvas: Canvas, index: number) => number[]): number[] => canvases.flatMap(numbers)
    gl.uniform4iv(where('rects'), flat(({ rect }) => rect))
    gl.uniform3iv(where('grids'), flat(({ corner, cell }) => [...corner, cell]))
    gl.uniform4fv(where('places'), flat((_, index) => placeOf(crops[index])))
  }

  /** Bring a face's flow and pixels to the card. */
  private send({ flow, pixels }: MovedFace, index: number): void {
    const { gl, scene: { canvases, crops } } = this
    const { columns, rows } = canvases[index]
    const [, , across, down] = placeOf(crops[index])
    const { data, width, height } = resize(pixels, Math.min(pixels.width, across), Math.min(pixels.height, down))
    if (width > this.rooms[1][0] || height > this.rooms[1][1]) this.makeRoom(pixels.width, pixels.height)
    gl.uniform4i(gl.getUniformLocation(this.program, `sizes[${index}]`), columns, rows, width, height)
    gl.activeTexture(gl.TEXTURE1)
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, index, columns, rows, 1, gl.RGB, gl.FLOAT, flow)
    gl.activeTexture(gl.TEXTURE2)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length)
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, index, width, height, 1, gl.RGBA, gl.UNSIGNED_BYTE, bytes)
  }

  private makeRoom(width: number, height: number): void {
    const { gl } = this
    this.rooms[1] = [width, height]
    texture(gl, 2, gl.TEXTURE_2D_ARRAY)
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, width, height, this.scene.canvases.length)
  }
}

/** Give a context back: browsers allow only a few. */
function lose(gl: WebGL2RenderingContext): void {
  gl.getExtension('WEBGL_lose_context')?.loseContext()
}

function nameOf(gl: WebGL2RenderingContext): string {
  const hidden = gl.getParameter(gl.VENDOR) === 'WebKit' ? gl.getExtension('WEBGL_debug_renderer_info') : null
  return String(gl.getParameter(hidden ? hidden.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
}

function placeOf([x0, y0, x1, y1]: number[]): [number, number, number, number] {
  return [x0, y0, x1 - x0, y1 - y0]
}

/** A new texture at a unit, read pixel by pixel. */
function texture(gl: WebGL2RenderingContext, unit: number, target: number): void {
  gl.activeTexture(gl.TEXTURE0 + unit)
  gl.bindTexture(target, gl.createTexture())
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST)
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST)
}

function linked(gl: WebGL2RenderingContext, fragment: string): WebGLProgram | null {
  const program = gl.createProgram()
  for (const [kind, text] of [[gl.VERTEX_SHADER, ANYWHERE], [gl.FRAGMENT_SHADER, fragment]] as const) {
    const part = gl.createShader(kind)!
    gl.shaderSource(part, text)
    gl.compileShader(part)
    gl.attachShader(program, part)
  }
  gl.linkProgram(program)
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null
}
