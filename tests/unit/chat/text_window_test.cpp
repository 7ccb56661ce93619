#include "chat/text_window.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

part text_of(std::string text, part_type type = part_type::text) {
  part made;
  made.type = type;
  made.text = std::move(text);
  return made;
}

std::string found(text_window& window, message_id id) {
  message_role role{};
  std::vector<part> parts;
  if (!window.find(id, role, parts)) return "-";
  std::string all{role == message_role::user ? "u" : "a"};
  for (const auto& each : parts)
    all += (each.type == part_type::reasoning ? "(" : ":") + *each.text;
  return all;
}

}  // namespace

TEST_CASE("a window keeps the texts of messages") {
  text_window window{1000};
  auto a = message_id::make();
  auto b = message_id::make();
  auto c = message_id::make();
  window.keep(a, message_role::user, {text_of("one")});
  window.keep(b, message_role::assistant,
              {text_of("hm", part_type::reasoning), text_of(""), text_of("two")});
  window.keep(c, message_role::user, {text_of("three")});
  CHECK(found(window, b) == "a(hm::two");
  CHECK(found(window, a) == "u:one");
  CHECK(found(window, b) == "a(hm::two");
  CHECK(found(window, c) == "u:three");
  CHECK(found(window, message_id::make()) == "-");
  SECTION("in their latest form") {
    window.keep(b, message_role::assistant, {text_of("two and more")});
    CHECK(found(window, b) == "a:two and more");
    CHECK(found(window, c) == "u:three");
  }
  SECTION("until they are forgotten") {
    window.forget(b);
    window.forget(b);
    CHECK(found(window, b) == "-");
    CHECK(found(window, a) == "u:one");
    CHECK(found(window, c) == "u:three");
    window.clear();
    CHECK(found(window, a) == "-");
  }
  SECTION("but no images") {
    part image;
    image.type = part_type::image;
    image.url = "data:,";
    window.keep(c, message_role::user, {text_of("see"), image});
    CHECK(found(window, c) == "-");
  }
}

TEST_CASE("a window is as large as it may be") {
  text_window window{400};
  std::vector<message_id> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(message_id::make());
    window.keep(ids.back(), message_role::user, {text_of(std::string(50, 'a'))});
    CHECK(window.bytes() < 1600);
  }
  CHECK(found(window, ids[0]) == "-");
  CHECK(found(window, ids[98]).size() == 52);
  CHECK(found(window, ids[99]).size() == 52);
  auto large = message_id::make();
  window.keep(large, message_role::user, {text_of(std::string(401, 'a'))});
  CHECK(found(window, large) == "-");
  CHECK(found(window, ids[99]).size() == 52);
  text_window nothing;
  nothing.keep(large, message_role::user, {text_of("a")});
  CHECK(found(nothing, large) == "-");
}
