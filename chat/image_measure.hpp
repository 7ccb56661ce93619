/// How large an image is for each provider's published rule. Pure; an image that cannot be read
/// counts as one of 2048 x 2048.
#pragma once

#include <optional>
#include <string_view>

#include "schema/message.hpp"

namespace parley {

struct image_size {
  uint32_t width = 0;
  uint32_t height = 0;
};

/// From the first bytes of a PNG, JPEG, GIF or WebP.
std::optional<image_size> read_image_size(std::string_view bytes);

/// Adds one image to the measure of its message. `url` is a data: url.
void add_image(content_measure& to, std::string_view url);
/// The same for a size that is known.
void add_image(content_measure& to, image_size size);

/// Tokens of the images of one message, linear in the measure.
struct image_rule {
  double per_image = 0;
  double per_tile = 0;
  double per_patch = 0;
  double per_area = 0;
  double per_crop = 0;
};

/// The provider's published rule for a model; for others that of OpenAI's gpt-4o.
image_rule image_rule_of(std::string_view model);

}  // namespace parley
