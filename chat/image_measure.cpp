#include "chat/image_measure.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace parley {

namespace {

// Sizes stand in the first kilobytes; a JPEG's may follow an embedded preview.
constexpr size_t looked_at_bytes = size_t{256} << 10;

uint32_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
uint32_t big_16(std::string_view bytes, size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}
uint32_t little_16(std::string_view bytes, size_t at) {
  return byte_at(bytes, at) | byte_at(bytes, at + 1) << 8;
}
uint32_t little_24(std::string_view bytes, size_t at) {
  return little_16(bytes, at) | byte_at(bytes, at + 2) << 16;
}

// ITU T.81, annex B: segments up to the frame header, which is SOF0 … SOF15 without DHT, JPG, DAC.
std::optional<image_size> jpeg_size(std::string_view bytes) {
  for (size_t at = 2; at + 9 < bytes.size();) {
    if (byte_at(bytes, at) != 0xff) return std::nullopt;
    auto marker = byte_at(bytes, at + 1);
    if (marker == 0xff) {
      ++at;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
      return image_size{big_16(bytes, at + 7), big_16(bytes, at + 5)};
    at += 2 + std::max<size_t>(2, big_16(bytes, at + 2));
  }
  return std::nullopt;
}

// RFC 9649: a lossy, a lossless or an extended file.
std::optional<image_size> webp_size(std::string_view bytes) {
  auto kind = bytes.substr(12, 4);
  if (kind == "VP8X") return image_size{little_24(bytes, 24) + 1, little_24(bytes, 27) + 1};
  if (kind == "VP8 ")
    return image_size{little_16(bytes, 26) & 0x3fff, little_16(bytes, 28) & 0x3fff};
  if (kind != "VP8L") return std::nullopt;
  auto bits = little_16(bytes, 21) | little_16(bytes, 23) << 16;
  return image_size{(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
}

double steps(double length, double step) {
  return std::max(1.0, std::ceil(length / step));
}

// OpenAI, "Images and vision": scaled down to fit 2048 x 2048, then to a shorter side of 768; one
// tile for each 512 x 512.
double tiles_of(double width, double height) {
  auto shrink = std::min(1.0, 2048 / std::max(width, height));
  shrink = std::min(shrink, 768 / std::min(width, height));
  return steps(width * shrink, 512) * steps(height * shrink, 512);
}

// The same page, for the small models: patches of 32 x 32, scaled down to at most 1536 of them.
double patches_of(double width, double height) {
  constexpr double patches_max = 1536;
  return std::min(patches_max, steps(width, 32) * steps(height, 32));
}

// Anthropic, "Vision": width x height / 750, after scaling the longer side down to 1568; at most
// about 1,600 tokens.
double areas_of(double width, double height) {
  auto shrink = std::min(1.0, 1568 / std::max(width, height));
  return std::min(1600.0, std::ceil(width * shrink * height * shrink / 750));
}

// Google, "Understand and count tokens": one piece up to 384 x 384, else tiles of 768 x 768.
double crops_of(double width, double height) {
  if (width <= 384 && height <= 384) return 1;
  return steps(width, 768) * steps(height, 768);
}

void add(uint16_t& to, double more) {
  to = static_cast<uint16_t>(std::min(65535.0, to + more));
}

struct image_row {
  std::string_view prefix;
  image_rule rule;
};

// Base and tile, or the factor of a patch, by OpenAI's page; the longer prefix first.
constexpr image_row image_rows[] = {
    {"gpt-4o-mini", {.per_image = 2833, .per_tile = 5667}},
    {"gpt-4.1-mini", {.per_patch = 1.62}},
    {"gpt-4.1-nano", {.per_patch = 2.46}},
    {"gpt-5-mini", {.per_patch = 1.62}},
    {"gpt-5-nano", {.per_patch = 2.46}},
    {"o4-mini", {.per_patch = 1.72}},
    {"gpt-5", {.per_image = 70, .per_tile = 140}},
    {"o1", {.per_image = 75, .per_tile = 150}},
    {"o3", {.per_image = 75, .per_tile = 150}},
    {"claude", {.per_area = 1}},
    {"gemini", {.per_crop = 258}},
};

}  // namespace

std::optional<image_size> read_image_size(std::string_view bytes) {
  std::optional<image_size> found;
  if (bytes.size() < 30) return found;
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n")
    found = image_size{big_16(bytes, 16) << 16 | big_16(bytes, 18),
                       big_16(bytes, 20) << 16 | big_16(bytes, 22)};
  else if (bytes.substr(0, 3) == "GIF")
    found = image_size{little_16(bytes, 6), little_16(bytes, 8)};
  else if (bytes.substr(0, 2) == "\xff\xd8")
    found = jpeg_size(bytes);
  else if (bytes.substr(0, 4) == "RIFF" && bytes.substr(8, 4) == "WEBP")
    found = webp_size(bytes);
  if (found && (found->width == 0 || found->height == 0)) return std::nullopt;
  return found;
}

void add_image(content_measure& to, image_size size) {
  auto width = static_cast<double>(size.width), height = static_cast<double>(size.height);
  add(to.images, 1);
  add(to.tiles, tiles_of(width, height));
  add(to.patches, patches_of(width, height));
  add(to.areas, areas_of(width, height));
  add(to.crops, crops_of(width, height));
}

void add_image(content_measure& to, std::string_view url) {
  constexpr image_size largest{2048, 2048};
  auto comma = url.find(',');
  if (comma == url.npos) return add_image(to, largest);
  auto data = url.substr(comma + 1, looked_at_bytes);
  // Only whole groups of four can be decoded; the padding stands in the last one.
  auto bytes = parse_base64(data.substr(0, data.size() / 4 * 4));
  add_image(to, bytes ? read_image_size(*bytes).value_or(largest) : largest);
}

image_rule image_rule_of(std::string_view model) {
  if (auto slash = model.rfind('/'); slash != model.npos) model.remove_prefix(slash + 1);
  for (const auto& row : image_rows)
    if (model.starts_with(row.prefix)) return row.rule;
  return {.per_image = 85, .per_tile = 170};
}

}  // namespace parley
