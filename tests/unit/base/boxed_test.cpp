#include "base/boxed.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "base/release.hpp"

using namespace parley;

TEST_CASE("a boxed value is there or not, and costs a pointer while it is not") {
  STATIC_REQUIRE(sizeof(boxed<std::string>) == sizeof(void*));
  boxed<std::string> one;
  CHECK_FALSE(one);
  CHECK(one.get() == nullptr);
  one = std::string{"text"};
  REQUIRE(one);
  CHECK(*one == "text");
  CHECK(one->size() == 4);
  one.reset();
  CHECK_FALSE(one);
  CHECK_FALSE(boxed<std::string>{std::optional<std::string>{}});
  CHECK(*boxed<std::string>{std::optional<std::string>{"other"}} == "other");
}

TEST_CASE("a boxed value is copied, moved and taken like one that is not") {
  boxed<std::string> one{std::string{"text"}};
  auto copy = one;
  *copy += "s";
  CHECK(*one == "text");
  one = copy;
  CHECK(*one == "texts");
  auto moved = std::move(one);
  CHECK(*moved == "texts");
  CHECK(moved.take() == "texts");
  CHECK_FALSE(moved);
  CHECK_FALSE(moved.take());
  copy = moved;
  CHECK_FALSE(copy);
}

TEST_CASE("what is released holds no memory") {
  struct holder {
    std::string text = std::string(1000, 'a');
  } held;
  release(held);
  CHECK(held.text.size() == 1000);  // as it begins
  release(held.text);
  CHECK(held.text.empty());
  CHECK(held.text.capacity() == std::string{}.capacity());
}
