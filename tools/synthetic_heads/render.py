"""Pictures of heads by OpenGL without a window (the package ``moderngl``; Mesa's software renderer will do)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import moderngl
import numpy as np

from .asset import LASHES

FINER = 1.5  # pixels drawn for one of the picture, along each side

VERTEX = """
#version 330
in vec3 place; in vec3 normal;
in vec4 photo; in vec2 trust; in vec4 fill; in float part; in vec3 local; in vec3 rest;
uniform mat4 camera;
out vec3 v_place; out vec3 v_normal; out vec4 v_photo; out vec2 v_trust; out vec4 v_fill; flat out int v_part;
out vec3 v_local; out vec3 v_rest;
void main() {
    gl_Position = camera * vec4(place, 1.0);
    v_place = place; v_normal = normal; v_photo = photo; v_trust = trust; v_fill = fill; v_part = int(part + 0.5);
    v_local = local; v_rest = rest;
}
"""
FRAGMENT = """
#version 330
in vec3 v_place; in vec3 v_normal; in vec4 v_photo; in vec2 v_trust; in vec4 v_fill; flat in int v_part;
in vec3 v_local; in vec3 v_rest;
uniform sampler2D photo; uniform sampler2D matte;
uniform vec3 light; uniform vec3 light_tone; uniform vec3 ambient; uniform vec3 eye; uniform float gloss;
uniform vec3 iris; uniform float pupil; uniform vec3 white; uniform vec3 teeth; uniform vec3 tongue; uniform vec3 throat;
uniform vec3 lashes; uniform float lit; uniform float mouth_z;
out vec4 colour;

float hash(vec3 p) { return fract(sin(dot(p, vec3(127.1, 311.7, 74.7))) * 43758.5453); }
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
    return mix(mix(mix(hash(i), hash(i + vec3(1,0,0)), f.x), mix(hash(i + vec3(0,1,0)), hash(i + vec3(1,1,0)), f.x), f.y),
               mix(mix(hash(i + vec3(0,0,1)), hash(i + vec3(1,0,1)), f.x),
                   mix(hash(i + vec3(0,1,1)), hash(i + vec3(1,1,1)), f.x), f.y), f.z);
}
void main() {
    vec3 n = normalize(v_normal);
    if (!gl_FrontFacing) n = -n;
    vec3 to_eye = normalize(eye - v_place);
    vec3 base; float alpha = 1.0; float shine = gloss; float shade = 1.0; float how_lit = lit;
    if (v_part == 0) {
        float hairy = v_fill.a;
        float a = v_trust.x, b = (1.0 - a) * v_trust.y;
        vec3 fill = v_fill.rgb;
        if (a + b < 0.98) {
            vec3 fine = mix(vec3(26.0), vec3(34.0, 5.0, 34.0), hairy);
            float grain = noise(v_rest * fine) * mix(0.06, 0.55, hairy) + noise(v_rest * fine * 2.1) * mix(0.04, 0.4, hairy);
            fill *= 1.0 + grain - mix(0.05, 0.45, hairy);
        }
        vec3 here = texture(photo, v_photo.xy).rgb, there = texture(photo, v_photo.zw).rgb;
        base = here * a + there * b + fill * (1.0 - a - b);
        float deep = smoothstep(0.15, 0.75, v_local.x);
        base = mix(base, throat, deep);
        shade = 1.0 - 0.75 * smoothstep(0.5, 1.0, v_local.x) * clamp((mouth_z - 0.15 - v_place.z) * 2.5, 0.0, 1.0);
        shine *= 1.0 - deep; shine *= 1.0 - hairy;
    } else if (v_part == 1) {
        vec3 d = normalize(v_local);
        float r = length(d.xy) + (d.z < 0.0 ? 2.0 : 0.0);
        base = mix(white, white * vec3(0.90, 0.72, 0.68), smoothstep(0.55, 1.0, r));
        float a = atan(d.y, d.x);
        vec3 ring = iris * (0.85 + 0.25 * sin(a * 17.0) * sin(a * 7.0 + 1.0)) * mix(1.25, 0.8, r / 0.45);
        ring = mix(ring, iris * 0.3, smoothstep(0.38, 0.45, r));
        base = mix(ring, base, smoothstep(0.43, 0.47, r));
        base = mix(vec3(0.015), base, smoothstep(pupil - 0.03, pupil + 0.03, r));
        shine = 0.0;
        shade = 1.0 - 0.35 * smoothstep(0.1, 0.7, v_normal.y) - 0.15 * smoothstep(0.35, 0.8, abs(v_normal.x));
        vec3 h = normalize(light + vec3(0.0, 0.25, 0.0) + to_eye);
        base += 0.8 * pow(max(dot(n, h), 0.0), 240.0) / max(shade, 0.3);
    } else if (v_part == 2) {
        base = teeth; shade = clamp((v_place.z - mouth_z + 0.42) * 2.4, 0.10, 1.0); shine = 0.15 * shade;
        base *= 0.86 + 0.14 * smoothstep(0.0, 0.25, abs(fract(v_rest.x * 9.0) - 0.5) * 2.0);
    } else if (v_part == 3) {
        base = tongue * (0.9 + 0.2 * noise(v_rest * 50.0)); shade = clamp((v_place.z - mouth_z + 0.55) * 1.5, 0.12, 0.9);
    } else if (v_part == 4) {
        base = lashes; shine = 0.0; alpha = 0.42;
    } else {
        base = texture(photo, v_photo.xy).rgb; alpha = texture(matte, v_photo.xy).r; how_lit = 0.0; shine = 0.0;
        if (alpha < 0.04) discard;
    }
    float diffuse = max((dot(n, light) + 0.25) / 1.25, 0.0);
    vec3 seen = mix(vec3(1.0), ambient * (0.85 + 0.15 * n.y) + light_tone * diffuse, how_lit);
    float spot = pow(max(dot(n, normalize(light + to_eye)), 0.0), 20.0) * shine;
    colour = vec4(clamp(base * seen * shade + spot * light_tone, 0.0, 1.0), alpha);
}
"""


@dataclass(frozen=True)
class Surface:
    """What does not change from frame to frame: F triangles of V vertices, V colours of all kinds, two pictures.

    parts (F,); photo (V, 4): places (x, y) in the picture, from 0 to 1, y down, of a vertex and of its mirror image;
    trust (V, 2) in them; fill (V, 4): other colour, and whether it is hair; local (V, 3): depth in the mouth, or the
    place in the eyeball; rest (V, 3): places that noise is made of. ``colours`` are uniforms of the shader by name.
    """

    triangles: np.ndarray
    parts: np.ndarray
    photo: np.ndarray
    trust: np.ndarray
    fill: np.ndarray
    local: np.ndarray
    rest: np.ndarray
    picture: np.ndarray  # (S, S, 3) uint8
    matte: np.ndarray  # (S, S) uint8
    colours: dict[str, np.ndarray | float]


class Renderer:
    """Draws surfaces as square pictures of ``size``; one per process."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.context = moderngl.create_standalone_context(backend="egl")
        self.program = self.context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        side = round(size * FINER)
        self._target = self.context.simple_framebuffer((side, side), 4)
        self._held: list[moderngl.Buffer | moderngl.Texture | moderngl.VertexArray] = []

    def set_surface(self, surface: Surface) -> None:
        for each in self._held:
            each.release()
        veiled = surface.parts >= LASHES
        order = np.argsort(veiled, kind="stable")
        self._welded = surface.triangles[order].reshape(-1)
        self._opaque = 3 * int((~veiled).sum())
        parts = np.repeat(surface.parts[order], 3)[:, None]
        each = (surface.photo, surface.trust, surface.fill, surface.local, surface.rest)
        fixed = np.concatenate([values[self._welded] for values in each] + [parts], axis=1)
        still = self.context.buffer(fixed.astype("f4").tobytes())
        self._moving = self.context.buffer(reserve=len(self._welded) * 24)
        layout = [
            (self._moving, "3f 3f", "place", "normal"),
            (still, "4f 2f 4f 3f 3f 1f", "photo", "trust", "fill", "local", "rest", "part"),
        ]
        self._array = self.context.vertex_array(self.program, layout)
        self._held = [still, self._moving, self._array]
        for unit, (name, picture) in enumerate((("photo", surface.picture), ("matte", surface.matte[..., None]))):
            texture = self.context.texture(picture.shape[1::-1], picture.shape[2], np.ascontiguousarray(picture).tobytes())
            texture.build_mipmaps()
            texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
            texture.repeat_x = texture.repeat_y = False
            texture.use(unit)
            self.program[name] = unit
            self._held.append(texture)
        for name, value in surface.colours.items():
            self.program[name].value = tuple(float(v) for v in value) if np.ndim(value) else float(value)

    def __call__(self, points: np.ndarray, normals: np.ndarray, camera: np.ndarray, eye: np.ndarray, mouth_z: float) -> np.ndarray:
        """(size, size, 4) float32 in [0, 1], colour times coverage, of points (V, 3) and their normals.

        camera (4, 4) takes points to clip space; ``eye`` is where it stands, ``mouth_z`` how far in front the lips are.
        """
        self._moving.write(np.concatenate([points, normals], axis=1).astype("f4")[self._welded].tobytes())
        self.program["camera"].write(np.ascontiguousarray(camera.T, "f4").tobytes())
        self.program["eye"].value = tuple(float(v) for v in eye)
        self.program["mouth_z"].value = float(mouth_z)
        self._target.use()
        self._target.clear(0, 0, 0, 0)
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.disable(moderngl.BLEND)
        self._array.render(vertices=self._opaque)
        self.context.enable(moderngl.BLEND)
        add = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self.context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, *add
        self._array.render(first=self._opaque, vertices=len(self._welded) - self._opaque)
        side = round(self.size * FINER)
        drawn = np.frombuffer(self._target.read(components=4), np.uint8).reshape(side, side, 4)[::-1]
        return cv2.resize(drawn, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def normals_of(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of the vertices, outwards."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    across = np.cross(b - a, c - a)
    sums = np.zeros_like(points)
    for axis in range(3):
        for corner in range(3):
            sums[:, axis] += np.bincount(triangles[:, corner], across[:, axis], len(points))
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
