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
