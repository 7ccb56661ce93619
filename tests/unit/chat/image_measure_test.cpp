#include "chat/image_measure.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "chat/token_rule.hpp"

using namespace parley;

namespace {

int64_t cost(const char* model, uint32_t width, uint32_t height) {
  content_measure measure;
  measure.o200k = measure.cl100k = 0;
  add_image(measure, image_size{width, height});
  return content_tokens(token_rule_of(model), sum_of(measure));
}

std::string be(uint32_t number, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(number >> (8 * bytes) & 0xff);
  return text;
}

std::string padded(std::string head) {
  head.resize(64);
  return head;
}

}  // namespace

TEST_CASE("images cost what the providers' pages say", "[image]") {
  // OpenAI's own examples: 1024 x 1024, 2048 x 4096.
  CHECK(cost("gpt-4o", 1024, 1024) == 765);
  CHECK(cost("gpt-4o", 2048, 4096) == 1105);
  CHECK(cost("gpt-4o", 512, 512) == 255);
  CHECK(cost("gpt-4o-mini", 1024, 1024) == 2833 + 4 * 5667);
  // 1024 patches; a larger one stops at 1536.
  CHECK(cost("gpt-4.1-mini", 1024, 1024) == 1659);
  CHECK(cost("gpt-4.1-mini", 4000, 4000) == 2489);
  // Anthropic: 200 x 200 about 54, 1000 x 1000 about 1334, 1092 x 1092 about 1590.
  auto areas = [](uint32_t width, uint32_t height) {
    content_measure measure;
    add_image(measure, image_size{width, height});
    return measure.areas;
  };
  CHECK(areas(200, 200) == 54);
  CHECK(areas(1000, 1000) == 1334);
  CHECK(areas(1092, 1092) == 1590);
  CHECK(areas(8000, 8000) == 1600);
  CHECK(image_rule_of("gemini-2.5-pro").per_crop == 258);
}

TEST_CASE("the size stands in the first bytes", "[image]") {
  auto size_of = [](const std::string& bytes) {
    auto found = read_image_size(bytes);
    return found ? std::to_string(found->width) + "x" + std::to_string(found->height)
                 : std::string{"none"};
  };
  CHECK(size_of(padded("\x89PNG\r\n\x1a\n" + be(13, 4) + "IHDR" + be(640, 4) + be(480, 4))) ==
        "640x480");
  CHECK(size_of(padded("GIF89a" + std::string("\x80\x02\xe0\x01", 4))) == "640x480");
  auto jpeg = "\xff\xd8\xff\xe0" + be(16, 2) + std::string(14, 'x') + "\xff\xc2" + be(17, 2) +
              be(8, 1) + be(480, 2) + be(640, 2);
  CHECK(size_of(padded(jpeg)) == "640x480");
  auto webp = "RIFF" + be(0, 4) + "WEBPVP8X" + be(10, 4) + be(0, 4) +
              std::string("\x7f\x02\x00\xdf\x01\x00", 6);
  CHECK(size_of(padded(webp)) == "640x480");
  CHECK(size_of(padded("BM")) == "none");
  CHECK(size_of("\x89PNG") == "none");
  // Whatever it is cut to, nothing is read behind it.
  for (size_t bytes = 0; bytes < jpeg.size(); ++bytes) size_of(jpeg.substr(0, bytes));
}

TEST_CASE("an image that cannot be read counts as a large one", "[image]") {
  content_measure broken, large;
  add_image(broken, "data:image/png;base64,AAAA");
  add_image(large, image_size{2048, 2048});
  CHECK(broken == large);
  auto png = padded("\x89PNG\r\n\x1a\n" + be(13, 4) + "IHDR" + be(640, 4) + be(480, 4));
  content_measure read, known;
  add_image(read, "data:image/png;base64," + base64(png));
  add_image(known, image_size{640, 480});
  CHECK(read == known);
}
