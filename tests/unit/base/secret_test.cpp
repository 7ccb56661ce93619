#include "base/secret.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <catch2/catch.hpp>
#include <sstream>
#include <type_traits>

using namespace parley;

namespace {

template <class T, class = void>
struct is_printable : std::false_type {};
template <class T>
struct is_printable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

}  // namespace

TEST_CASE("a secret is neither printed nor serialized") {
  static_assert(!is_printable<secret_text>::value);
  static_assert(!std::is_convertible_v<secret_text, std::string>);
  secret_text key{"sk-canary-1234"};
  CHECK(caf::deep_to_string(key) == "secret()");
  CHECK(caf::to_string(caf::make_message(key)).find("canary") == std::string::npos);

  std::vector<char> bytes;
  caf::binary_serializer sink{nullptr, bytes};
  CHECK_FALSE(sink(key));
  CHECK(bytes.empty());
  secret_text other{"old"};
  caf::binary_deserializer source{nullptr, bytes};
  CHECK_FALSE(source(other));
  CHECK(other.reveal() == "old");
}

TEST_CASE("a secret copies, moves and compares by its text") {
  for (auto text : {"short", "a text too long for the small buffer of a string"}) {
    secret_text first{text};
    auto copy = first;
    CHECK(copy == first);
    auto moved = std::move(copy);
    CHECK(copy.empty());  // NOLINT(bugprone-use-after-move): what remains is the point
    CHECK(moved.reveal() == text);
    copy = moved;
    CHECK(copy == first);
    copy = std::move(moved);
    CHECK(copy == first);
    CHECK_FALSE(copy == secret_text{"other"});
  }
  CHECK(secret_text{} == secret_text{""});
}
