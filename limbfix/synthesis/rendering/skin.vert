#version 330
// One render vertex: world position, normal, rest position (for noise that sticks to the skin), texture coordinates, colour
// with ambient occlusion in w, and labels: instance, part, surface, part under a nail (0: none).
in vec3 position; in vec3 normal; in vec3 rest; in vec2 uv; in vec4 colour; in vec4 labels;
uniform mat4 camera; uniform mat4 light_camera;
out vec3 world; out vec3 world_normal; out vec3 rest_point; out vec2 texture_point; out vec4 vertex_colour; out vec4 light_point;
flat out vec4 vertex_labels; invariant gl_Position;
void main() {
  world = position; world_normal = normal; rest_point = rest; texture_point = uv; vertex_colour = colour;
  vertex_labels = labels;
  light_point = light_camera * vec4(position, 1.0);
  gl_Position = camera * vec4(position, 1.0);
}
