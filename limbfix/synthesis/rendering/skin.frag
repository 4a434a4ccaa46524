#version 330
// Skin, cloth, hair and things: wrapped diffuse light with a red bleed for skin, one shadowed key light, one fill light,
// spherical-harmonic surroundings (irradiance, 9 coefficients), GGX highlights, procedural bumps and mottling.
// PATTERN is defined by the renderer, a number of `PATTERNS`: software GL would compute all branches for every pixel.
in vec3 world; in vec3 world_normal; in vec3 rest_point; in vec2 texture_point; in vec4 vertex_colour; in vec4 light_point;
flat in vec4 vertex_labels;
uniform vec3 eye; uniform vec3 key_direction; uniform vec3 key_colour; uniform vec3 fill_direction; uniform vec3 fill_colour;
uniform vec3 surroundings[9]; uniform float exposure; uniform float shadow_strength; uniform sampler2DShadow shadow_map;
uniform sampler2D detail_map; uniform vec4 nail_tint;
uniform float bump; uniform float shine; uniform float roughness; uniform float scatter; uniform float seed; uniform float grain;
uniform float nail_surface; uniform vec4 pattern_colour; uniform float pattern_scale;
layout(location = 0) out vec4 rgb; layout(location = 1) out vec4 label_out;

float hash(vec3 p) { p = fract(p * vec3(.1031, .1030, .0973)); p += dot(p, p.yxz + 33.33); return fract((p.x + p.y) * p.z); }
float noise(vec3 p) {
  vec3 i = floor(p), f = fract(p); f = f * f * (3. - 2. * f);
  return mix(mix(mix(hash(i), hash(i + vec3(1, 0, 0)), f.x), mix(hash(i + vec3(0, 1, 0)), hash(i + vec3(1, 1, 0)), f.x), f.y),
             mix(mix(hash(i + vec3(0, 0, 1)), hash(i + vec3(1, 0, 1)), f.x),
                 mix(hash(i + vec3(0, 1, 1)), hash(i + vec3(1, 1, 1)), f.x), f.y), f.z);
}
float clouds(vec3 p) { return noise(p) * .5 + noise(p * 2.1) * .25 + noise(p * 4.3) * .125; }
vec3 slope(vec3 p) {
  // The noise's own derivative: one set of corners instead of the four of differences.
  vec3 i = floor(p), f = fract(p), u = f * f * (3. - 2. * f), du = 6. * f * (1. - f);
  float a = hash(i), b = hash(i + vec3(1, 0, 0)), c = hash(i + vec3(0, 1, 0)), d = hash(i + vec3(1, 1, 0));
  float e = hash(i + vec3(0, 0, 1)), g = hash(i + vec3(1, 0, 1)), h = hash(i + vec3(0, 1, 1)), k = hash(i + vec3(1, 1, 1));
  return .68 * du * vec3(mix(mix(b - a, d - c, u.y), mix(g - e, k - h, u.y), u.z),
                         mix(mix(c - a, d - b, u.x), mix(h - e, k - g, u.x), u.z),
                         mix(mix(e - a, g - b, u.x), mix(h - c, k - d, u.x), u.y));
}
vec3 irradiance(vec3 n) {
  return max(vec3(0), surroundings[0] + surroundings[1] * n.y + surroundings[2] * n.z + surroundings[3] * n.x
    + surroundings[4] * n.x * n.y + surroundings[5] * n.y * n.z + surroundings[6] * (3. * n.z * n.z - 1.)
    + surroundings[7] * n.x * n.z + surroundings[8] * (n.x * n.x - n.y * n.y));
}
float lit() {
  // Four looks, each a bilinear mean of four comparisons: as soft as nine single ones, and smoother.
  vec3 p = light_point.xyz / light_point.w * .5 + .5; float sum = 0.;
  if (any(lessThan(p.xy, vec2(0))) || any(greaterThan(p.xy, vec2(1)))) return 1.;  // beyond the shadow map
  vec2 texel = 1. / vec2(textureSize(shadow_map, 0));
  for (int i = -1; i <= 1; i += 2) for (int j = -1; j <= 1; j += 2)
    sum += texture(shadow_map, vec3(p.xy + vec2(i, j) * texel, p.z - 0.004));
  return sum / 4.;
}
vec3 highlight(vec3 n, vec3 v, vec3 l) {
  vec3 h = normalize(l + v); float nh = max(dot(n, h), 0.), nl = max(dot(n, l), 0.);
  float a = roughness * roughness, d = nh * nh * (a * a - 1.) + 1.;
  float fresnel = .028 + .972 * pow(1. - max(dot(h, v), 0.), 5.);
  return vec3(shine * a * a / (3.14159 * d * d + 1e-5) * fresnel * nl * .25 / max(dot(n, v), .15));
}
float band(float x) {
  // Half on, half off, once per unit; fades to its mean where a pixel is wider than a band.
  float w = max(fwidth(x), 1e-4), edge = smoothstep(-w, w, abs(fract(x) - .5) - .25);
  return mix(edge, .5, smoothstep(.35, .9, w));
}
float pattern_cover(vec3 p) {
  // u runs around the body from the middle of the front, v downwards; the one jump of u is in the middle of the back.
  float u = (p.x + sign(p.x) * (1.3 - p.z)) * pattern_scale, v = p.y * pattern_scale;
#if PATTERN == 1
  return band(v);
#elif PATTERN == 2
  return band(u);
#elif PATTERN == 3
  return .5 * band(u) + .5 * band(v);
#elif PATTERN == 4
  vec2 c = fract(vec2(u + .5 * mod(floor(v), 2.), v)) - .5;
  return 1. - smoothstep(.22, .3, length(c));
#elif PATTERN == 5
  return smoothstep(.5, .56, noise(vec3(u, v, seed)) * .7 + noise(vec3(u, v, seed + 9.) * 2.3) * .3);
#elif PATTERN == 6
  float a = atan(p.x, p.z) * 14.;
  return .55 * noise(vec3(a * pattern_scale, p.y * 1.4, length(p.xz) * 9.) + seed)
    + .45 * noise(vec3(a * pattern_scale * 3.1, p.y * 2.3, seed));
#elif PATTERN == 8
  return band(u * 3.);
#else
  return 0.;
#endif
}
vec3 eye_colour(vec3 p) {
  // Points come in eye radii about the eye's centre; the gaze is +z. Pupil, iris with a dark rim, sclera with a little red.
  float a = atan(length(p.xy), p.z), r = a / pattern_scale, spokes = noise(vec3(normalize(p.xy + 1e-5) * 7., r * 1.5 + seed));
  vec3 iris = pattern_colour.rgb * (.6 + .8 * spokes) * (1.15 - .75 * smoothstep(.75, 1., r));
  vec3 sclera = vertex_colour.rgb * mix(vec3(1), vec3(1., .72, .68), .5 * smoothstep(1.4, 3.2, r));
  return mix(vec3(.004), mix(iris, sclera, smoothstep(.94, 1.06, r)), smoothstep(.36, .44, r));
}
void main() {
  vec3 v = normalize(eye - world), n = normalize(world_normal);
  if (dot(n, v) < 0.) n = normalize(n - 1.02 * dot(n, v) * v);
  vec3 q = rest_point * grain + seed;
  vec4 detail = texture(detail_map, texture_point);
  bool nail = vertex_labels.w > 0. && detail.a > .5;
  vec3 nb = nail ? n : normalize(n - bump * (slope(q * 14.) + .7 * slope(q * 37.)));
  vec3 albedo = vertex_colour.rgb * detail.rgb;
#if PATTERN == 7
  albedo = eye_colour(rest_point);
#elif PATTERN > 0
  albedo = mix(albedo, pattern_colour.rgb, pattern_colour.a * pattern_cover(rest_point));
#endif
  albedo *= nail ? 1. : .86 + .28 * clouds(q * 3.1);
  albedo *= mix(vec3(1), vec3(1.06, .93, .92), smoothstep(.4, .8, noise(q * 1.3 + 7.)) * scatter);
  if (nail) albedo = mix(albedo, nail_tint.rgb, nail_tint.a);
  float shadow = mix(1., lit(), shadow_strength);
  vec3 wrap = vec3(.35, .12, .06) * scatter;
  vec3 diffuse = clamp((vec3(dot(nb, key_direction)) + wrap) / (1. + wrap), 0., 1.);
  diffuse *= mix(vec3(shadow), vec3(shadow * .9 + .1, shadow, shadow), scatter);
  vec3 fill = clamp((vec3(dot(nb, fill_direction)) + wrap) / (1. + wrap), 0., 1.);
  float rim = pow(1. - max(dot(nb, v), 0.), 4.);
  vec3 c = albedo * (irradiance(nb) * (.55 + .45 * vertex_colour.a) + diffuse * key_colour + fill * fill_colour);
  c += shadow * key_colour * highlight(nb, v, key_direction) + fill_colour * highlight(nb, v, fill_direction);
  c += irradiance(reflect(-v, nb)) * (nail ? 1.6 : shine) * (.02 + .18 * rim) * vertex_colour.a;
  c *= exposure;
  rgb = vec4(pow(clamp(c * (1. + c * .15) / (1. + c * .55), 0., 1.), vec3(1. / 2.2)), 1.);
  label_out = vec4(vertex_labels.x, nail ? vertex_labels.w : vertex_labels.y, nail ? nail_surface : vertex_labels.z, shadow);
}
