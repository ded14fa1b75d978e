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
        base = teeth; shade = clamp((v_place.z - mouth_z + 0.48) * 2.9, 0.10, 1.0); how_lit *= 0.5; shine = 0.15 * shade;
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
